"""Conditions on prompts, in the syntax of ``--where``.

In BNF::

    clause   ::= FIELD OPERATOR value { "|" value }    the field has one of the values
               | FIELD | "!" FIELD                     the field has a value, or none
    OPERATOR ::= "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~"

A field is one of `FIELDS`, a slot (``object_1.colour``) or a kind (``colour``, of any object).
``!=`` holds for a prompt without the field. ``~`` searches for text anywhere in the field and
ignores case. ``\\|`` is a literal bar in a value.
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
"""Denotes the value of a field that a prompt lacks, e.g. of the split of an unsplit prompt."""
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
"""The fields of every suite; ``foil`` holds the names of the changes, ``foils`` their number."""
_COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CLAUSE = re.compile(r"(?P<field>[^=!<>~]+?)\s*(?P<operator>==|!=|<=|>=|!~|=|<|>|~)(?P<values>.*)")
_NUMBER = re.compile(r"-?\d{1,18}")
_KEPT_VALUES = 1000  # values of a field that are kept for suggestions


@dataclass(frozen=True)
class Condition:
    """One condition."""

    text: str
    """The condition as it was given."""
    field: str
    operator: str
    """An operator of the grammar, or ``has`` or ``lacks``."""
    values: tuple[str, ...] = ()

    def holds(self, prompt: Prompt) -> bool:
        """Whether the condition holds for `prompt`."""
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


def parse_condition(text: str) -> Condition:
    """Parse one condition.

    Raises `RequestError` with an example of a valid one.
    """
    stripped = text.strip()
    match = _CLAUSE.fullmatch(stripped)
    if match is None:
        field = stripped.removeprefix("!").strip()
        if not field or not re.fullmatch(r"[^=!<>~|]+", field):
            raise RequestError(
                f"--where {text!r} is not a condition; write for example type=relation, "
                "object_1.colour!=red, words<20, foils or '!foils'"
            )
        return Condition(text, field, "lacks" if stripped.startswith("!") else "has")
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
            f"--where {text!r}: {field} is not a number; compare it with =, != or ~, or one of "
            f"{', '.join(_NUMBERS)} with {sign}"
        )
    return Condition(text, field, sign, values)


def _check_numbers(text: str, field: str, sign: str, values: Sequence[str]) -> None:
    if "~" in sign:
        raise RequestError(f"--where {text!r}: {field} is a number; compare it with =, < or >")
    if sign in _COMPARISONS and len(values) > 1:
        raise RequestError(f"--where {text!r}: give one number after {sign!r}")
    for value in values:
        if not _NUMBER.fullmatch(value):
            raise RequestError(f"--where {text!r}: {field} is a whole number, but {value!r} is not")


def values_of(prompt: Prompt, field: str) -> Sequence[str]:
    """The values of `prompt` in a field; empty if it lacks the field."""
    if field in _NUMBERS:
        return (str(_NUMBERS[field](prompt)),)
    if field in _TEXTS:
        return _TEXTS[field](prompt)
    part = prompt.constituent(field)
    if part is not None:
        return (part.value,)
    return [part.value for part in prompt.constituents if part.kind == field]


class PromptFilter:
    """Conditions that must all hold, and how many prompts of a stream they leave."""

    def __init__(self, conditions: Sequence[Condition], *, fields: Iterable[str] = ()) -> None:
        """Filter by `conditions`; the prompts must also have the fields `fields`."""
        self.conditions = tuple(conditions)
        self.read = 0
        self.left = [0] * len(self.conditions)
        """For each condition, the number of prompts for which it and all before it hold."""
        self._wanted = {*fields, *(condition.field for condition in conditions)}
        self._fields: set[str] = set(FIELDS)
        self._values: dict[str, Counter[str]] = {field: Counter() for field in self._wanted}

    def passing(self, prompts: Iterable[Prompt]) -> Iterator[Prompt]:
        """The prompts for which every condition holds."""
        for prompt in prompts:
            self.read += 1
            self._remember(prompt)
            for index, condition in enumerate(self.conditions):
                if not condition.holds(prompt):
                    break
                self.left[index] += 1
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
        """Refuse fields that no prompt has, and conditions that no prompt meets.

        Raises `RequestError` with the condition and the nearest field or value.
        """
        for field in sorted(self._wanted - self._fields):
            near = difflib.get_close_matches(field, sorted(self._fields), n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else _there_are(self._fields)
            raise RequestError(f"no prompt of {source} has a field {field!r}; {hint}")
        before = self.read
        for condition, left in zip(self.conditions, self.left, strict=True):
            if not left:
                origin = (
                    "left by the conditions before it" if before < self.read else f"of {source}"
                )
                raise RequestError(
                    f"--where {condition.text!r} leaves none of the {before:,} prompts {origin}"
                    f"{self._offer(condition)}"
                )
            before = left

    def _offer(self, condition: Condition) -> str:
        """A suggestion of other values, if no prompt has the requested value."""
        known = [value for value, _ in self._values[condition.field].most_common()]
        if condition.operator != "=" or not known or not set(known).isdisjoint(condition.values):
            return ""
        near = difflib.get_close_matches(condition.values[0], known, n=2, cutoff=0.6)
        if near:
            return f"; did you mean {' or '.join(near)}?"
        return f"; {condition.field} is {', '.join(known[:5])}{', ...' if len(known) > 5 else ''}"


def _there_are(fields: Iterable[str]) -> str:
    own = sorted(set(fields) - set(FIELDS))
    return f"there are {', '.join((*FIELDS, *own))}"
