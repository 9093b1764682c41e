"""Settings built from flat values, as the command line and the Python API receive them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from t2i_audit import storage
from t2i_audit.errors import AuditError
from t2i_audit.settings.option import OptionField, all_option_fields, nested_settings, option_fields

S = TypeVar("S")


def settings_from(settings_type: type[S], values: Mapping[str, Any]) -> S:
    """Settings of `values`, which name fields of `settings_type` or of its nested settings.

    Args:
        settings_type: e.g. `AuditSettings`.
        values: by field; fields that are absent keep their defaults. None stands for a default that
            depends on other fields, such as the run directory.

    Raises:
        TypeError: there is no field of that name, or a required one is absent.
        AuditError: a value is out of its range, or is a URL that cannot be used.
    """
    kind: Any = settings_type
    known = {each.name for each in all_option_fields(kind)}
    unknown = next((name for name in values if name not in known), None)
    if unknown is not None:
        raise TypeError(f"{settings_type.__name__} has no setting {unknown!r}")
    own = {
        each.name: at_hand(each, values[each.name])
        for each in option_fields(kind)
        if each.name in values
    }
    for name, nested in nested_settings(kind).items():
        inner = {each.name for each in all_option_fields(nested)}
        own[name] = settings_from(nested, {key: values[key] for key in values if key in inner})
    make: Callable[..., S] = getattr(settings_type, "of", settings_type)
    return make(**own)


def at_hand(each: OptionField, value: Any) -> Any:
    """`value` of the field `each`, with paths of this machine in the place of URLs.

    Raises:
        AuditError: a URL stands where none can be used, or cannot be used itself.
    """
    if isinstance(value, tuple | list):
        return tuple(at_hand(each, item) for item in value)
    if not _takes_paths(each) or not isinstance(value, str | Path) or not storage.is_url(value):
        return value
    if each.option.place == "run":
        return storage.local_folder(value)
    if each.option.place == "file":
        return storage.local_file(value)
    storage.refuse_url(value, each.option.name)
    return value


def _takes_paths(each: OptionField) -> bool:
    return each.type is Path or Path in get_args(each.type)


def checked_settings(settings_type: type[S], values: Mapping[str, Any], *, function: str) -> S:
    """As `settings_from`, of values that `checked_values` checks.

    Raises:
        TypeError: there is no field of that name.
        AuditError: a value is of a wrong type or out of its range.
    """
    return settings_from(settings_type, checked_values(settings_type, values, function=function))


def checked_values(
    settings_type: type, values: Mapping[str, Any], *, function: str
) -> dict[str, Any]:
    """`values` whose types are checked, and converted where that is safe.

    Args:
        settings_type: e.g. `AuditSettings`.
        values: by field, as a Python caller gave them. None is left out where it stands for a
            default that is computed.
        function: the name of the function that was called, for messages.

    Raises:
        TypeError: there is no field of that name.
        AuditError: a value is of a wrong type.
    """
    from pydantic import TypeAdapter, ValidationError

    known = {each.name: each for each in all_option_fields(settings_type)}
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{hint}")
        each = known[name]
        if value is None and each.option.computed is not None:
            continue
        try:
            checked[name] = TypeAdapter(each.type).validate_python(value)
        except ValidationError as err:
            fault = err.errors()[0]["msg"]
            raise AuditError(f"a setting cannot be used: {name}: {fault}") from err
    return checked
