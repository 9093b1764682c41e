"""Which models are to be audited, each with the settings of its own.

A file of models is a list, or a mapping of ``models`` to the list and of ``defaults`` to settings
for all of them. Each model is its name alone, or a mapping of settings: ``model`` (or ``id``), a
``name`` for its folder, and any setting of an audit by its own name.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from t2i_audit.errors import AuditError
from t2i_audit.many.yaml_file import read_yaml
from t2i_audit.settings import AuditSettings, OptionField, all_option_fields, is_models_file

MOST = 1_000  # models, far beyond any use
MODEL, ID, NAME = "model", "id", "name"
# Settings that an entry may not have, and what to do instead.
REFUSED = {
    "out": "every model has a folder in --out, and `name` names it",
    "shard": "it divides the images of a single model",
    "trust_remote_code": "whose code may run is only said by --trust-remote-code",
}
SHOWN = 60  # characters of a wrong value


@dataclass(frozen=True)
class Entry:
    """One model to audit."""

    model: str
    where: str
    """How messages refer to it, e.g. ``models.yaml, entry 2 (builtin:sound)``."""
    own: dict[str, Any] = field(default_factory=dict)
    """Its own settings, by field."""
    defaults: dict[str, Any] = field(default_factory=dict)
    """The settings of all models of its file, which its own overrule."""
    name: str | None = None
    """Of its folder, if one is given."""


def entries_of(models: Iterable[str | Mapping[str, Any]]) -> tuple[Entry, ...]:
    """The models that the user names: on the command line, in files, or as settings in Python.

    Raises:
        AuditError: an entry cannot be used; one sentence that names file, entry and key.
    """
    if isinstance(models, str | Mapping):
        models = [models]
    entries: list[Entry] = []
    for number, each in enumerate(models, start=1):
        if isinstance(each, str) and is_models_file(each):
            entries += _entries_in(Path(each))
        elif isinstance(each, str):
            entries.append(Entry(each, each))
        else:
            entries.append(_entry(each, f"entry {number}", {}, strict=False))
    if not entries:
        raise AuditError("no model is named; name at least one")
    if len(entries) > MOST:
        raise AuditError(f"{len(entries):,} models are named; at most {MOST:,} are taken at once")
    return tuple(entries)


def _entries_in(path: Path) -> Iterator[Entry]:
    value = read_yaml(path)
    given = value if isinstance(value, Mapping) else {"models": value}
    unknown = next((key for key in given if key not in ("models", "defaults")), None)
    if unknown is not None:
        raise AuditError(
            f"{path}: {_shown(unknown)} is neither `models` nor `defaults`; give a list of models"
        )
    listed = given.get("models")
    if not isinstance(listed, list) or not listed:
        raise AuditError(f"{path} holds no list of models; begin each with `- model: NAME`")
    where = f"{path}, defaults"
    defaults = given.get("defaults")
    if defaults is not None and not isinstance(defaults, Mapping):
        raise AuditError(f"{where} should be settings such as `steps: 20`")
    for key in (MODEL, ID, NAME):
        if key in (defaults or {}):
            raise AuditError(f"{where}: {key} is of one model; give it to an entry")
    shared = _values(defaults or {}, where, strict=True)
    for number, each in enumerate(listed, start=1):
        yield _entry(each, f"{path}, entry {number}", shared, strict=True)


def _entry(value: object, where: str, defaults: dict[str, Any], *, strict: bool) -> Entry:
    if isinstance(value, str):
        value = {MODEL: value}
    if not isinstance(value, Mapping):
        raise AuditError(f"{where} should be a model's name or its settings, not {_shown(value)}")
    given = dict(value)
    if MODEL in given and ID in given:
        raise AuditError(f"{where} has both {MODEL} and {ID}, which are the same; give one of them")
    model = _text(given.pop(MODEL, given.pop(ID, None)), MODEL, where)
    where = f"{where} ({model})"
    name = _text(given.pop(NAME), NAME, where) if NAME in given else None
    return Entry(model, where, _values(given, where, strict=strict), defaults, name)


def _text(value: object, key: str, where: str) -> str:
    if value is None:
        raise AuditError(f"{where} has no {key}; give it one")
    if not isinstance(value, str) or not value.strip():
        raise AuditError(f"{where}: {key} should be text, not {_shown(value)}{_quoted(value)}")
    return value


def _values(given: Mapping[Any, Any], where: str, *, strict: bool) -> dict[str, Any]:
    """The settings in `given`, checked.

    Args:
        given: what the user wrote, by key.
        where: how messages refer to it.
        strict: whether a number must be one, as in YAML, where ``no`` is False and 1.0 no text.
    """
    known = {each.name: each for each in all_option_fields(AuditSettings)}
    del known[MODEL]
    values = {}
    for key, value in given.items():
        if key in REFUSED:
            raise AuditError(f"{where}: {key} is no setting of one of several; {REFUSED[key]}")
        if key not in known:
            near = difflib.get_close_matches(str(key), [*known, MODEL, NAME], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise AuditError(f"{where}: there is no setting {_shown(key)}{hint}")
        values[key] = _value(known[key], value, where, strict=strict)
    return values


def _value(each: OptionField, value: Any, where: str, *, strict: bool) -> Any:
    from pydantic import TypeAdapter, ValidationError

    if each.option.parse is not None and isinstance(value, str):
        try:
            return each.option.parse(value)
        except AuditError as err:
            raise AuditError(f"{where}: {err}") from err
    if each.type == tuple[str, ...] and isinstance(value, str):
        value = [value]
    adapter = TypeAdapter(each.type)
    try:
        # In JSON lists are tuples and text is a path, also where types are strict.
        return (
            adapter.validate_json(json.dumps(value), strict=True)
            if strict
            else adapter.validate_python(value)
        )
    except ValidationError as err:
        fault = err.errors()[0]["msg"].replace("Input should be", f"{each.name} should be")
    except (TypeError, ValueError):  # JSON has no word for it
        fault = f"{each.name} cannot be used"
    raise AuditError(f"{where}: {fault}, not {_shown(value)}{_quoted(value)}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _quoted(value: object) -> str:
    """Advice for what YAML does not take for the text that it looks like."""
    is_plain = not isinstance(value, str | list | Mapping) and value is not None
    return " (text that looks like something else needs quotes)" if is_plain else ""
