"""Expansion of a syntax tree: rules are inserted, and choices taken in all combinations."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from prompts.errors import GrammarError, VocabularyError
from prompts.grammar.nodes import (
    Choice,
    Node,
    RuleCall,
    RuleDefinition,
    Slot,
    SourceLocation,
    Syntax,
    TypeDefinition,
    UseDefinition,
    VocabularyDefinition,
    Word,
)
from prompts.vocabulary import Table, Vocabulary, load_vocabularies, make_vocabulary

MAX_TEMPLATES = 4096  # per prompt type; more is a mistake with nested choices

Flat = tuple[Word | Slot, ...]


@dataclass(frozen=True)
class FlatType:
    """A prompt type with all of its flat templates."""

    name: str
    templates: tuple[Flat, ...]


@dataclass(frozen=True, eq=False)
class Expanded:
    """A grammar with its rules inserted and its vocabularies loaded."""

    source: str
    vocabularies: Mapping[str, Vocabulary]
    types: tuple[FlatType, ...]


def expand(syntax: Syntax, *, folder: Path | None = None) -> Expanded:
    """Put rules in location and take every choice.

    Args:
        syntax: the parsed grammar.
        folder: the folder of vocabulary files; the working directory if None.

    Raises:
        GrammarError: a name is unknown, a rule calls itself, or a template is inconsistent.
    """
    vocabularies = _vocabularies(syntax, folder)
    rules = {each.name: each for each in syntax.definitions if isinstance(each, RuleDefinition)}
    types: dict[str, FlatType] = {}
    for each in syntax.definitions:
        if not isinstance(each, TypeDefinition):
            continue
        if each.name in types:
            raise _error(syntax, each.location, f"prompt type {each.name!r} is defined twice")
        flat = list(dict.fromkeys(_sequences(syntax, rules, each.body, (), each.location)))
        for template in flat:
            _check(syntax, each, template, vocabularies)
        types[each.name] = FlatType(each.name, tuple(flat))
    return Expanded(syntax.source, vocabularies, tuple(types.values()))


def _error(syntax: Syntax, location: SourceLocation, sentence: str) -> GrammarError:
    return GrammarError(
        f"grammar {syntax.source}, line {location.line}: {sentence}",
        source=location.source,
        column=location.column,
    )


def _vocabularies(syntax: Syntax, folder: Path | None) -> dict[str, Vocabulary]:
    found: dict[str, Vocabulary] = {}
    for each in syntax.definitions:
        if not isinstance(each, UseDefinition | VocabularyDefinition):
            continue
        try:
            if isinstance(each, UseDefinition):
                found |= load_vocabularies(each.name, folder=folder)
            else:
                # Plurals that a loaded vocabulary lists need not be computed again.
                plurals = {
                    value: known.table.plural[value]
                    for value in each.values
                    for known in found.values()
                    if value in known.table.plural
                }
                table = Table(each.values, role=each.role, plural=plurals)  # type: ignore[arg-type]
                found[each.name] = make_vocabulary(each.name, table, source=syntax.source)
        except VocabularyError as error:
            raise _error(syntax, each.location, str(error)) from None
    return found


def _sequences(
    syntax: Syntax,
    rules: Mapping[str, RuleDefinition],
    body: Choice,
    open_rules: tuple[str, ...],
    location: SourceLocation,
) -> Iterator[Flat]:
    count = 0
    for option in body.options:
        ways = [list(_ways(syntax, rules, node, open_rules, location)) for node in option]
        for chosen in product(*ways):
            count += 1
            if count > MAX_TEMPLATES:
                raise _error(
                    syntax,
                    location,
                    f"there are more than {MAX_TEMPLATES} ways to write this; split the type",
                )
            yield tuple(item for part in chosen for item in part)


def _ways(
    syntax: Syntax,
    rules: Mapping[str, RuleDefinition],
    node: Node,
    open_rules: tuple[str, ...],
    location: SourceLocation,
) -> Iterator[Flat]:
    if isinstance(node, Choice):
        yield from _sequences(syntax, rules, node, open_rules, location)
    elif isinstance(node, RuleCall):
        rule = rules.get(node.name)
        if rule is None:
            raise _error(
                syntax,
                node.location,
                f"there is no rule {node.name!r}; {_near(node.name, rules, 'rules')}",
            )
        if node.name in open_rules:
            raise _error(
                syntax,
                node.location,
                f"rule {node.name!r} calls itself; write one rule for each level of nesting",
            )
        if len(node.arguments) != len(rule.parameters):
            raise _error(
                syntax,
                node.location,
                f"rule {node.name!r} takes {len(rule.parameters)} entities but was given "
                f"{len(node.arguments)}",
            )
        names = dict(zip(rule.parameters, node.arguments, strict=True))
        for flat in _sequences(syntax, rules, rule.body, (*open_rules, node.name), node.location):
            yield tuple(_renamed(item, names) for item in flat)
    else:
        yield (node,)


def _renamed(item: Word | Slot, names: Mapping[str, str]) -> Word | Slot:
    if isinstance(item, Word):
        return item
    first, dot, rest = item.name.partition(".")
    name = names.get(first, first) + dot + rest if dot else item.name
    entities = tuple(names.get(entity, entity) for entity in item.entities)
    return Slot(name, item.kind, entities, item.location)


def _check(
    syntax: Syntax, type_: TypeDefinition, template: Flat, vocabularies: Mapping[str, Vocabulary]
) -> None:
    slots = [item for item in template if isinstance(item, Slot)]
    if not slots:
        raise _error(
            syntax, type_.location, f"prompt type {type_.name!r} can be written without slots"
        )
    names = [slot.name for slot in slots]
    owners = {slot.entities[0] for slot in slots if len(slot.entities) == 1}
    for slot in slots:
        vocabulary = vocabularies.get(slot.kind)
        if vocabulary is None:
            raise _error(
                syntax,
                slot.location,
                f"slot {slot.name!r} has an unknown vocabulary {slot.kind!r}; "
                f"{_near(slot.kind, vocabularies, 'vocabularies')}",
            )
        if names.count(slot.name) > 1:
            raise _error(syntax, slot.location, f"slot {slot.name!r} occurs twice in one prompt")
        wanted = 2 if vocabulary.role == "relation" else 1
        if len(slot.entities) != wanted or len(set(slot.entities)) != wanted:
            raise _error(
                syntax,
                slot.location,
                f"slot {slot.name!r} has the role {vocabulary.role} and needs {wanted} "
                f"{'entities' if wanted > 1 else 'entity'}; it has {len(slot.entities)}",
            )
        missing = [entity for entity in slot.entities if entity not in owners]
        if missing:
            raise _error(
                syntax,
                slot.location,
                f"slot {slot.name!r} belongs to {missing[0]!r}, which has no noun "
                "or attribute in the prompt; give that entity a noun",
            )


def _near(name: str, known: Sequence[str] | Mapping[str, object], what: str) -> str:
    near = difflib.get_close_matches(name, list(known), cutoff=0.4)
    if near:
        return f"did you mean {' or '.join(repr(each) for each in near)}?"
    return f"there are {', '.join(sorted(known))}" if known else f"the grammar has no {what}"
