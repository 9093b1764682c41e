"""A denoiser's text arguments: taken apart into each prompt's vectors, and put together again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Path = tuple[str | int, ...]
"""Name of an argument, and the keys and indices that lead to a tensor inside of it."""


@dataclass(frozen=True)
class TextArgument:
    """One argument of the denoiser that depends on the prompts, or a tensor inside of one."""

    path: Path
    rows: int | None
    """Its dimension of rows; None for a list that has an entry ``(s, d)`` for each row."""
    tokens: int | None
    """Its dimension of tokens; None for one vector a row. Counted as if rows came first."""

    @property
    def name(self) -> str:
        return ".".join(map(str, self.path))

    @property
    def is_sequence(self) -> bool:
        """Whether it has several vectors a row."""
        return self.rows is None or self.tokens is not None

    def count(self, value: Any) -> int:
        """Rows of `value`, which is found at `path`."""
        return len(value) if self.rows is None else int(value.shape[self.rows])

    def part(self, value: Any, part: int, batch: int) -> Any:
        """The rows of one part of a guided batch, as they are."""
        rows = slice(part * batch, (part + 1) * batch)
        return value[rows] if self.rows is None else value.movedim(self.rows, 0)[rows]

    def vectors(self, part: Any) -> tuple[torch.Tensor, ...]:
        """For each row of a `part` its vectors ``(s, d)``; layers are joined to channels."""
        if self.rows is None:
            return tuple(_matrix(each) for each in part)
        if self.tokens is None:
            return tuple(part.flatten(1)[:, None].unbind())
        return tuple(part.movedim(self.tokens, 1).flatten(2).unbind())

    def with_part(self, value: Any, part: int, batch: int, vectors: Sequence[torch.Tensor]) -> Any:
        """`value`, with `vectors` in place of those of one part; `value` itself stays as it is."""
        import torch

        start = part * batch
        if self.rows is None:
            changed = list(value)
            for index, new in enumerate(vectors, start=start):
                changed[index] = new if isinstance(value[index], torch.Tensor) else [new]
            return type(value)(changed)
        whole = value.clone()
        own = whole.movedim(self.rows, 0)[start : start + batch]
        if self.tokens is None:
            own.copy_(torch.stack(list(vectors)).reshape(own.shape))
        else:
            by_token = own.movedim(self.tokens, 1)
            by_token.copy_(torch.stack(list(vectors)).reshape(by_token.shape))
        return whole


def leaves(arguments: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Every tensor in a denoiser's `arguments`, and every list of matrices, with its path."""
    for name, value in arguments.items():
        yield from _leaves((name,), value)


def at(arguments: Mapping[str, Any], path: Path) -> Any:
    """What is at `path`; None if there is nothing."""
    value: Any = arguments
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def with_value(container: Any, path: Path, value: Any) -> Any:
    """`container` with `value` at `path`; what lies on the way is copied and not changed."""
    if not path:
        return value
    key, *rest = path
    inner = with_value(container[key], tuple(rest), value)
    if isinstance(container, Mapping):
        return {**container, key: inner}
    items = [*container]
    items[int(key)] = inner
    return type(container)(items)


def _leaves(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    import torch

    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves((*path, key), item)
    elif isinstance(value, list | tuple):
        if value and all(_is_matrix(item) for item in value):
            yield path, value
        else:
            for index, item in enumerate(value):
                yield from _leaves((*path, index), item)


def _is_matrix(item: Any) -> bool:
    """Whether `item` is a matrix, or a list of nothing but one, as Z-Image Omni is given."""
    import torch

    if isinstance(item, list | tuple):
        return len(item) == 1 and isinstance(item[0], torch.Tensor) and item[0].ndim == 2
    return isinstance(item, torch.Tensor) and item.ndim == 2


def _matrix(item: Any) -> torch.Tensor:
    matrix: torch.Tensor = item[0] if isinstance(item, list | tuple) else item
    return matrix
