"""Vocabularies: the words of each kind, their forms, and how they relate to one another.

Vocabularies are TOML files with one table per kind; the shipped ones are in
`prompts/vocabularies/`. `Table` documents the keys.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from prompts.errors import VocabularyError
from prompts.inflection import NUMBERS, article_of, plural_of
from prompts.structure import folded

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SHIPPED = Path(__file__).parent / "vocabularies"
Role = Literal["noun", "attribute", "count", "relation"]


@dataclass(frozen=True)
class Table:
    """The table of one kind in a TOML file."""

    values: tuple[str, ...]
    """Canonical values."""
    role: Role = "attribute"
    """A noun names an entity and has a plural; a count sets the number of its entity's noun."""
    wordings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The wordings of a value, if they are not just the value itself."""
    plural: Mapping[str, str] = field(default_factory=dict)
    """Plurals of nouns; those of other nouns come from the library ``inflect``."""
    an: tuple[str, ...] | None = None
    """The words that take ``an``; determined by ``inflect`` if None."""
    inverse: tuple[tuple[str, str], ...] = ()
    """Relations that are equivalent with their entities exchanged, e.g. left of, right of."""
    opposite: tuple[tuple[str, str], ...] = ()
    """Relations that exclude each other for the same entities, e.g. with, without."""
    negative: tuple[str, ...] = ()
    """Relations that state the absence of their second entity."""
    symmetric: tuple[str, ...] = ()
    """Relations that hold in both directions."""
    overlaps: tuple[tuple[str, ...], ...] = ()
    """Groups of values that may be true of the same thing, so none is a foil of another."""
    exclusive: bool | None = None
    """Whether values that do not overlap exclude one another; by default all but relations."""
    repeat: bool | None = None
    """Whether a prompt may have the same value twice; by default counts and relations."""
    typical: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """For a kind of attribute, the plausible values of each noun; all for nouns not listed."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The words of one kind, ready for use."""

    name: str
    table: Table
    source: str
    """The file it came from."""
    overlapping: Mapping[str, frozenset[str]]
    """For each value, the values that may be true of the same thing, itself included."""
    reverse: Mapping[str, str]
    """For each relation that has one, the relation that is false wherever it holds."""

    @property
    def values(self) -> tuple[str, ...]:
        """The canonical values."""
        return self.table.values

    @property
    def role(self) -> Role:
        """The role of its words in a prompt."""
        return self.table.role

    @property
    def is_exclusive(self) -> bool:
        """Whether replacing a value by another makes a prompt false."""
        given = self.table.exclusive
        return self.role != "relation" if given is None else given

    @property
    def repeats(self) -> bool:
        """Whether one prompt may have the same value twice."""
        given = self.table.repeat
        return self.role in ("count", "relation") if given is None else given

    def wordings(self, value: str) -> tuple[str, ...]:
        """The wordings of `value`; the first is the usual one."""
        return self.table.wordings.get(value, (value,))

    def plural(self, word: str) -> str:
        """The plural of a noun."""
        return self.table.plural.get(word) or plural_of(word)

    def article(self, word: str) -> str:
        """``a`` or ``an``, whichever `word` takes."""
        if self.table.an is None:
            return article_of(word)
        return "an" if word in self.table.an else "a"

    def restricted(self, values: Sequence[str]) -> Vocabulary:
        """The same vocabulary with only `values`, in its own order."""
        kept = tuple(value for value in self.values if value in set(values))
        return replace(self, table=replace(self.table, values=kept))


def make_vocabulary(name: str, table: Table, *, source: str) -> Vocabulary:
    """Check a table and turn it into a vocabulary.

    Raises `VocabularyError` with the file and the kind.
    """
    where = f"vocabulary {name!r} in {source}"
    if not table.values:
        raise VocabularyError(f"{where} is empty; give it `values`")
    if len(set(table.values)) < len(table.values):
        twice = next(value for value in table.values if table.values.count(value) > 1)
        raise VocabularyError(f"{where} has {twice!r} twice; list each value once")
    known = set(table.values)
    groups: tuple[tuple[str, ...], ...] = (
        tuple(table.wordings), tuple(table.plural), table.negative, table.symmetric,
        *table.inverse, *table.opposite, *table.overlaps,
    )  # fmt: skip
    for value in (value for group in groups for value in group):
        if value not in known:
            near = difflib.get_close_matches(value, table.values, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "add it to `values`"
            raise VocabularyError(f"{where} has no value {value!r}; {hint}")
    if table.role == "count" and not known <= set(NUMBERS):
        raise VocabularyError(f"{where} counts with words other than {', '.join(NUMBERS)}")
    owner: dict[str, str] = {}
    for value in table.values:
        for wording in table.wordings.get(value, (value,)):
            if not wording or not wording.isprintable() or wording != " ".join(wording.split()):
                raise VocabularyError(
                    f"{where} has an unusable word {wording!r}; use printable text with "
                    "single spaces"
                )
            if owner.setdefault(wording, value) != value:
                raise VocabularyError(
                    f"{where} writes both {owner[wording]!r} and {value!r} as {wording!r}; "
                    "make their wordings differ"
                )
    overlapping = {value: {value} for value in table.values}
    for group in table.overlaps:
        for value in group:
            overlapping[value].update(group)
    alike: dict[str, set[str]] = {}
    for wording, value in owner.items():
        alike.setdefault(folded(wording), set()).add(value)
    # "red" and "Red" are two values, but neither is false if the other is true.
    for same in alike.values():
        for value in same:
            overlapping[value] |= same
    reverse = {}
    for one, other in (*table.inverse, *table.opposite):
        reverse[one], reverse[other] = other, one
    return Vocabulary(
        name=name,
        table=table,
        source=source,
        overlapping={value: frozenset(group) for value, group in overlapping.items()},
        reverse=reverse,
    )


def load_vocabularies(name: str, *, folder: Path | None = None) -> dict[str, Vocabulary]:
    """The vocabularies of a shipped file, by name, or of a TOML file, by path from `folder`.

    Raises `VocabularyError` with the file and the key.
    """
    path = vocabulary_path(name, folder=folder)
    if not path.is_file():
        shipped = list(_shipped())
        near = difflib.get_close_matches(name, shipped, cutoff=0.4) or shipped
        raise VocabularyError(
            f"vocabulary {name!r} is neither shipped nor a file; did you mean {' or '.join(near)}?"
        )
    return _read(path)


def vocabulary_path(name: str, *, folder: Path | None = None) -> Path:
    """The file of a shipped vocabulary, by name, or of another, by path from `folder`."""
    return _shipped().get(name) or (folder or Path()) / name


def _shipped() -> dict[str, Path]:
    return {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}


@cache
def _read(path: Path) -> dict[str, Vocabulary]:
    from pydantic import ValidationError

    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise VocabularyError(f"vocabulary {path} is not UTF-8 text; save it as TOML") from None
    except tomllib.TOMLDecodeError as error:
        raise VocabularyError(f"vocabulary {path} is not valid TOML: {error}") from None
    if not content:
        raise VocabularyError(f"vocabulary {path} is empty; write one table per kind")
    kinds = {}
    for name, table in content.items():
        try:
            kinds[name] = make_vocabulary(name, _table().validate_python(table), source=path.name)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(step) for step in (name, *first["loc"]))
            raise VocabularyError(f"vocabulary {path}: {key}: {first['msg']}") from None
    return kinds


@cache
def _table() -> TypeAdapter[Table]:
    from pydantic import TypeAdapter

    return TypeAdapter(Table)
