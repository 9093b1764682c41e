"""GenEval's ``evaluation_metadata.jsonl`` (Ghosh, Hajishirzi and Schmidt, arXiv 2310.11513).

A row holds ``tag``, ``include`` (clauses of ``class``, ``count``, optional ``color`` and optional
``position``, which is a relation and the index of an earlier clause), optional ``exclude``, and
``prompt``. Each clause becomes an entity: its class is the noun, a colour and a count above one
become constituents if the text contains them, and a position becomes the relation. A row keeps its
structure only if `facts_of` reproduces the row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from prompts.errors import SuiteFormatError
from prompts.formats.clean import clean
from prompts.formats.detect_format import format_of
from prompts.formats.drafts import Draft
from prompts.formats.metadata import as_metadata
from prompts.formats.notes import Notes
from prompts.formats.rows import TEXT_ONLY
from prompts.inflection import NUMBERS, number_of, plural_of
from prompts.structure import Constituent, Prompt
from prompts.vocabulary import Table, Vocabulary, make_vocabulary

if TYPE_CHECKING:
    from pydantic import TypeAdapter

POSITIONS = ("left of", "right of", "above", "below")
_WORDINGS = {
    "left of": ("left of", "to the left of", "on the left of"),
    "right of": ("right of", "to the right of", "on the right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
}
COLOURS = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white",
)  # fmt: skip
_ATTRIBUTES = ("colour", "count")


def read_geneval(
    lines: Iterable[str], *, source: str, notes: Notes | None = None
) -> Iterator[Draft]:
    """The rows of a metadata file; an ``id`` becomes the id, and all other fields become metadata.

    Raises `SuiteFormatError` with the line and the field of a faulty row.
    """
    from pydantic import ValidationError

    empty = True
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        empty = False
        where = f"{source}, line {number}"
        try:
            row = _row_type().validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(step) for step in first["loc"]) or "the row"
            found = format_of(line)
            hint = "" if found in ("geneval", "text") else f"; try to import it with {found}"
            raise SuiteFormatError(
                f"{where}: {field}: {first['msg']}; GenEval's rows have tag, include and prompt"
                f"{hint}"
            ) from None
        text = clean(row["prompt"], where=where, notes=notes)
        others = {key: value for key, value in json.loads(line).items() if key not in row}
        identifier = others.pop("id", None)
        draft = Draft(
            where,
            text,
            clean(row["tag"], where=f"{where}, tag") if row["tag"].strip() else TEXT_ONLY,
            _constituents(text, row["include"]) or (),
            id=clean(str(identifier), where=f"{where}, id") if identifier is not None else "",
            metadata=as_metadata(others, where=where),
        )
        yield draft if _is_reproduced(draft, row) else replace(draft, constituents=())
    if empty:
        raise SuiteFormatError(f"{source} is empty; write one JSON object per line")


def geneval_vocabularies(drafts: Sequence[Draft]) -> dict[str, Vocabulary]:
    """The vocabularies for foils of these drafts: the classes of the file, GenEval's colours."""
    nouns = {part.value for d in drafts for part in d.constituents if part.kind == "object"}
    colours = {part.value for d in drafts for part in d.constituents if part.kind == "colour"}
    tables = {
        "object": Table(tuple(sorted(nouns)), role="noun", repeat=True),
        "colour": Table(tuple(sorted({*COLOURS, *colours})), repeat=True),
        "count": Table(NUMBERS, role="count"),
        "relation": Table(
            POSITIONS,
            role="relation",
            wordings=_WORDINGS,
            inverse=(("left of", "right of"), ("above", "below")),
        ),
    }
    return {
        kind: make_vocabulary(kind, table, source="GenEval")
        for kind, table in tables.items()
        if table.values
    }


def facts_of(prompt: Prompt | Draft) -> dict[str, Any] | None:
    """The metadata row of a prompt, or None if the format cannot express its structure."""
    entities: dict[str, list[Constituent]] = {}
    relation: Constituent | None = None
    for part in sorted(prompt.constituents, key=lambda part: part.start):
        if len(part.entities) == 1:
            entities.setdefault(part.entities[0], []).append(part)
        elif relation is None and part.value in POSITIONS and len(part.entities) == 2:
            relation = part
        else:
            return None
    clauses = {name: _clause(parts) for name, parts in entities.items()}
    if not clauses or any(clause is None for clause in clauses.values()):
        return None
    include = [clause for clause in clauses.values() if clause is not None]
    if relation is not None:
        first, second = (clauses.get(entity) for entity in relation.entities)
        if len(include) != 2 or first is None or second is None:
            return None
        include = [second, first | {"position": [relation.value, 0]}]
    row: dict[str, Any] = {"tag": prompt.type, "include": include}
    excluded = [
        {"class": clause["class"], "count": clause["count"] + 1}
        for clause in include
        if clause["count"] > 1
    ]
    if excluded:
        row["exclude"] = excluded
    return row | {"prompt": prompt.text}


