"""A prompt with another value in one of its slots: its text together with its structure."""

from __future__ import annotations

from dataclasses import replace

from prompts.foils.rewrite import Edits, edited, edits_of
from prompts.foils.rivals import can_be_written, original_of
from prompts.structure import Constituent, Prompt


def with_value(prompt: Prompt, slot: str, value: str) -> Prompt | None:
    """`prompt` with `value` in `slot`, under the same id and without foils of its own.

    None where an image would not tell the two apart by that value: the two do not exclude each
    other, or another thing of the prompt has it. None, too, where the text cannot be rewritten: it
    mentions the old value a second time, or the words of the new one are not known.

    >>> from prompts.world import Content, write
    >>> prompt = write(Content((("red", "circle"), ("blue", "star")), "left of"))
    >>> other = with_value(prompt, "object_1.colour", "orange")
    >>> other.text, other.constituent("object_1.shape").start
    ('an orange circle to the left of a blue star', 10)
    >>> with_value(prompt, "object_1.colour", "blue") is None
    True
    """
    own = prompt.constituent(slot)
    if own is None or any((own.kind, value) == (e.kind, e.value) for e in prompt.constituents):
        return None
    original = original_of(prompt)
    template = original.template
    index = next(i for i, each in enumerate(template.slots) if each.name == slot)
    choice = template.slots[index].choices.usual.get(value)
    if choice is None or template.slots[index].is_fixed:
        return None
    changed = list(original.digits)
    changed[index] = choice
    if not can_be_written(original, changed):
        return None
    edits = edits_of(original, changed, index)
    if edits is None:
        return None
    pieces = dict(zip(original.bounds[::2], range(len(template.slots)), strict=True))
    offsets = {
        start: template.piece(pieces[start], changed)[1] for start, _, _ in edits if start in pieces
    }
    values = {part.slot: part.value for part in prompt.constituents} | {slot: value}
    parts = tuple(
        replace(_moved(part, edits, offsets), value=values[part.slot])
        for part in prompt.constituents
    )
    return replace(prompt, text=edited(prompt.text, edits), constituents=parts, foils=())


def _moved(part: Constituent, edits: Edits, offsets: dict[int, int]) -> Constituent:
    """`part` where it stands after `edits`; `offsets` are those of the words in the new pieces."""
    shift = 0
    for start, end, new in edits:
        if start <= part.start and part.end <= end:
            at = start + shift
            return replace(part, start=at + offsets[start], end=at + len(new))
        if end <= part.start:
            shift += len(new) - (end - start)
    return replace(part, start=part.start + shift, end=part.end + shift)
