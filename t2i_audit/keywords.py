"""The settings of an audit or a probe from keyword arguments."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

from t2i_audit.errors import AuditError
from t2i_audit.settings import AuditSettings, ProbeSettings

Settings = TypeVar("Settings", AuditSettings, ProbeSettings)


def settings_of(kind: type[Settings], given: Mapping[str, Any], *, function: str) -> Settings:
    """The settings that `given` values make.

    Args:
        kind: the type of the settings.
        given: values by the field of `kind`, or of one of the dataclasses it is made of.
        function: who was called with them, for the message.

    Raises:
        TypeError: there is no such field.
        AuditError: a value cannot be used.
    """
    from pydantic import TypeAdapter, ValidationError

    from t2i_audit.run.manifest import first_fault

    own: set[str] = {field.name for field in fields(kind)}
    # Field of a part -> the part's own field in the settings.
    part_of: dict[str, str] = {}
    for field in fields(kind):
        part = _part(field)
        part_of |= {} if part is None else {each.name: field.name for each in fields(part)}
    values = {name: value for name, value in given.items() if name in own}
    parts: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        if name in own:
            continue
        if name not in part_of:
            near = difflib.get_close_matches(name, [*own, *part_of], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{hint}")
        parts.setdefault(part_of[name], {})[name] = value
    both = sorted(parts.keys() & values.keys())
    if both:
        names = ", ".join(parts[both[0]])
        raise AuditError(f"give {both[0]!r} or {names}, not both")
    try:
        return TypeAdapter(kind).validate_python({**values, **parts})
    except ValidationError as err:
        raise AuditError(f"a setting cannot be used: {first_fault(err)}") from err


def _part(field: Any) -> Any:
    """The dataclass that a field of the settings is, or None."""
    value = field.default
    if value is MISSING and field.default_factory is not MISSING:
        value = field.default_factory()
    return type(value) if is_dataclass(value) and not isinstance(value, type) else None
