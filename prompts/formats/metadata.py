"""Metadata of imported prompts: the other columns of their rows, as JSON values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from prompts.errors import SuiteFormatError

DEEPEST = 50  # levels of lists and objects; JSON readers fail at a few hundred
_SURROGATE = re.compile("[\ud800-\udfff]")


def as_metadata(row: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """The non-empty cells of a row as JSON values.

    Raises `SuiteFormatError` for a cell that is nested too deeply to be read back.
    """
    metadata = {}
    for name, value in row.items():
        if is_empty(value):
            continue
        try:
            metadata[as_json(str(name))] = as_json(value)
        except RecursionError:
            raise SuiteFormatError(
                f"{where}: {str(name)[:40]!r} is nested more than {DEEPEST} levels deep; remove it"
            ) from None
    return metadata


def as_json(value: Any, depth: int = 0) -> Any:
    """A value as a JSON value; other objects become text.

    Raises `RecursionError` for a value that is nested more than `DEEPEST` levels deep.
    """
    if depth > DEEPEST:
        raise RecursionError
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        # A lone surrogate cannot be encoded as UTF-8.
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {as_json(str(key)): as_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item, depth + 1) for item in value]
    return as_json(str(value))


def is_empty(value: Any) -> bool:
    """Whether a cell holds nothing: null, NaN, or a text of white space."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))
