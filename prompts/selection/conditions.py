"""Conditions on prompts, as ``--where`` takes them.

In BNF::

    clause   ::= FIELD OPERATOR value { "|" value }    the field has one of the values
               | FIELD | "!" FIELD                     the field has a value, or none
    OPERATOR ::= "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~"

A field is one of `FIELDS`, a slot (``object_1.colour``) or a kind (``colour``, whichever object has
it). ``!=`` is true of a prompt without the field, which has none of the values. ``~`` looks for
words anywhere in the field, in capitals or not. ``\\|`` is a bar in a value.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prompts.errors import RequestError
from prompts.structure import Prompt

NONE = "none"
"""Stands for the value of a field that a prompt lacks, as for the split of a prompt without one."""
_NUMBERS: Mapping[str, Callable[[Prompt], int]] = {
    "words": lambda prompt: len(prompt.text.split()),
    "entities": lambda prompt: len({e for part in prompt.constituents for e in part.entities}),
    "constituents": lambda prompt: len(prompt.constituents),
    "foils": lambda prompt: len(prompt.foils),
}
_TEXTS: Mapping[str, Callable[[Prompt], Sequence[str]]] = {
    "id": lambda prompt: (prompt.id,),
    "text": lambda prompt: (prompt.text,),
    "type": lambda prompt: (prompt.type,),
    "template": lambda prompt: (prompt.template,),
    "split": lambda prompt: (prompt.split,) if prompt.split else (),
    "foil": lambda prompt: [foil.change for foil in prompt.foils],
    "slot": lambda prompt: [part.slot for part in prompt.constituents],
    "kind": lambda prompt: [part.kind for part in prompt.constituents],
}
FIELDS = (*_TEXTS, *_NUMBERS)
"""What every suite has; ``foil`` is the names of the changes, ``foils`` how many there are."""
_COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CLAUSE = re.compile(r"(?P<field>[^=!<>~]+?)\s*(?P<operator>==|!=|<=|>=|!~|=|<|>|~)(?P<values>.*)")
_NUMBER = re.compile(r"-?\d{1,18}")
_KEPT_VALUES = 1000  # values of a field that are remembered, to offer the nearest


@dataclass(frozen=True)
class Clause:
    """One condition."""

    text: str
    """As it was given."""
    field: str
    operator: str
    """One of the grammar's, or ``has`` and ``lacks``."""
    values: tuple[str, ...] = ()

    def holds(self, prompt: Prompt) -> bool:
        """Whether it is true of `prompt`."""
        if self.field in _NUMBERS:
            return self._holds_of_number(_NUMBERS[self.field](prompt))
        own = values_of(prompt, self.field)
        if self.operator in ("has", "lacks"):
            return bool(own) == (self.operator == "has")
        if self.operator in ("~", "!~"):
            found = any(v.casefold() in each.casefold() for each in own for v in self.values)
            return found == (self.operator == "~")
        found = not set(own or (NONE,)).isdisjoint(self.values)
        return found == (self.operator == "=")

    def _holds_of_number(self, number: int) -> bool:
        if self.operator in ("has", "lacks"):
            return (number > 0) == (self.operator == "has")
        if self.operator in _COMPARISONS:
            return _COMPARISONS[self.operator](number, int(self.values[0]))
        return (number in map(int, self.values)) == (self.operator == "=")


def parse_clause(text: str) -> Clause:
    """Read one condition.

    Raises `RequestError` for what is none, with an example.
    """
    stripped = text.strip()
    match = _CLAUSE.fullmatch(stripped)
    if match is None:
        field = stripped.removeprefix("!").strip()
        if not field or not re.fullmatch(r"[^=!<>~|]+", field):
            raise RequestError(
                f"--where {text!r} is no condition; write for example type=relation, "
                "object_1.colour!=red, words<20, foils or '!foils'"
            )
        return Clause(text, field, "lacks" if stripped.startswith("!") else "has")
    field, sign = match["field"].strip(), match["operator"].replace("==", "=")
    values = tuple(
        value.strip().replace("\\|", "|") for value in re.split(r"(?<!\\)\|", match["values"])
    )
    if "" in values:
        raise RequestError(
            f"--where {text!r} lacks a value after {sign!r}; for prompts without any write "
            f"'!{field}'"
        )
    if field in _NUMBERS:
        _check_numbers(text, field, sign, values)
    elif sign in _COMPARISONS:
        raise RequestError(
            f"--where {text!r}: {field} is no number; compare it with =, != or ~, or one of "
            f"{', '.join(_NUMBERS)} with {sign}"
        )
    return Clause(text, field, sign, values)


