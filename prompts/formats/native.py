"""The native format: JSON Lines with one prompt and its structure per line.

The first line may be a header, ``{"header": {...}}``, with the origin of the prompts. Every other
line is a `Prompt`, or blank. `prompts/formats/schema.json` is the JSON schema of a line, version
`SCHEMA_VERSION`, generated from the types by pydantic. Reading and writing are streams: a million
prompts take no more memory than one.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from itertools import chain
from json.encoder import encode_basestring as quoted
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from prompts.controls import Control
from prompts.errors import SuiteFormatError
from prompts.splits import Certificate
from prompts.structure import Constituent, Prompt, slot_fault

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA_VERSION = 1
HEADER = '{"header"'
# Marks that change the direction of text and thereby can hide what a prompt says.
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_CONTROL = frozenset(("Cc", "Cs", "Zl", "Zp"))


@dataclass(frozen=True)
class Header:
    """The origin of the prompts of a file."""

    schema_version: int = SCHEMA_VERSION
    source: str = ""
    """The name and hash of the grammar, or the name of the imported file."""
    licence: str = ""
    seed: int | None = None
    balance: str = ""
    """How prompts were drawn from a grammar; see `prompts.generate.generate`."""
    control: Control | None = None
    """Controls for implausible and rare words."""
    certificate: Certificate | None = None
    """The certificate of the split, if there is one."""


@dataclass(frozen=True)
class HeaderLine:
    """The first line of a file."""

    header: Header


def read_header(lines: Iterable[str], *, source: str) -> tuple[Header | None, Iterator[str]]:
    """The header, if there is one, and all lines including the header.

    Raises `SuiteFormatError` for a faulty header.
    """
    from pydantic import ValidationError

    stream = iter(lines)
    first = next(stream, "")
    if not first.startswith(HEADER):
        return None, chain([first], stream)
    try:
        header = _header_type().validate_json(first).header
    except ValidationError as error:
        raise SuiteFormatError(f"{source}, line 1: {_first_fault(error)}") from None
    if header.schema_version > SCHEMA_VERSION:
        raise SuiteFormatError(
            f"{source} has schema version {header.schema_version}, but this program reads at most "
            f"{SCHEMA_VERSION}; update t2i-audit"
        )
    return header, chain([first], stream)


def read_lines(lines: Iterable[str], *, source: str) -> Iterator[Prompt]:
    """The prompts of a file, each checked by itself; ids are not compared.

    Raises `SuiteFormatError` for an empty file and for the first faulty line.
    """
    from pydantic import ValidationError

    validate = _prompt_type().validate_json
    empty = first = True
    for number, line in enumerate(lines, start=1):
        if not line.strip() or (number == 1 and line.startswith(HEADER)):
            continue
        empty = False
        try:
            prompt = validate(line)
        except ValidationError as error:
            hint = import_hint(line) if first else ""
            raise SuiteFormatError(
                f"{source}, line {number}: {_first_fault(error)}{hint}"
            ) from None
        first = False
        fault = fault_of(prompt)
        if fault:
            raise SuiteFormatError(f"{source}, line {number}: {fault}")
        yield prompt
    if empty:
        raise SuiteFormatError(f"{source} is empty; write one prompt per line as JSON")


def file_lines(path: Path, *, source: str) -> Iterator[str]:
    """The lines of a file, one at a time.

    Raises `SuiteFormatError` if it cannot be read or is not text.
    """
    try:
        # Windows editors write a byte order mark, which is not part of the text.
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            yield from stream_lines(file, source=source)
    except OSError as error:
        raise SuiteFormatError(f"{source} cannot be read: {error.strerror}") from None


def stream_lines(file: TextIO, *, source: str) -> Iterator[str]:
    """The lines of an open file; raises `SuiteFormatError` if they are not text."""
    try:
        for number, line in enumerate(file):
            yield line if number else line.removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise SuiteFormatError(f"{source} is not UTF-8 text; save it as JSON Lines") from None


def fault_of(prompt: Prompt) -> str | None:
    """What is wrong with a prompt's structure, or None."""
    fault = text_fault(prompt.text)
    if fault:
        return f"text {fault}"
    last, before = 0, ""
    slots: set[str] = set()
    for part in sorted(prompt.constituents, key=lambda part: part.start):
        fault = slot_fault(part.slot)
        if fault:
            return fault
        if not 0 <= part.start < part.end <= len(prompt.text):
            return f"span {part.start}-{part.end} of {part.slot!r} is outside the text"
        if part.start < last:
            return (
                f"span {part.start}-{part.end} of {part.slot!r} overlaps the one before it, "
                f"{before!r}; give each constituent its own words"
            )
        if part.slot in slots:
            return f"slot {part.slot!r} is filled twice"
        if not part.entities:
            return f"slot {part.slot!r} belongs to no entity"
        last, before = part.end, part.slot
        slots.add(part.slot)
    for foil in prompt.foils:
        fault = text_fault(foil.text)
        if fault:
            return f"foil {foil.change!r} {fault}"
        if foil.text == prompt.text:
            return f"foil {foil.change!r} is identical to the prompt"
    return None


