"""One column of a leaderboard's table, and the few kinds of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BoardType = Literal["string", "int64", "float64", "bool"]
"""As pandas reads it; a column of whole numbers with an empty cell is float64 there."""


@dataclass(frozen=True)
class BoardColumn:
    """One column, and where in a row its value lies."""

    name: str
    type: BoardType
    unit: str
    """What a number counts or measures; empty for text and for names."""
    meaning: str
    optional: bool
    """Whether its cell may be empty."""
    path: tuple[str, ...]
    """Names of fields, and keys of dictionaries."""
    many: bool = False
    """Whether it holds several texts, with "; " between them."""
    derived: bool = False
    """Whether it follows from others and is not read back."""


def text(
    name: str, meaning: str, *path: str, optional: bool = False, many: bool = False
) -> BoardColumn:
    return BoardColumn(name, "string", "", meaning, optional, path or (name,), many)


def whole(name: str, unit: str, meaning: str, *path: str, optional: bool = False) -> BoardColumn:
    return BoardColumn(name, "int64", unit, meaning, optional, path or (name,))


def number(name: str, unit: str, meaning: str, *path: str, optional: bool = True) -> BoardColumn:
    return BoardColumn(name, "float64", unit, meaning, optional, path or (name,))


def interval(
    name: str, unit: str, meaning: str, counts: str, *path: str, optional: bool = True
) -> tuple[BoardColumn, ...]:
    """An estimate, the ends of its interval and its count."""
    path = path or (name,)
    return (
        number(f"{name}_estimate", unit, meaning, *path, "estimate"),
        number(f"{name}_lower", unit, "Lower end of its 95% interval.", *path, "lower"),
        number(f"{name}_upper", unit, "Upper end.", *path, "upper"),
        whole(f"{name}_n", counts, "What it rests on.", *path, "n", optional=optional),
    )


def setting(name: str, meaning: str, kind: BoardType = "string", unit: str = "") -> BoardColumn:
    return BoardColumn(name, kind, unit, meaning, True, ("setup", name))