def _check_numbers(text: str, field: str, sign: str, values: Sequence[str]) -> None:
    if "~" in sign:
        raise RequestError(f"--where {text!r}: {field} is a number; compare it with =, < or >")
    if sign in _COMPARISONS and len(values) > 1:
        raise RequestError(f"--where {text!r}: give one number after {sign!r}")
    for value in values:
        if not _NUMBER.fullmatch(value):
            raise RequestError(
                f"--where {text!r}: {field} is a whole number, and {value!r} is none"
            )


def values_of(prompt: Prompt, field: str) -> Sequence[str]:
    """What `prompt` has in a field; empty where it lacks it."""
    if field in _NUMBERS:
        return (str(_NUMBERS[field](prompt)),)
    if field in _TEXTS:
        return _TEXTS[field](prompt)
    part = prompt.constituent(field)
    if part is not None:
        return (part.value,)
    return [part.value for part in prompt.constituents if part.kind == field]


class Filter:
    """Conditions that must all hold, and what they left of a stream of prompts."""

    def __init__(self, clauses: Sequence[Clause], *, fields: Iterable[str] = ()) -> None:
        """Take `clauses`; `fields` are others that the prompts should have."""
        self.clauses = tuple(clauses)
        self.read = 0
        self.left = [0] * len(self.clauses)
        """For each clause how many prompts it and all before it are true of."""
        self._wanted = {*fields, *(clause.field for clause in clauses)}
        self._fields: set[str] = set(FIELDS)
        self._values: dict[str, Counter[str]] = {field: Counter() for field in self._wanted}

    def passing(self, prompts: Iterable[Prompt]) -> Iterator[Prompt]:
        """The prompts of which every clause is true."""
        for prompt in prompts:
            self.read += 1
            self._remember(prompt)
            for place, clause in enumerate(self.clauses):
                if not clause.holds(prompt):
                    break
                self.left[place] += 1
            else:
                yield prompt

    def _remember(self, prompt: Prompt) -> None:
        for part in prompt.constituents:
            self._fields.add(part.slot)
            self._fields.add(part.kind)
        for field, values in self._values.items():
            if len(values) < _KEPT_VALUES and field not in ("id", "text"):
                values.update(values_of(prompt, field))

    def check(self, source: str) -> None:
        """Refuse fields that no prompt has, and clauses that left nothing.

        Raises `RequestError` naming the clause and the nearest field or value.
        """
        for field in sorted(self._wanted - self._fields):
            near = difflib.get_close_matches(field, sorted(self._fields), n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else _there_are(self._fields)
            raise RequestError(f"no prompt of {source} has a field {field!r}; {hint}")
        before = self.read
        for clause, left in zip(self.clauses, self.left, strict=True):
            if not left:
                raise RequestError(
                    f"--where {clause.text!r} leaves none of the {before:,} prompts "
                    f"{'that are left before it' if before < self.read else f'of {source}'}"
                    f"{self._offer(clause)}"
                )
            before = left

    def _offer(self, clause: Clause) -> str:
        """What else the field holds, where the clause asks for a value that it does not."""
        known = [value for value, _ in self._values[clause.field].most_common()]
        if clause.operator != "=" or not known or not set(known).isdisjoint(clause.values):
            return ""
        near = difflib.get_close_matches(clause.values[0], known, n=2, cutoff=0.6)
        if near:
            return f"; did you mean {' or '.join(near)}?"
        return f"; {clause.field} is {', '.join(known[:5])}{', ...' if len(known) > 5 else ''}"


def _there_are(fields: Iterable[str]) -> str:
    own = sorted(set(fields) - set(FIELDS))
    return f"there are {', '.join((*FIELDS, *own))}"
