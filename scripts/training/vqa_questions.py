"""Questions on an image with their right answers, by what the oracle reads from it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations

from prompts.structure import Prompt
from prompts.world import (
    COLOURS,
    OPENINGS,
    SHAPES,
    WORDINGS,
    Content,
    content_of,
    foil_contents,
    sample_content,
    write,
)
from t2i_audit.judges.oracle import judge_reading
from t2i_audit.judges.questions import questions_of
from t2i_audit.world.oracle import ReadObject, SceneReading, relation_holds

Kind = str
"""``shape``, ``shapes`` (two that share it), ``colour``, ``relation`` or ``caption``."""


@dataclass(frozen=True)
class Answered:
    """A question on one image, and whether yes is the right answer."""

    kind: Kind
    text: str
    answer: bool


def answers(prompt: Prompt, reading: SceneReading) -> Iterator[tuple[str, Answered]]:
    """Each slot of a prompt of the rendered world with its question, answered; the caption last.

    A question is answered by itself, not by its slot: where the star is missing, no star is red,
    although the oracle may find the red of a red circle right.
    """
    content = content_of(prompt)
    shared = len(content.objects) == 2 and content.objects[0][1] == content.objects[1][1]
    seen = [item for item in reading.objects if item.readable]
    for question in questions_of(prompt):
        part = prompt.constituent(question.slot)
        if part is None:
            right = bool(judge_reading(reading, prompt).correct)
            kind = "caption"
        elif part.kind == "relation":
            kind, right = "relation", _relation_is_seen(content, seen, by_colour=shared)
        else:
            colour, shape = content.objects[int(part.entities[0][-1]) - 1]
            if part.kind == "colour":
                kind = "colour"
                right = any((item.colour, item.shape) == (colour, shape) for item in seen)
            else:
                kind = "shapes" if shared else "shape"
                count = sum(item.shape == shape for item in seen)
                right = count >= (2 if shared else 1)
        yield question.slot, Answered(kind, question.text, right)


def _relation_is_seen(content: Content, seen: list[ReadObject], *, by_colour: bool) -> bool:
    def fits(item: ReadObject, wanted: tuple[str, str]) -> bool:
        return item.shape == wanted[1] and (not by_colour or item.colour == wanted[0])

    return any(
        fits(first, content.objects[0])
        and fits(second, content.objects[1])
        and relation_holds(content.relation or "", first, second)
        for first, second in permutations(seen, 2)
    )


def pool_of(prompt: Prompt, reading: SceneReading, rng: random.Random) -> list[Answered]:
    """Questions on an image, hard ones first of all; at most two of each kind and answer.

    They come from the image's own prompt, from what the image shows, and from contents that differ
    from it in one thing: colours exchanged or replaced, a shape replaced, a relation reversed, an
    object left out or added, an object with the other one's colour.
    """
    asked: dict[tuple[Kind, bool], dict[str, Answered]] = {}
    contents = list(_contents(content_of(prompt), reading, rng))
    prompts = [prompt, *(_worded(content, rng) for content in contents)]
    rng.shuffle(prompts)
    for each in prompts:
        for _, answered in answers(each, reading):
            asked.setdefault((answered.kind, answered.answer), {})[answered.text] = answered
    return [
        answered
        for group in asked.values()
        for answered in rng.sample(list(group.values()), min(2, len(group)))
    ]


def _worded(content: Content, rng: random.Random) -> Prompt:
    wording = rng.choice(WORDINGS[content.relation]) if content.relation else None
    return write(content, opening=rng.choice(OPENINGS), wording=wording)


def _contents(asked_for: Content, reading: SceneReading, rng: random.Random) -> Iterator[Content]:
    items = [item for item in reading.objects if item.readable]
    rng.shuffle(items)
    if items:
        shown = tuple((item.colour, item.shape) for item in items[:2])
        relation = None
        if len(items) > 1:
            held = [name for name in WORDINGS if relation_holds(name, items[0], items[1])]
            relation = rng.choice(held) if held and rng.random() < 0.8 else None
        true = Content(shown, relation)
        yield true
        yield from (foil for _, foil in foil_contents(true, rng))
        yield Content((rng.choice(shown),))
        colour, shape = shown[0]
        if len(shown) == 2:
            yield replace(true, objects=((shown[1][0], shape), shown[1]))
            if relation is not None:
                yield replace(true, relation=rng.choice(tuple(WORDINGS)))
            # Two of one shape, in the colours of both or with the very colours that are shown.
            other = rng.choice([name for name in COLOURS if name != colour])
            yield replace(true, objects=((colour, shape), (other, shape)))
            same = shown[0][1] == shown[1][1] and shown[0][0] != shown[1][0]
            if same:
                yield replace(true, objects=(shown[1], shown[0]))
        else:
            added = (rng.choice(COLOURS), rng.choice(SHAPES))
            if added != shown[0]:
                yield Content((shown[0], added), rng.choice((None, *WORDINGS)))
            other = rng.choice([name for name in COLOURS if name != colour])
            yield Content(((colour, shape), (other, shape)))
    yield from (foil for _, foil in foil_contents(asked_for, rng))
    yield sample_content(rng, "relation")
