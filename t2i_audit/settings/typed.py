"""Settings as they are typed on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any

from t2i_audit.addresses import as_given
from t2i_audit.settings.option import OptionField, nested_settings, option_fields


def typed(settings: object) -> list[str]:
    """The arguments and options that give `settings`, without those that have their defaults.

    >>> from t2i_audit.settings import ProbeSettings
    >>> typed(ProbeSettings.of(model="builtin:sound", suite="world-smoke", out="runs/x", limit=8))
    ['builtin:sound', '--suite', 'world-smoke', '--out', 'runs/x', '--limit', '8']
    """
    words = list(_words(settings))
    arguments = [values for option, values in words if option.option.is_argument]
    options = [values for option, values in words if not option.option.is_argument]
    return [word for values in (*arguments, *options) for word in values]


def _words(settings: object) -> Iterator[tuple[OptionField, list[str]]]:
    kind: Any = type(settings)
    for each in option_fields(kind):
        value = getattr(settings, each.name)
        if each.default is MISSING or value != each.default:
            yield each, list(_one(each, value))
    nested = nested_settings(kind)
    for field in fields(kind):
        if field.name in nested:
            yield from _words(getattr(settings, field.name))


def _one(each: OptionField, value: Any) -> Iterator[str]:
    option = each.option
    if isinstance(value, bool):
        yield option.name if value else str(option.off)
        return
    for item in value if isinstance(value, tuple) else (value,):
        text = "auto" if item is None else as_given(str(item))
        if option.is_argument:
            yield text
        elif text.startswith("-"):
            # It would be taken for an option.
            yield f"{option.name}={text}"
        else:
            yield from (option.name, text)
