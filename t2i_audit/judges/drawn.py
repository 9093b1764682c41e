"""What stands in an image in place of what its prompt asks for, as far as its judge says so.

A judge of captions names the caption that it preferred to the prompt, from which the values are
read back; the oracle describes the image. Other judges say only what is wrong.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prompts.foils.rivals import rivals_of
from prompts.inflection import NUMBERS
from prompts.structure import Constituent, Prompt
from prompts.world import RELATIONS
from t2i_audit.judges.oracle import count_alike, match_objects, read_description
from t2i_audit.world.oracle import ReadObject, SceneReading, relation_holds

OMISSION = "one_thing_left_out"
MISSING = "nothing"
"""Stands for what was drawn where the object is missing."""

NEITHER = "none of these"
"""Stands for a relation where the objects lie too close for any, and for a count where none can be
read."""
ACROSS = ("left of", "right of")

Surfaces = Mapping[str, Mapping[str, str]]
"""By kind, each wording of a value, in lower case, to the value."""


@dataclass(frozen=True)
class Asked:
    """What was drawn in one slot of one image."""

    value: str
    """What the prompt asks for."""
    drawn: str
    """What the judge saw, which may be the same."""
    composition: str
    """The prompt's."""


@dataclass(frozen=True)
class Drawn:
    """What was drawn in the images of a run."""

    changes: tuple[tuple[str, str], ...]
    """Of each wrong image the change that makes the caption that won, empty where nothing is known
    of it, and the prompt's composition."""
    values: dict[str, list[Asked]]
    """By kind, each slot of each image in which it is known what was drawn."""


def what_was_drawn(
    prompts: Sequence[Prompt], judged: Iterable[tuple[str, bool | None, str]]
) -> Drawn:
    """Read what was drawn from what a judge saw.

    Args:
        prompts: of the run.
        judged: for each image its prompt's id, whether it is right, and what its judge saw
            (`Judgement.chosen`).
    """
    by_id = {prompt.id: prompt for prompt in prompts}
    surfaces = _surfaces(prompts)
    changes: list[tuple[str, str]] = []
    values: dict[str, list[Asked]] = {}
    for (prompt_id, correct, chosen), count in Counter(judged).items():
        if correct is None:
            continue
        prompt = by_id[prompt_id]
        drawn = _values_of(prompt, chosen, surfaces)
        if not correct:
            changes += [(_change(prompt, chosen), prompt.composition)] * count
        for part in prompt.constituents:
            if part.slot in drawn:
                one = Asked(part.value, drawn[part.slot], prompt.composition)
                values.setdefault(part.kind, []).extend([one] * count)
    return Drawn(tuple(changes), values)


def _surfaces(prompts: Sequence[Prompt]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for prompt in prompts:
        for part in prompt.constituents:
            wording = prompt.text[part.start : part.end].lower()
            found.setdefault(part.kind, {})[wording] = part.value
    return found


def _change(prompt: Prompt, chosen: str) -> str:
    """The change that makes `chosen` of the prompt; empty if it is none of the prompt's rivals."""
    own = {foil.text: foil.change for foil in prompt.foils}
    if chosen in own:
        return own[chosen]
    # Rivals take time to make, and a description of an image is none.
    if read_description(chosen) is not None:
        return ""
    rivals = rivals_of(prompt)
    if any(chosen == each.text for each in rivals.omissions):
        return OMISSION
    return next((foil.change for foil in rivals.foils if foil.text == chosen), "")


def _values_of(prompt: Prompt, chosen: str, surfaces: Surfaces) -> dict[str, str]:
    """The value drawn in each slot of `prompt`; without the slots of which nothing is known."""
    reading = read_description(chosen)
    if reading is not None:
        objects, right = match_objects(reading, prompt)
        return {
            part.slot: part.value if right.get(part.slot) else _seen(part, objects, reading)
            for part in prompt.constituents
        }
    return caption_values(prompt, chosen, surfaces)


def _seen(
    part: Constituent, objects: Mapping[str, ReadObject | None], reading: SceneReading
) -> str:
    found = [objects.get(entity) for entity in part.entities]
    things = [each for each in found if each is not None]
    if len(things) < len(found):
        return MISSING
    if part.kind == "relation" and len(things) == 2:
        first, second = things
        held = [relation for relation in RELATIONS if relation_holds(relation, first, second)]
        across = abs(first.x - second.x) >= abs(first.y - second.y)
        plainest = [relation for relation in held if (relation in ACROSS) == across]
        return next(iter(plainest), NEITHER)
    if part.kind == "count":
        count = count_alike(reading, things[0])
        return NUMBERS[count - 1] if 1 <= count <= len(NUMBERS) else NEITHER
    return things[0].colour if part.kind == "colour" else things[0].shape


def caption_values(prompt: Prompt, caption: str, surfaces: Surfaces) -> dict[str, str]:
    """The values in `caption`, a text that differs from the prompt's in its values alone.

    Returns:
        By slot; empty where the caption is of another form, e.g. lacks one of the objects.
    """
    parts = sorted(prompt.constituents, key=lambda part: part.start)
    pattern, at = "", 0
    for part in parts:
        if part.start < at:
            return {}  # two slots share a word
        wordings = sorted(surfaces[part.kind], key=len, reverse=True)
        pattern += _literal(prompt.text[at : part.start])
        pattern += f"({'|'.join(map(re.escape, wordings))})"
        at = part.end
    found = re.fullmatch(pattern + _literal(prompt.text[at:]), caption, re.IGNORECASE)
    if found is None:
        return {}
    return {
        part.slot: surfaces[part.kind][wording.lower()]
        for part, wording in zip(parts, found.groups(), strict=True)
    }


def _literal(text: str) -> str:
    """A pattern of the words between two slots, with either article."""
    return re.sub(r"\b(?:an|a)\b", "(?:an|a)", re.escape(text), flags=re.IGNORECASE)
