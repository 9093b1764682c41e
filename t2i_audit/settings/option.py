"""Options of the command line, declared once: on the fields of the settings they set.

A field of a settings dataclass is annotated with an `Option`. The command line builds its options
from these, and every settings type checks its values by them, so a new option is one field, and its
name, its limits and its help text stand in one place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from t2i_audit.errors import AuditError

Group = Literal["Run", "Images", "Model", "Sampling", "Judge", "Use", "Memory", "Speed"]


@dataclass(frozen=True)
class Option:
    """An option of the command line, or an argument if its name has no dashes."""

    name: str
    """E.g. ``--seeds``, or ``MODEL`` for an argument."""
    help: str
    group: Group = "Run"
    """The section of the help text in which it is listed."""
    short: str | None = None
    """E.g. ``-o``."""
    off: str | None = None
    """The option that switches a boolean off, e.g. ``--no-denoiser-station``."""
    metavar: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    not_empty: bool = False
    """Whether blank text is refused."""
    computed: str | None = None
    """How the help text describes a default that depends on other options. The option is None
    then until the settings compute it."""
    place: Literal["run", "file"] | None = None
    """What may also be named by the URL of a store: a run directory, or a file."""
    parse: Callable[[str], Any] | None = None
    """Turns what was typed into the value of the field, where the type alone does not say how."""

    @property
    def is_argument(self) -> bool:
        """Whether it is given by its place and not by its name."""
        return not self.name.startswith("-")


@dataclass(frozen=True)
class OptionField:
    """A field of a settings type together with its option."""

    name: str
    """Of the field."""
    option: Option
    type: Any
    """The field's type, without the annotation."""
    default: Any
    """`dataclasses.MISSING` where there is none."""

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of a closed choice; empty for any other type."""
        return get_args(self.type) if get_origin(self.type) is Literal else ()


@cache
def option_fields(settings_type: type) -> tuple[OptionField, ...]:
    """The fields of `settings_type` that have an option; not those of its nested settings."""
    hints = get_type_hints(settings_type, include_extras=True)
    found = []
    for each in fields(settings_type):
        extras = get_args(hints[each.name])
        options = [extra for extra in extras if isinstance(extra, Option)]
        if options:
            found.append(OptionField(each.name, options[0], extras[0], _default(each)))
    return tuple(found)


@cache
def nested_settings(settings_type: type) -> dict[str, type]:
    """Field -> type of the settings that are grouped in a dataclass of their own."""
    hints = get_type_hints(settings_type)
    return {
        each.name: hints[each.name]
        for each in fields(settings_type)
        if isinstance(hints[each.name], type) and is_dataclass(hints[each.name])
    }


def all_option_fields(settings_type: type) -> Iterator[OptionField]:
    """The fields of `settings_type` that have an option, and those of its nested settings."""
    yield from option_fields(settings_type)
    for nested in nested_settings(settings_type).values():
        yield from all_option_fields(nested)


def option_name(settings_type: type, field: str) -> str:
    """The name by which error messages refer to `field`."""
    return next(each for each in option_fields(settings_type) if each.name == field).option.name


def check_options(settings: object) -> None:
    """Check the values of `settings` by the limits of their options.

    Raises:
        AuditError: a value is out of its range, not among the choices, or blank.
    """
    settings_type: Any = type(settings)
    for each in option_fields(settings_type):
        value = getattr(settings, each.name)
        if value is not None:
            _check(each.option, value, each.choices)


def _check(option: Option, value: Any, choices: tuple[str, ...]) -> None:
    name = option.name
    if choices and value not in choices:
        raise AuditError(f"{name} should be one of {', '.join(choices)}, not {value!r}")
    if option.not_empty and not value.strip():
        raise AuditError(f"{name} should not be empty")
    if isinstance(value, float) and not math.isfinite(value):
        raise AuditError(f"{name} should be a finite number, not {value}")
    if option.at_least is not None and value < option.at_least:
        raise AuditError(f"{name} should be at least {option.at_least}, not {value}")
    if option.at_most is not None and value > option.at_most:
        raise AuditError(f"{name} should be at most {option.at_most}, not {value}")


def may_be_none(annotation: Any) -> bool:
    """Whether None is a value of the type `annotation`."""
    return get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation)


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default
