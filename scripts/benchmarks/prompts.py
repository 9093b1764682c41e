"""Prompts from a grammar: how many a second, and how much memory a million takes."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from statistics import median

from prompts.structure import Constituent, Foil, Prompt
from scripts.benchmarks.line import Line, over, timed

PROMPTS = 20_000
FEW, MANY = 50_000, 1_000_000
GRAMMAR = """
use core
thing(x) := a {x.colour} {x.object}
relation: [a photo of] <thing(object_1)> {relation(object_1, object_2)} <thing(object_2)>
"""
# Peak resident memory of a process that makes prompts and their lines and keeps none.
PEAK = """
import resource, sys
from prompts.formats.native import dump_prompt
from prompts.grammar.load import make_grammar
from prompts.generate import generate
for prompt in generate(make_grammar({grammar!r}), {n}, seed=0):
    dump_prompt(prompt)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def generation(rounds: int, limit: int) -> list[Line]:
    """A grammar against a loop of `random.choice` and `str.format` written for this template."""
    from prompts.generate import generate
    from prompts.grammar.load import make_grammar

    grammar = make_grammar(GRAMMAR)
    words = grammar.vocabularies

    def ours() -> None:
        deque(generate(grammar, PROMPTS, seed=0), maxlen=0)

    def rival() -> None:
        deque(_by_format(words, PROMPTS), maxlen=0)

    ours()
    own, other = [], []
    for _ in range(rounds):
        own.append(timed(ours))
        other.append(timed(rival))
    few, many = (_peak(n) for n in (FEW, MANY))
    remark = (
        f"prompts with spans and foils: {PROMPTS / median(own):,.0f} a second, at best "
        f"{PROMPTS / min(own):,.0f} (goal: 50,000, at least 10,000); peak memory of a process "
        f"that makes {FEW:,}: {few:.0f} MB, {MANY:,}: {many:.0f} MB"
    )
    what = f"{PROMPTS:,} prompts with foils: random.choice and str.format over ours"
    return [Line(what, tuple(own), over(other, own), ">= 1", remark)]


def _peak(n: int) -> float:
    code = PEAK.format(grammar=GRAMMAR, n=n)
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, encoding="utf-8"
    )
    return int(done.stdout) / 1024


def _by_format(words: object, n: int) -> Iterator[Prompt]:
    """What one would write by hand for the one template, with the same result a prompt."""
    vocabularies = dict(words)  # type: ignore[call-overload]
    colours, objects = vocabularies["colour"].values, vocabularies["object"].values
    relations = [
        (value, wording)
        for value in vocabularies["relation"].values
        for wording in vocabularies["relation"].wordings(value)
    ]
    opposite = {"left": "right", "right": "left", "above": "below", "below": "above"}
    opposite |= {"over": "under", "under": "over"}
    rng = random.Random(0)
    seen: set[str] = set()

    def written(opening: str, one: tuple[str, str], wording: str, other: tuple[str, str]) -> str:
        articles = ["an" if colour[0] in "aeiou" else "a" for colour, _ in (one, other)]
        return "{}{} {} {} {} {} {} {}".format(
            opening, articles[0], *one, wording, articles[1], *other
        )

    while len(seen) < n:
        opening = rng.choice(("", "a photo of "))
        one = rng.choice(colours), rng.choice(objects)
        other = rng.choice(colours), rng.choice(objects)
        value, wording = rng.choice(relations)
        if one[0] == other[0] or one[1] == other[1]:
            continue
        text = written(opening, one, wording, other)
        if text in seen:
            continue
        seen.add(text)
        parts, at = [], 0
        for slot, kind, said, shown, entities in (
            ("object_1.colour", "colour", one[0], one[0], ("object_1",)),
            ("object_1.object", "object", one[1], one[1], ("object_1",)),
            ("relation", "relation", value, wording, ("object_1", "object_2")),
            ("object_2.colour", "colour", other[0], other[0], ("object_2",)),
            ("object_2.object", "object", other[1], other[1], ("object_2",)),
        ):
            start = text.index(shown, at)
            at = start + len(shown)
            parts.append(Constituent(slot, kind, said, start, at, entities))
        turned = " ".join(opposite.get(word, word) for word in wording.split())
        new_colour = rng.choice([c for c in colours if c not in (one[0], other[0])])
        new_object = rng.choice([o for o in objects if o not in (one[1], other[1])])
        swapped = (other[0], one[1]), (one[0], other[1])
        foils = (
            Foil(written(opening, swapped[0], wording, swapped[1]), "colours_swapped"),
            Foil(written(opening, swapped[1], wording, swapped[0]), "objects_swapped"),
            Foil(written(opening, (new_colour, one[1]), wording, other), "colour_replaced"),
            Foil(written(opening, (one[0], new_object), wording, other), "object_replaced"),
            Foil(written(opening, one, turned, other), "relation_reversed"),
        )
        identifier = hashlib.sha256(text.encode()).hexdigest()[:16]
        yield Prompt(identifier, text, "relation", wording, tuple(parts), foils)
