"""Sentences that the figures of a run should not be read without, whatever the run."""

from __future__ import annotations

from collections.abc import Sequence

from t2i_audit.analysis.chance import FEWEST_IMAGES
from t2i_audit.results.decoding import DENOISER


def standing_notes(
    *, n_seeds: int, n_images: int, n_excluded: int, stations: Sequence[str]
) -> tuple[str, ...]:
    """Sentences on what the size and the settings of a run leave out."""
    notes = []
    if n_excluded:
        notes.append(
            f"{n_excluded} of {n_images} images could not be judged and are left out of every "
            "estimate."
        )
    if n_images and n_seeds < 2:
        notes.append(
            "With one seed it is not known whether a failure repeats: use --seeds 2 or more for "
            "repeatability, and --seeds 3 or more to tell chance from the denoiser."
        )
    elif n_images and n_seeds < FEWEST_IMAGES and stations:
        notes.append(
            f"With {n_seeds} seeds chance cannot be told from the denoiser: use --seeds "
            f"{FEWEST_IMAGES} or more."
        )
    if n_images and stations and DENOISER not in stations:
        notes.append(
            "The denoiser was not probed, so failures put down to it are not split into what was "
            "lost on the way in and what was held and not drawn."
        )
    return tuple(notes)
