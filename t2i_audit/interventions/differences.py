"""What differs between two calls of a denoiser, in which one prompt of two differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from t2i_audit.interventions.arguments import TextArgument, at, leaves

NOISE = 0.01  # of the largest difference; a row that differs by less does so by rounding
CHANGED, TOGETHER = 1, 2  # the row that gets another text, and the rows


@dataclass(frozen=True)
class Differences:
    """What differs between two calls of a denoiser in which one prompt does."""

    part: int
    """The first part of the calls' batch in which it does."""
    arguments: list[TextArgument]
    """Without their dimension of tokens."""
    numbers: list[str]
    """Whole numbers that depend on the text, and are more than a mask."""
    not_told: list[str]
    """Vectors of which it cannot be told which belong to which prompt."""


def differences(one: Mapping[str, Any], two: Mapping[str, Any]) -> Differences:
    """What differs between the arguments of a call and of the same one with another prompt."""
    parts: set[int] = set()
    arguments, numbers, not_told = [], [], []
    image = next(iter(one))
    for path, value in leaves(one):
        other = at(two, path)
        if path[0] == image or _is_same(value, other):
            continue
        name = ".".join(map(str, path))
        if not _holds_vectors(value):
            numbers += [name] if _is_numbers(value) else []
            continue
        rows = _changed_rows(value, other)
        if rows is None:
            not_told.append(name)
            continue
        dimension, own = rows
        parts |= {row // TOGETHER for row in own}
        arguments.append(TextArgument(path, dimension, None))
    return Differences(min(parts, default=0), arguments, numbers, not_told)


def _is_same(value: Any, other: Any) -> bool:
    import torch

    if isinstance(value, torch.Tensor):
        return isinstance(other, torch.Tensor) and (
            value.shape == other.shape and torch.equal(value.nan_to_num(), other.nan_to_num())
            if value.is_floating_point()
            else torch.equal(value, other)
        )
    ours, theirs = _matrices(value), _matrices(other)
    pairs = zip(ours, theirs, strict=False)
    return len(ours) == len(theirs) and all(_is_same(a, b) for a, b in pairs)


def _matrices(value: Any) -> list[Any]:
    if value is None:
        return []
    return [item[0] if isinstance(item, list | tuple) else item for item in value]


def _holds_vectors(value: Any) -> bool:
    """Whether these are vectors; floating numbers of one or two values are a mask."""
    import torch

    if not isinstance(value, torch.Tensor):
        return all(each.is_floating_point() for each in _matrices(value))
    return value.is_floating_point() and value.ndim >= 2 and len(value.unique()) > 2


def _is_numbers(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.dtype != torch.bool and len(value.unique()) > 2


def _changed_rows(value: Any, other: Any) -> tuple[int | None, list[int]] | None:
    """The dimension of rows, and the rows that differ; None where no dimension can be it."""
    import torch

    if not isinstance(value, torch.Tensor):
        pairs = zip(_matrices(value), _matrices(other), strict=False)
        rows = [index for index, (a, b) in enumerate(pairs) if not _is_same(a, b)]
        return (None, rows) if _are_rows(rows, len(value)) else None
    if other is None or value.shape != other.shape:
        return None
    difference = (value.float().nan_to_num() - other.float().nan_to_num()).abs()
    for dimension in range(min(2, value.ndim - 1)):
        by_row = difference.movedim(dimension, 0).flatten(1).amax(dim=1)
        rows = (by_row > NOISE * by_row.max()).nonzero().flatten().tolist()
        if _are_rows(rows, value.shape[dimension]):
            return dimension, rows
    return None


def _are_rows(rows: Sequence[int], count: int) -> bool:
    return count % TOGETHER == 0 and bool(rows) and {row % TOGETHER for row in rows} == {CHANGED}