def text_fault(text: str) -> str | None:
    """What is wrong with a text, or None."""
    if not text.strip():
        return "is empty"
    if text.isascii() and text.isprintable():
        return None
    for character in text:
        if unicodedata.category(character) in _CONTROL or character in _DIRECTION:
            return f"has a control character (U+{ord(character):04X}); write plain text"
    if not unicodedata.is_normalized("NFC", text):
        return "is not in Unicode's composed form (NFC), which spans refer to; import it again"
    return None


def dump_prompt(prompt: Prompt) -> str:
    """The line of a prompt, with its line break."""
    parts = ", ".join([_part(part) for part in prompt.constituents])
    foils = ", ".join(
        [
            f'{{"text": {quoted(foil.text)}, "change": {quoted(foil.change)}}}'
            for foil in prompt.foils
        ]
    )
    split = quoted(prompt.split) if prompt.split else "null"
    metadata = ""
    if prompt.metadata:
        metadata = f', "metadata": {json.dumps(prompt.metadata, ensure_ascii=False)}'
    return (
        f'{{"id": {quoted(prompt.id)}, "text": {quoted(prompt.text)}, '
        f'"type": {quoted(prompt.type)}, "template": {quoted(prompt.template)}, '
        f'"constituents": [{parts}], "foils": [{foils}], "split": {split}{metadata}}}\n'
    )


def _part(part: Constituent) -> str:
    entities = ", ".join([quoted(entity) for entity in part.entities])
    return (
        f'{{"slot": {quoted(part.slot)}, "kind": {quoted(part.kind)}, '
        f'"value": {quoted(part.value)}, "start": {part.start}, "end": {part.end}, '
        f'"entities": [{entities}]}}'
    )


def dump_header(header: Header) -> str:
    """The header line, with its line break; empty fields are left out."""
    given = {key: value for key, value in asdict(header).items() if value not in (None, "")}
    return json.dumps({"header": given}, ensure_ascii=False) + "\n"


def json_schema() -> dict[str, Any]:
    """The JSON schema of a line."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(HeaderLine | Prompt).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


@cache
def _prompt_type() -> TypeAdapter[Prompt]:
    from pydantic import TypeAdapter

    return TypeAdapter(Prompt)


@cache
def _header_type() -> TypeAdapter[HeaderLine]:
    from pydantic import TypeAdapter

    return TypeAdapter(HeaderLine)


def import_hint(line: str) -> str:
    """A suggestion for a file whose first line is not a prompt of a suite."""
    from prompts.formats.detect_format import format_of

    found = format_of(line)
    return f"; if it is in another format, import it with `t2i-audit prompts import {found}`"


def _first_fault(error: Any) -> str:
    first = error.errors()[0]
    field = ".".join(str(step) for step in first["loc"]) or "the row"
    return f"{field}: {first['msg']}"
