"""The judge of the rendered world: reads objects from pixels and compares them with the prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np

from prompts.inflection import number_of
from prompts.structure import Constituent, Prompt
from prompts.world import COLOURS, COUNTS, RELATIONS, SHAPES
from t2i_audit.errors import JudgeError
from t2i_audit.judges.base import Judgement, unjudged
from t2i_audit.judges.scope import Scope
from t2i_audit.settings import DEFAULT_CLIP
from t2i_audit.world.oracle import ReadObject, SceneReading, read_images, relation_holds
from t2i_audit.world.scenes import IMAGE_SIZE

VALUES = {"shape": SHAPES, "colour": COLOURS, "count": COUNTS, "relation": RELATIONS}
UNCLEAR = "unclear"  # stands for the colour of an object that cannot be read
MOST_OBJECTS = 4  # in a prompt; the number of ways to match them with what was read is factorial

_DESCRIBED = re.compile(
    rf"(?P<colour>{'|'.join((*COLOURS, UNCLEAR))}) (?P<shape>{'|'.join(SHAPES)}) "
    r"at (?P<x>\d+),(?P<y>\d+)"
)


def judge_reading(reading: SceneReading, prompt: Prompt) -> Judgement:
    """Compare what was read from an image with `prompt`, by `match_objects`.

    Extra or missing objects make the image wrong; a prompt without a number asks for one of each.
    """
    objects, slots = match_objects(reading, prompt)
    counts = [number_of(part.value) for part in prompt.constituents if part.kind == "count"]
    wanted = sum(counts) + len(objects) - len(counts)
    correct = all(slots.values()) and len(reading.objects) == wanted and reading.readable
    return Judgement(
        correct=correct,
        margin=min((item.overlap for item in reading.objects), default=0.0),
        chosen=describe(reading),
        readable=reading.readable,
        slots=slots,
    )


def match_objects(
    reading: SceneReading, prompt: Prompt
) -> tuple[dict[str, ReadObject | None], dict[str, bool]]:
    """What was read for each entity of `prompt`, None where it is missing; and the slots' verdicts.

    Objects are matched with the prompt's so that the most slots are right, with shapes preferred to
    colours and colours to the relation and to counts: if colours are swapped, the colours are wrong
    and not the shapes. A count is right if that many objects of the matched one's colour and shape
    are in the image, whether these are the right colour and shape or not.
    """
    entities = sorted({e for part in prompt.constituents for e in part.entities})
    wanted = [part for part in prompt.constituents if part.kind in ("shape", "colour")]
    counts = [part for part in prompt.constituents if part.kind == "count"]
    placed = list(reading.objects) + [None] * max(0, len(entities) - len(reading.objects))
    best: dict[str, bool] = {}
    matched: dict[str, ReadObject | None] = {}
    best_rank = (-1.0, -1)
    for chosen in permutations(placed, len(entities)):
        objects = dict(zip(entities, chosen, strict=True))
        slots = {part.slot: _is_right(objects[part.entities[0]], part) for part in wanted}
        relation = prompt.constituent("relation")
        if relation is not None:
            first, second = (objects[entity] for entity in relation.entities)
            slots["relation"] = (
                first is not None
                and second is not None
                and relation_holds(relation.value, first, second)
            )
        for part in counts:
            seen = count_alike(reading, objects[part.entities[0]])
            slots[part.slot] = seen == number_of(part.value)
        weight = {"shape": 1.01, "colour": 1.0}
        score = sum(weight[part.kind] * slots[part.slot] for part in wanted)
        rest = sum(slots[part.slot] for part in counts) + slots.get("relation", False)
        rank = (score, rest)
        if rank > best_rank:
            best, best_rank, matched = slots, rank, objects
    return matched, best


def count_alike(reading: SceneReading, item: ReadObject | None) -> int:
    """How many objects have the colour and shape of `item`, itself among them.

    Objects that cannot be read count for nothing; 0 where `item` is None or cannot be read.
    """
    if item is None or not item.readable:
        return 0
    alike = (item.colour, item.shape)
    return sum(each.readable and (each.colour, each.shape) == alike for each in reading.objects)


def _is_right(item: ReadObject | None, part: Constituent) -> bool:
    if item is None or not item.readable:
        return False
    return {"shape": item.shape, "colour": item.colour}[part.kind] == part.value


def describe(reading: SceneReading) -> str:
    """Describe a reading in words, e.g. ``red circle at 16,30; blue star at 47,33``."""
    return "; ".join(
        f"{item.colour if item.readable else UNCLEAR} {item.shape} at {item.x:.0f},{item.y:.0f}"
        for item in reading.objects
    )


def read_description(text: str) -> SceneReading | None:
    """The reading that `describe` put in words; None if it did not make `text`."""
    found = [_DESCRIBED.fullmatch(part) for part in text.split("; ")]
    objects = [
        ReadObject(
            colour=each["colour"],
            shape=each["shape"],
            x=float(each["x"]),
            y=float(each["y"]),
            overlap=0.0 if each["colour"] == UNCLEAR else 1.0,
            colour_distance=0.0,
        )
        for each in found
        if each is not None
    ]
    return SceneReading(tuple(objects)) if len(objects) == len(found) else None


class OracleJudge:
    """Reads the rendered world exactly; useless for any other images."""

    name = "oracle"
    window: int | None = None
    advice = f"it reads only the rendered world; use --judge {DEFAULT_CLIP}"
    fingerprint: Mapping[str, str] = {"judge": "oracle", "version": "1"}

    def scope(self, prompts: Sequence[Prompt]) -> Scope:
        """Which of `prompts` contain only what the rendered world has."""
        reasons = ((prompt.id, _unreadable(prompt)) for prompt in prompts)
        return Scope({prompt_id: reason for prompt_id, reason in reasons if reason})

    def judge(self, images: np.ndarray, prompts: Sequence[Prompt]) -> list[Judgement]:
        """Judge ``uint8`` images of the rendered world, ``(b, 64, 64, 3)``.

        Images of another size are no renders, and get no verdict.

        Raises:
            JudgeError: a prompt contains something that the rendered world does not have.
        """
        for prompt in prompts:
            reason = _unreadable(prompt)
            if reason:
                raise JudgeError(f"the oracle cannot judge {prompt.text!r}: {reason}")
        height, width = images.shape[1:3]
        if (height, width) != (IMAGE_SIZE, IMAGE_SIZE):
            size = f"{width} x {height} pixels, and renders have {IMAGE_SIZE} x {IMAGE_SIZE}"
            return [unjudged(f"no render: {size}") for _ in images]
        readings = read_images(images)
        return [judge_reading(r, p) for r, p in zip(readings, prompts, strict=True)]

    def move_to(self, device: str) -> None:
        """Do nothing: it has no weights."""


def _unreadable(prompt: Prompt) -> str:
    """Why the oracle cannot judge images of `prompt`; empty if it can."""
    parts = prompt.constituents
    if not parts:
        return "the prompt has no constituents to look for"
    if any(part.value not in VALUES.get(part.kind, ()) for part in parts):
        return "the prompt has a constituent that the rendered world lacks"
    for part in parts:
        is_relation = part.kind == "relation"
        if len(set(part.entities)) != (2 if is_relation else 1):
            return "a constituent belongs to another number of objects than the oracle reads"
        # A relation is judged only in this slot.
        if is_relation != (part.slot == "relation"):
            return "the prompt has a relation in another slot than 'relation'"
    if len({entity for part in parts for entity in part.entities}) > MOST_OBJECTS:
        return f"the prompt has more than {MOST_OBJECTS} objects"
    return ""
