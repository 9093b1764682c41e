"""The questions of DSG (Cho and others, arXiv 2310.18235) and DPG-Bench, which share one format.

A CSV row holds the id and text of an item and one proposition about it: a tuple such as
``attribute - color (flower, blue)`` or ``relation - spatial (bench, trees, near)``, the
propositions that it depends on, and a question. The rows of an item become one prompt with its id.
An entity, attribute, count or relation becomes a constituent if its words occur in the text exactly
once and in no other constituent; all others are left out and counted. There are no foils, because
it is unknown which words exclude one another. All rows are kept as the metadata ``propositions``.

DPG-Bench is a folder with one text file per prompt, named after its id, and such a CSV file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prompts.errors import SuiteFormatError
from prompts.formats.clean import clean
from prompts.formats.decode import decode
from prompts.formats.detect_format import format_of
from prompts.formats.drafts import Draft
from prompts.formats.notes import Notes
from prompts.formats.plain import table_rows
from prompts.inflection import NUMBERS
from prompts.structure import Constituent

COLUMNS = ("item_id", "text", "tuple")
TABLE = "dpg_bench.csv"
TEXTS = "prompts"
_TUPLE = re.compile(r"(?P<broad>\w+) - (?P<detail>[^()]*?) \((?P<words>.*)\)", re.DOTALL)
_KINDS = {"color": "colour"}
_COUNT = re.compile(r"==\s*(?P<number>\d+)")
_NUMBER_AT_THE_END = re.compile(r"[_-]?\d+$")


@dataclass
class DsgItem:
    """A prompt and its propositions."""

    where: str
    text: str
    rows: list[Mapping[str, Any]]


def read_dsg(text: str, *, source: str, notes: Notes | None = None) -> Iterator[Draft]:
    """The items of the CSV file in its order; raises `SuiteFormatError` with the row."""
    notes = notes or Notes()
    for identifier, item in _items(text, source, notes).items():
        yield _draft(identifier, item, "dsg", notes)


def read_dpg(folder: Path, *, encoding: str | None = None, notes: Notes) -> Iterator[Draft]:
    """The prompts of DPG-Bench's folder, or of the folder ``prompts`` within it.

    Raises `SuiteFormatError` with the file.
    """
    texts = folder / TEXTS if (folder / TEXTS).is_dir() else folder
    files = sorted(
        (path for path in texts.glob("*.txt") if not path.name.startswith(".")), key=_natural
    )
    if not files:
        raise SuiteFormatError(f"{folder} has no .txt files; DPG-Bench has one for each prompt")
    tables = [folder / TABLE, folder.parent / TABLE, *sorted(folder.glob("*.csv"))]
    table = next((path for path in tables if path.is_file()), None)
    items: dict[str, DsgItem] = {}
    if table is None:
        notes.add(f"there is no {TABLE} next to the prompts, so they have no questions")
    else:
        items = _items(_read(table, encoding, notes), str(table), notes)
    for path in files:
        text = clean(_read(path, encoding, notes), where=str(path), notes=notes)
        item = items.pop(path.stem, None)
        if item is None and table is not None:
            notes.count(
                f"{{n}} prompt has no questions in {table.name}",
                f"{{n}} prompts have no questions in {table.name}",
            )
        yield _draft(path.stem, DsgItem(str(path), text, item.rows if item else []), "dpg", notes)
    for _ in items:
        notes.count(
            "{n} item has questions and no text file and was left out",
            "{n} items have questions and no text file and were left out",
        )


def _read(path: Path, encoding: str | None, notes: Notes) -> str:
    own = Notes()
    try:
        text = decode(path.read_bytes(), source=str(path), notes=own, encoding=encoding)
    except OSError as error:
        raise SuiteFormatError(f"{path} cannot be read: {error.strerror}") from None
    for sentence in own.lines():
        notes.add(f"{path.name}: {sentence}")
    return text


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """A key that sorts 2 before 10, and numbers before words."""
    pieces = [piece for piece in re.split("([0-9]+)", path.stem) if piece]
    return [(0, int(each), "") if each.isdecimal() else (1, 0, each) for each in pieces]


def _items(text: str, source: str, notes: Notes) -> dict[str, DsgItem]:
    columns, rows = table_rows(text, source=source, text_column=COLUMNS[0], notes=notes)
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise SuiteFormatError(
            f"{source} has no column {missing[0]!r}, but files of DSG have {', '.join(COLUMNS)}; "
            f"try to import it with {format_of(text)}"
        )
    items: dict[str, DsgItem] = {}
    for place, row in rows:
        where = f"{source}, {place}"
        if not row["item_id"].strip():
            raise SuiteFormatError(f"{where}: column 'item_id' is empty; fill it in")
        identifier = clean(row["item_id"], where=f"{where}, column 'item_id'")
        known = items.get(identifier)
        own = {name: row[name] for name in columns if name not in COLUMNS[:2] and row[name]}
        if known is None:
            if not row["text"].strip():
                raise SuiteFormatError(f"{where}: column 'text' is empty; fill it in")
            cleaned = clean(row["text"], where=where, notes=notes)
            items[identifier] = DsgItem(where, cleaned, [own])
            continue
        if row["text"].strip() and clean(row["text"], where=where) != known.text:
            raise SuiteFormatError(
                f"{where}: item {identifier!r} had another text before; give each text "
                "its own item_id"
            )
        known.rows.append(own)
    return items


def _draft(identifier: str, item: DsgItem, default: str, notes: Notes) -> Draft:
    parts = _constituents(item.text, item.rows, notes)
    return Draft(
        item.where,
        item.text,
        _NUMBER_AT_THE_END.sub("", identifier) or default,
        parts,
        id=clean(identifier, where=item.where),
        metadata={"propositions": item.rows} if item.rows else {},
    )


def _constituents(
    text: str, rows: Sequence[Mapping[str, Any]], notes: Notes
) -> tuple[Constituent, ...]:
    taken: list[tuple[int, int]] = []
    entities: dict[str, tuple[int, int, str]] = {}
    others: list[tuple[str, tuple[int, int], str, str, tuple[str, ...]]] = []
    for row in rows:
        match = _TUPLE.fullmatch(row["tuple"].strip()) if row.get("tuple") else None
        if match is None or match["broad"] == "global":
            continue
        words = [word.strip() for word in match["words"].split(", ")]
        needed = tuple(each.strip() for each in str(row.get("dependency", "")).split(","))
        key = str(row.get("proposition_id", ""))
        broad, detail = match["broad"], match["detail"].strip()
        if broad == "entity":
            # A part is named with its owner: "man's hair", "guards' uniform".
            value = re.split(r"(?<=s)' |'s ", words[0])[-1]
            span = _only(text, value, taken)
            if span is not None:
                entities[key] = (*span, value.lower())
        else:
            kind, value, shown = broad, words[-1], words[-1]
            count = _COUNT.fullmatch(words[-1])
            if detail == "count" and count and 1 <= int(count["number"]) <= len(NUMBERS):
                kind, value = "count", NUMBERS[int(count["number"]) - 1]
                shown = f"{value}|{count['number']}"
            elif broad == "attribute":
                kind = _KINDS.get(detail, detail.replace(" ", "_"))
            count_of = 2 if broad == "relation" else 1
            owners = needed[:count_of]
            has_owners = len(owners) == count_of and all(owner in entities for owner in owners)
            span = _only(text, shown, taken) if has_owners and kind != "other" else None
            if span is not None:
                others.append((broad, span, kind, value.lower(), owners))
        if span is None:
            notes.count(
                "{n} proposition could not be located in its prompt with certainty",
                "{n} propositions could not be located in their prompts with certainty",
            )
        else:
            taken.append(span)
    return _numbered(entities, others)


def _only(text: str, words: str, taken: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """The span of the words, if they occur exactly once and outside all spans in `taken`."""
    choices = "|".join(re.escape(each) for each in words.split("|"))
    found = [m.span() for m in re.finditer(rf"(?<!\w)(?:{choices})(?!\w)", text, re.IGNORECASE)]
    if len(found) != 1:
        return None
    start, end = found[0]
    return None if any(start < last and first < end for first, last in taken) else (start, end)


def _numbered(
    entities: Mapping[str, tuple[int, int, str]],
    others: Sequence[tuple[str, tuple[int, int], str, str, tuple[str, ...]]],
) -> tuple[Constituent, ...]:
    """Constituents with slots numbered in the order of the text."""
    order = sorted(entities, key=lambda key: entities[key])
    names = {key: f"object_{number}" for number, key in enumerate(order, start=1)}
    parts = [
        Constituent(
            f"{names[key]}.object", "object", entities[key][2], *entities[key][:2], (names[key],)
        )
        for key in order
    ]
    relations = sum(broad == "relation" for broad, *_ in others)
    slots: dict[str, int] = {}
    for broad, span, kind, value, owners in sorted(others, key=lambda other: other[1]):
        slot = "relation" if broad == "relation" else f"{names[owners[0]]}.{kind}"
        slots[slot] = slots.get(slot, 0) + 1
        if slots[slot] > 1 or (broad == "relation" and relations > 1):
            slot += f"_{slots[slot]}"
        parts.append(Constituent(slot, kind, value, *span, tuple(names[o] for o in owners)))
    return tuple(parts)