def write_geneval(prompts: Iterable[Prompt]) -> Iterator[str | None]:
    """A line for each prompt, or None if the format cannot express it."""
    for prompt in prompts:
        row = facts_of(prompt)
        yield json.dumps(row, ensure_ascii=False) + "\n" if row else None


def _clause(parts: Sequence[Constituent]) -> dict[str, Any] | None:
    nouns = [part for part in parts if part.kind not in _ATTRIBUTES]
    attributes = {part.kind: part.value for part in parts if part.kind in _ATTRIBUTES}
    if len(nouns) != 1 or len(attributes) + 1 != len(parts):
        return None
    clause: dict[str, Any] = {
        "class": nouns[0].value,
        "count": number_of(attributes.get("count", "one")),
    }
    if "colour" in attributes:
        clause["color"] = attributes["colour"]
    return clause


def _is_reproduced(draft: Draft, row: Mapping[str, Any]) -> bool:
    facts = facts_of(draft)
    # Through JSON, so that tuples and lists compare equal.
    return facts is not None and json.loads(json.dumps(facts)) == json.loads(
        json.dumps({**row, "prompt": draft.text})
    )


def _constituents(
    text: str, include: Sequence[Mapping[str, Any]]
) -> tuple[Constituent, ...] | None:
    """The spans of the clauses, in the order of the text."""
    order = list(range(len(include)))
    position = next((c["position"] for c in include if c.get("position")), None)
    if position is not None:
        if len(include) != 2:
            return None
        order.sort(key=lambda index: not include[index].get("position"))
    parts: list[Constituent] = []
    at = 0
    for place, index in enumerate(order):
        if place == 1 and position is not None:
            wordings = sorted(_WORDINGS.get(position[0], ()), key=len, reverse=True)
            match = re.compile(rf"\b({'|'.join(wordings)})\b", re.IGNORECASE).search(text, at)
            if match is None or not wordings:
                return None
            pair = ("object_1", "object_2")
            parts.append(Constituent("relation", "relation", position[0], *match.span(), pair))
            at = match.end()
        found = _phrase(text, at, include[index], f"object_{place + 1}")
        if found is None:
            return None
        parts += found
        at = found[-1].end
    return tuple(parts)


def _phrase(text: str, at: int, clause: Mapping[str, Any], entity: str) -> list[Constituent] | None:
    noun, count, colour = clause["class"], clause["count"], clause.get("color")
    if not noun.strip():
        return None
    # GenEval forms every plural by appending an s.
    forms = [noun] if count == 1 else [plural_of(noun), f"{noun}es", f"{noun}s", noun]
    words = "|".join(re.escape(form) for form in forms)
    number = rf"(?P<count>{NUMBERS[count - 1]}) " if 1 <= count <= len(NUMBERS) else ""
    # A count of one is usually expressed by the article.
    number = f"(?:{number})?" if count == 1 else number
    tint = rf"(?P<colour>{re.escape(colour)}) " if colour else ""
    pattern = re.compile(rf"\b{number}{tint}(?P<object>{words})\b", re.IGNORECASE)
    match = pattern.search(text, at)
    if match is None:
        return None
    values = {"count": NUMBERS[count - 1], "colour": colour, "object": noun}
    return [
        Constituent(f"{entity}.{kind}", kind, values[kind], *match.span(kind), (entity,))
        for kind in ("count", "colour", "object")
        if match.groupdict().get(kind)
    ]


@cache
def _row_type() -> TypeAdapter[Any]:
    from typing import NotRequired

    from pydantic import TypeAdapter
    from typing_extensions import TypedDict

    # `class` is a keyword in Python, so this type cannot be written as a class.
    clause = TypedDict(
        "clause",
        {
            "class": str,
            "count": int,
            "color": NotRequired[str],
            "position": NotRequired[tuple[str, int]],
        },
    )

    class GenEvalRow(TypedDict):
        tag: str
        include: list[clause]
        exclude: NotRequired[list[clause]]
        prompt: str

    return TypeAdapter(GenEvalRow)
