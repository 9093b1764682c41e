"""The syntax tree of a grammar file: definitions, and the nodes that their bodies consist of."""

from __future__ import annotations

from dataclasses import dataclass

ROLES = ("noun", "attribute", "count", "relation")


@dataclass(frozen=True)
class SourceLocation:
    """A position in a grammar file."""

    line: int
    """Counted from 1."""
    column: int
    """Counted from 0."""
    source: str
    """The text of the line."""


@dataclass(frozen=True)
class Word:
    """A word that appears in the text unchanged."""

    text: str


@dataclass(frozen=True)
class Slot:
    """A position that is filled with words of a vocabulary."""

    name: str
    kind: str
    entities: tuple[str, ...]
    location: SourceLocation


@dataclass(frozen=True)
class RuleCall:
    """A reference to a rule, with entities as its arguments."""

    name: str
    arguments: tuple[str, ...]
    location: SourceLocation


@dataclass(frozen=True)
class Choice:
    """Alternative sequences, of which one is used."""

    options: tuple[tuple[Node, ...], ...]


Node = Word | Slot | RuleCall | Choice


@dataclass(frozen=True)
class UseDefinition:
    """A vocabulary file to load."""

    name: str
    location: SourceLocation


@dataclass(frozen=True)
class VocabularyDefinition:
    """A vocabulary defined in the grammar itself."""

    name: str
    role: str
    values: tuple[str, ...]
    location: SourceLocation


@dataclass(frozen=True)
class RuleDefinition:
    """A reusable piece of text whose parameters are entities."""

    name: str
    parameters: tuple[str, ...]
    body: Choice
    location: SourceLocation


@dataclass(frozen=True)
class TypeDefinition:
    """A prompt type."""

    name: str
    body: Choice
    location: SourceLocation


Definition = UseDefinition | VocabularyDefinition | RuleDefinition | TypeDefinition


@dataclass(frozen=True)
class Syntax:
    """A parsed grammar file."""

    source: str
    """The name of the file in messages."""
    definitions: tuple[Definition, ...]
