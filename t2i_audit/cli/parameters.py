"""The parameters of a command, built from the settings type that they set."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import MISSING
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from t2i_audit.settings.build import settings_from
from t2i_audit.settings.option import (
    OptionField,
    all_option_fields,
    may_be_none,
)

S = TypeVar("S")


def with_settings(
    settings_type: type[S], *, without: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of `settings_type`; its first parameter receives the settings.

    The command's other parameters stay as they are and come last.

    Args:
        settings_type: a dataclass whose fields are annotated with `Option`.
        without: fields that the command does not offer; these keep their defaults.
    """
    offered = [each for each in all_option_fields(settings_type) if each.name not in without]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**values: Any) -> None:
            given = {each.name: _value(each, values.pop(each.name)) for each in offered}
            command(settings_from(settings_type, given), **values)

        return _with_parameters(run, offered, _own_parameters(command))

    return decorate


def with_given(
    *settings_types: type, without: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of several settings types, the first one's where two are alike.

    Its first parameter receives what was typed, by field; options that were not given are absent.

    Args:
        settings_types: as `with_settings` takes one.
        without: fields that the command does not offer.
    """
    fields: dict[str, OptionField] = {}
    for each in (field for kind in settings_types for field in all_option_fields(kind)):
        if each.name not in without:
            fields.setdefault(each.name, each)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(context: typer.Context, **values: Any) -> None:
            typed = {name: values.pop(name) for name in fields}
            given = {
                name: _value(fields[name], value)
                for name, value in typed.items()
                if getattr(context.get_parameter_source(name), "name", "DEFAULT") != "DEFAULT"
            }
            command(given, **values)

        kind = inspect.Parameter.KEYWORD_ONLY
        context = inspect.Parameter("context", kind, annotation=typer.Context)
        return _with_parameters(run, fields.values(), [context, *_own_parameters(command)])

    return decorate


def _own_parameters(command: Callable[..., None]) -> list[inspect.Parameter]:
    """A command's parameters but for the first."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    return [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]


def _with_parameters(
    run: Callable[..., None], offered: Iterable[OptionField], own: Iterable[inspect.Parameter]
) -> Callable[..., None]:
    """`run` as typer is to see it: with the parameters of the `offered` fields, then its `own`."""
    parameters = [*map(_parameter, offered), *own]
    # Typer reads the parameters from the signature, and their types from the annotations too.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _value(each: OptionField, typed: Any) -> Any:
    """The value of a field from what was typed."""
    if each.option.parse is not None and isinstance(typed, str):
        return each.option.parse(typed)
    if isinstance(typed, list):
        return tuple(typed)
    if typed is None and not may_be_none(each.type) and each.default is not MISSING:
        # A default that the settings compute, or an argument that another option replaces.
        return None if each.option.computed else each.default
    return typed


def _parameter(each: OptionField) -> inspect.Parameter:
    option = each.option
    annotation, default = _typed(each)
    return inspect.Parameter(
        each.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[annotation, _argument(each) if option.is_argument else _option(each)],
    )


def _typed(each: OptionField) -> tuple[Any, Any]:
    """The type and the default of a command's parameter."""
    repeated = each.type in (tuple[str, ...], tuple[Path, ...])
    annotation: Any = each.type
    if repeated:
        annotation = list[str] if each.type == tuple[str, ...] else list[Path]
    if each.option.parse is not None:
        # Such an option has a word for None.
        return str, "auto" if each.default is None else str(each.default)
    if each.option.computed is not None:
        return annotation | None, None
    if each.default is MISSING:
        return annotation, inspect.Parameter.empty
    if each.option.is_argument:
        return annotation | None, None
    return annotation, list(each.default) if repeated else each.default


def _argument(each: OptionField) -> Any:
    option = each.option
    return typer.Argument(
        metavar=option.metavar or option.name,
        help=option.help,
        show_default=False,
        autocompletion=_completion(each),
    )


def _option(each: OptionField) -> Any:
    option = each.option
    name = option.name if option.off is None else f"{option.name}/{option.off}"
    default = "" if option.computed is None else f" [default: {option.computed}]"
    return typer.Option(
        *([option.short] if option.short else []),
        name,
        metavar=option.metavar,
        help=option.help + default,
        rich_help_panel=option.group,
        autocompletion=_completion(each),
    )


def _completion(each: OptionField) -> Callable[[str], list[str]] | None:
    """The words that a shell offers for an option's value."""
    words = {"model": _models, "models": _models, "suite": _suites, "judge": _judges}.get(each.name)
    if words is None:
        return None

    def complete(incomplete: str) -> list[str]:
        # Of judges separated by commas the last one is completed.
        first, comma, last = incomplete.rpartition(",") if each.name == "judge" else ("", "", "")
        wanted = last if comma else incomplete
        return [f"{first}{comma}{word}" for word in words() if word.startswith(wanted)]

    return complete


def _models() -> Iterator[str]:
    from t2i_audit.models.builtin import list_models

    return (info.name for info in list_models())


def _suites() -> Iterator[str]:
    from prompts.suite import list_suites

    return iter(list_suites())


def _judges() -> Iterator[str]:
    from t2i_audit.judges.load import KINDS

    return iter(KINDS)
