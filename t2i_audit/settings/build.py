"""Settings built from flat values, as the command line and the Python API receive them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from t2i_audit.settings.option import all_option_fields, nested_settings, option_fields

S = TypeVar("S")


def settings_from(settings_type: type[S], values: Mapping[str, Any]) -> S:
    """Settings of `values`, which name fields of `settings_type` or of its nested settings.

    Args:
        settings_type: e.g. `AuditSettings`.
        values: by field; fields that are absent keep their defaults. None stands for a default that
            depends on other fields, such as the run directory.

    Raises:
        TypeError: there is no field of that name, or a required one is absent.
        AuditError: a value is out of its range.
    """
    kind: Any = settings_type
    known = {each.name for each in all_option_fields(kind)}
    unknown = next((name for name in values if name not in known), None)
    if unknown is not None:
        raise TypeError(f"{settings_type.__name__} has no setting {unknown!r}")
    own = {each.name: values[each.name] for each in option_fields(kind) if each.name in values}
    for name, nested in nested_settings(kind).items():
        inner = {each.name for each in all_option_fields(nested)}
        own[name] = settings_from(nested, {key: values[key] for key in values if key in inner})
    make: Callable[..., S] = getattr(settings_type, "of", settings_type)
    return make(**own)
