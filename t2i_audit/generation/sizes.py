"""Sizes of images: those nearest to a requested one, and their form in messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from t2i_audit.settings import ImageOptions

SIDES = (8, 16, 32, 64)  # pixels; most pipelines take multiples of one of these


def nearby_sizes(
    asked: ImageOptions, own_side: int | None
) -> Iterator[tuple[ImageOptions, ImageOptions]]:
    """Options with the next smaller and the next larger size, for coarser and coarser grids.

    Args:
        asked: requested options, with a height, a width or both.
        own_side: pixels per latent of the pipeline, if known.
    """
    sides = {*SIDES, *([own_side] if own_side is not None and own_side > 1 else [])}
    for side in sorted(sides):
        yield _rounded(asked, side, up=False), _rounded(asked, side, up=True)


def is_as_asked(made: tuple[int, int], options: ImageOptions) -> bool:
    """Whether images of height and width `made` have the size that `options` request."""
    asked = (options.height, options.width)
    return all(side in (None, real) for side, real in zip(asked, made, strict=True))


def as_options(options: ImageOptions) -> str:
    """The size as options of the command line."""
    sides = {"--height": options.height, "--width": options.width}
    return " ".join(f"{name} {side}" for name, side in sides.items() if side is not None)


def in_pixels(size: Sequence[int]) -> str:
    """A height and a width as text for the user."""
    return f"{size[0]} x {size[1]} pixels (height x width)"


def _rounded(asked: ImageOptions, side: int, *, up: bool) -> ImageOptions:
    def multiple(length: int | None) -> int | None:
        if length is None:
            return None
        return max(side, -(-length // side) * side if up else length // side * side)

    return replace(asked, height=multiple(asked.height), width=multiple(asked.width))
