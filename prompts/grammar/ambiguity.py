"""Whether a grammar can write the same text in two ways.

The templates form one automaton over words, in which a slot accepts any of its wordings. Two
different runs that accept the same words make the grammar ambiguous; they are searched for in the
product of the automaton with itself. In a grammar that passes, every text has one structure, and
distinct choices write distinct prompts. Bans are ignored, so a grammar is also refused if all of
its ambiguous texts are banned.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prompts.errors import GrammarError
from prompts.grammar.slots import Choices
from prompts.grammar.template import Template

State = tuple[int, int]
"""The remaining items of a template, and the node in the trie of the first slot, or -1."""

ARTICLES = {"an": "a"}


def check_unambiguous(source: str, types: Mapping[str, Sequence[Template]]) -> None:
    """Raise `GrammarError` with a text that has two structures, if there is one."""
    automaton = _Automaton()
    starts = [
        (automaton.rest(_items(template)), template)
        for group in types.values()
        for template in group
    ]
    by_rest: dict[int, Template] = {}
    for rest, template in starts:
        other = by_rest.setdefault(rest, template)
        if other is not template:
            raise _error(source, other, template, other.pattern)
    for number, (rest, template) in enumerate(starts):
        for other_rest, other in starts[number:]:
            text = automaton.common_text((rest, -1), (other_rest, -1))
            if text is not None:
                raise _error(source, template, other, text)


def _error(source: str, one: Template, other: Template, text: str) -> GrammarError:
    ways = (
        f"as {one.type} in two ways"
        if one.type == other.type
        else f"as {one.type} and as {other.type}"
    )
    return GrammarError(
        f"grammar {source}: {text!r} can be read {ways}; change a wording, so that each text "
        "has one structure"
    )


@dataclass(frozen=True)
class _Filled:
    """A slot: any wording of its choices, and any plural if it is counted."""

    choices: Choices
    is_counted: bool


Item = str | _Filled


def _items(template: Template) -> tuple[Item, ...]:
    """Words and slots in order, with articles as separate words."""
    items: list[Item] = list(_words(template.gaps[0]))
    for slot, gap in zip(template.slots, template.gaps[1:], strict=True):
        if slot.choices.has_article:
            items.append("a")
        items.append(_Filled(slot.choices, slot.counted_by >= 0))
        items.extend(_words(gap))
    return tuple(items)


def _words(text: str) -> Iterator[str]:
    for word in text.replace(",", " , ").split():
        yield ARTICLES.get(word, word)


@dataclass(frozen=True, eq=False)
class _Node:
    """A node of a trie: the index of the next node for each word."""

    next: dict[str, int]


class _Automaton:
    def __init__(self) -> None:
        self.rests: dict[tuple[Item, ...], int] = {}
        self.items: list[tuple[Item, ...]] = []
        self.tries: dict[tuple[int, bool], int] = {}
        self.nodes: list[_Node] = []
        self.ends: set[int] = set()
        self.seen: set[tuple[State, State, bool]] = set()

    def rest(self, items: tuple[Item, ...]) -> int:
        if items not in self.rests:
            self.rests[items] = len(self.items)
            self.items.append(items)
        return self.rests[items]

    def common_text(self, first: State, second: State) -> str | None:
        """A text that two different runs from the two states accept, or None."""
        pairs = {(a, b, a != b) for a in self.closure(first) for b in self.closure(second)}
        queue: deque[tuple[State, State, bool, tuple[str, ...]]] = deque(
            (a, b, parted, ()) for a, b, parted in pairs
        )
        while queue:
            a, b, parted, words = queue.popleft()
            if (a, b, parted) in self.seen:
                continue
            self.seen.add((a, b, parted))
            if parted and self.is_final(a) and self.is_final(b):
                return " ".join(words).replace(" ,", ",")
            own, other = self.steps(a), self.steps(b)
            for word in own.keys() & other.keys() if a != b else own:
                for after in self.closure(own[word]):
                    for then in self.closure(other[word]):
                        queue.append((after, then, parted or after != then, (*words, word)))
        return None

    def closure(self, state: State) -> list[State]:
        """The state, and the state after the slot if its wording is complete."""
        rest, node = state
        states = [state]
        if node in self.ends:
            states.append((self.rest(self.items[rest][1:]), -1))
        return states

    def is_final(self, state: State) -> bool:
        return not self.items[state[0]]

    def steps(self, state: State) -> dict[str, State]:
        rest, node = state
        items = self.items[rest]
        if not items:
            return {}
        if node >= 0:
            return {word: (rest, after) for word, after in self.nodes[node].next.items()}
        head = items[0]
        if isinstance(head, str):
            return {head: (self.rest(items[1:]), -1)}
        root = self.trie(head)
        return {word: (rest, after) for word, after in self.nodes[root].next.items()}

    def trie(self, filled: _Filled) -> int:
        """The trie of the wordings of a slot, shared by slots of one vocabulary."""
        choices = filled.choices
        key = id(choices.vocabulary), filled.is_counted
        if key not in self.tries:
            self.tries[key] = self.node()
            plurals = [text for text, _ in choices.plural] if filled.is_counted else []
            for form in (*choices.words, *plurals):
                at = self.tries[key]
                for word in _words(form):
                    after = self.nodes[at].next
                    if word not in after:
                        after[word] = self.node()
                    at = after[word]
                self.ends.add(at)
        return self.tries[key]

    def node(self) -> int:
        self.nodes.append(_Node({}))
        return len(self.nodes) - 1
