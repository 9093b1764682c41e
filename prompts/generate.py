"""Prompts drawn from a grammar without replacement, however large the grammar is."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from math import gcd
from typing import Literal

from prompts.errors import RequestError
from prompts.foils.make import draw_of, foils_of
from prompts.grammar.load import Grammar
from prompts.grammar.slots import Digits
from prompts.grammar.template import Template
from prompts.permutation import Permutation, mix
from prompts.structure import Prompt

Balance = Literal["types", "space"]

ID_DIGITS = 16  # of the text's SHA-256; two of a million prompts collide with probability 3e-8
LISTED = 300_000  # templates up to this size are counted exhaustively
SAMPLED = 4_000  # draws from which the size of larger templates is estimated


@dataclass(frozen=True)
class Capacity:
    """A number of distinct prompts.

    >>> str(Capacity(14400, is_exact=True)), str(Capacity(14400, is_exact=False))
    ('14,400', 'about 14,400')
    """

    count: int
    is_exact: bool

    def __str__(self) -> str:
        return f"{self.count:,}" if self.is_exact else f"about {self.count:,}"


def generate(
    grammar: Grammar, n: int, *, seed: int, balance: Balance = "types"
) -> Iterator[Prompt]:
    """Draw `n` distinct prompts with their spans and foils; every prefix has the same mixture.

    Args:
        grammar: the grammar to draw from.
        n: the number of prompts, at least 1.
        seed: equal seeds give equal prompts on every machine.
        balance: ``types`` draws the same number from each prompt type and from each of its
            templates, as far as they have that many; ``space`` draws every prompt of the grammar
            with the same probability.

    Raises:
        RequestError: the grammar has fewer than `n` distinct prompts; the message says how many.

    >>> from prompts.grammar.load import load_grammar
    >>> [prompt.text for prompt in generate(load_grammar("world"), 2, seed=0)]
    ['a picture of a green cross and a purple circle', 'a picture of a green diamond']
    """
    templates = [template for group in grammar.types.values() for template in group]
    quotas = _quotas(grammar, n, balance)
    ends = list(accumulate(quotas))
    draws = [
        _drawn(template, quota, mix(seed * 4096 + index) + seed)
        for index, (template, quota) in enumerate(zip(templates, quotas, strict=True))
    ]
    stride, start = _stride(n), mix(seed) % max(n, 1)
    return (next(draws[bisect_right(ends, (start + turn * stride) % n)]) for turn in range(n))


def capacities(grammar: Grammar) -> dict[str, Capacity]:
    """The number of distinct prompts of each type.

    >>> from prompts.grammar.load import load_grammar
    >>> {name: capacity.count for name, capacity in capacities(load_grammar("world")).items()}
    {'one_object': 72, 'two_objects': 1800, 'relation': 14400}
    """
    result = {}
    for name, templates in grammar.types.items():
        each = [capacity(template) for template in templates]
        exact = all(one.is_exact for one in each)
        result[name] = Capacity(sum(one.count for one in each), exact)
    return result


@lru_cache(maxsize=4096)
def capacity(template: Template) -> Capacity:
    """The number of distinct prompts of a template, estimated for very large templates.

    >>> from prompts.grammar.load import load_grammar
    >>> capacity(load_grammar("world").types["one_object"][0])
    Capacity(count=36, is_exact=True)
    """
    count = template.count()
    if count is not None:
        return Capacity(count, is_exact=True)
    if template.size <= LISTED:
        allowed = (template.allows(template.digits(index)) for index in range(template.size))
        return Capacity(sum(allowed), is_exact=True)
    order = Permutation(template.size, seed=0)
    allowed = (template.allows(template.digits(order(index))) for index in range(SAMPLED))
    return Capacity(template.size * sum(allowed) // SAMPLED, is_exact=False)


def prompt_of(template: Template, digits: Digits, *, draw: int) -> Prompt:
    """The prompt with the choices `digits`; the random number `draw` decides its foils.

    >>> from prompts.grammar.load import load_grammar
    >>> prompt_of(load_grammar("world").types["one_object"][0], (0, 1), draw=0).text
    'a picture of a red square'
    """
    text, places, parts = template.write(digits)
    return Prompt(
        hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS],
        text,
        template.type,
        template.pattern,
        parts,
        foils_of(template, digits, text, places, draw),
    )


def _drawn(template: Template, quota: int, seed: int) -> Iterator[Prompt]:
    order = Permutation(template.size, seed=seed)
    given = 0
    for turn in range(template.size):
        if given == quota:
            return
        index = order(turn)
        digits = template.digits(index)
        if template.allows(digits):
            given += 1
            yield prompt_of(template, digits, draw=draw_of(index, seed))
    if given < quota:
        raise RequestError(
            f"prompt type {template.type!r} has only {given:,} distinct prompts of the form "
            f"{template.pattern!r}, but {quota:,} were requested; request fewer"
        )


def _quotas(grammar: Grammar, n: int, balance: Balance) -> list[int]:
    types = capacities(grammar)
    total = Capacity(
        sum(each.count for each in types.values()), all(each.is_exact for each in types.values())
    )
    if n < 1:
        raise RequestError(f"the number of prompts should be at least 1, not {n}")
    if n > total.count:
        each = ", ".join(f"{name} {capacity}" for name, capacity in types.items())
        raise RequestError(
            f"grammar {grammar.name!r} has {total} distinct prompts ({each}), but {n:,} were "
            "requested; request fewer, or add words"
        )
    groups = [[capacity(template).count for template in group] for group in grammar.types.values()]
    if balance == "space":
        return _in_proportion(n, [count for group in groups for count in group])
    shares = _distributed_evenly(n, [sum(group) for group in groups])
    return [
        quota
        for share, group in zip(shares, groups, strict=True)
        for quota in _distributed_evenly(share, group)
    ]


def _distributed_evenly(n: int, limits: Sequence[int]) -> list[int]:
    """`n` distributed as evenly as the limits allow; the first ones get the remainder."""
    dealt = [0] * len(limits)
    while n:
        free = [index for index, limit in enumerate(limits) if dealt[index] < limit]
        share, rest = divmod(n, len(free))
        for place, index in enumerate(free):
            more = min(share + (place < rest), limits[index] - dealt[index])
            dealt[index] += more
            n -= more
    return dealt


def _stride(n: int) -> int:
    """A step size that visits ``range(n)`` once, with every prefix spread evenly.

    It is close to n over the golden ratio, whose multiples are distributed most evenly (Weyl).
    """
    stride = max(round(n * 0.6180339887498949), 1)
    while gcd(stride, n) > 1:
        stride += 1
    return stride


def _in_proportion(n: int, limits: Sequence[int]) -> list[int]:
    total, before, dealt = sum(limits), 0, []
    for limit in limits:
        after = before + limit
        dealt.append(n * after // total - n * before // total)
        before = after
    return dealt
