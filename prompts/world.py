"""Prompts of the rendered world: vocabulary, caption templates and minimal foils.

Both the training captions of the built-in checkpoints and the prompts of the suites come from here.

Grammar (BNF; `article` agrees with the next word)::

    prompt   ::= [ "a picture of" ] scene
    scene    ::= object | object "and" object | object relation object | number colour shapes
    object   ::= article colour shape
    shapes   ::= shape | shape "s" | shape "es"
    relation ::= "to the left of" | "left of" | "to the right of" | "right of"
               | "above" | "over" | "below" | "under"
    number   ::= "one" | "two" | "three" | "four"
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from prompts.inflection import NUMBERS, number_of
from prompts.structure import Constituent, Foil, Prompt, SplitName

SHAPES = ("circle", "square", "triangle", "diamond", "cross", "star")
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange")
RELATIONS = ("left of", "right of", "above", "below")
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
WORDINGS = {
    "left of": ("to the left of", "left of"),
    "right of": ("to the right of", "right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
}
OPENINGS = ("", "a picture of ")
COUNTS = NUMBERS[:4]  # of equal objects, the only ones that are drawn
DRAWS_PER_PROMPT = 200  # attempts before sampling is abandoned as impossible

SceneType = Literal["one_object", "two_objects", "relation", "count"]

# Colour-shape pairs that no training image shows. Every shape and colour keeps four or five
# partners, so the training support stays compositional and connected.
HELD_OUT_PAIRS = frozenset(
    {
        ("red", "star"),
        ("red", "square"),
        ("green", "circle"),
        ("green", "diamond"),
        ("blue", "triangle"),
        ("yellow", "cross"),
        ("yellow", "square"),
        ("purple", "diamond"),
        ("orange", "triangle"),
    }
)


@dataclass(frozen=True)
class Content:
    """The content of a prompt of the rendered world, without its wording."""

    objects: tuple[tuple[str, str], ...]
    """(colour, shape) of each object, in the order the prompt names them."""
    relation: str | None = None
    """The position of the first object relative to the second; None leaves it open."""
    count: int | None = None
    """How many objects equal to the only one of `objects`, if the prompt says a number."""

    @property
    def type(self) -> SceneType:
        """The prompt type: the number of objects, and whether it or their relation is stated."""
        if self.count is not None:
            return "count"
        if len(self.objects) == 1:
            return "one_object"
        return "two_objects" if self.relation is None else "relation"

    @property
    def split(self) -> SplitName:
        """``held_out`` if any object is a colour-shape pair that training images lack."""
        return "held_out" if HELD_OUT_PAIRS.intersection(self.objects) else "seen"

    @property
    def scene(self) -> tuple[object, ...]:
        """Equal for two contents that describe the same set of images."""
        first = self.objects[0]
        if len(self.objects) == 1:
            return (first,) * (self.count or 1)
        if self.relation is None:
            return (None, *sorted(self.objects))
        if self.relation in ("right of", "below"):
            return (OPPOSITE[self.relation], self.objects[1], first)
        return (self.relation, first, self.objects[1])


def article(word: str) -> str:
    """``an`` before a vowel, else ``a``."""
    return "an" if word[0] in "aeiou" else "a"


def plural(shape: str) -> str:
    """The word for several of `shape`.

    >>> plural("cross"), plural("star")
    ('crosses', 'stars')
    """
    return f"{shape}es" if shape.endswith("s") else f"{shape}s"


def write(content: Content, *, opening: str = "", wording: str | None = None) -> Prompt:
    """`content` as a prompt with the spans of its constituents; the id is a hash of the text."""
    text = opening
    parts: list[Constituent] = []

    def add(slot: str, kind: str, value: str, words: str, entities: tuple[str, ...]) -> None:
        nonlocal text
        start = len(text)
        text += words
        parts.append(Constituent(slot, kind, value, start, len(text), entities))

    for index, (colour, shape) in enumerate(content.objects):
        entity = f"object_{index + 1}"
        if index == 1:
            if content.relation is None:
                text += " and "
            else:
                text += " "
                words = wording or WORDINGS[content.relation][0]
                add("relation", "relation", content.relation, words, ("object_1", "object_2"))
                text += " "
        if content.count is None:
            text += article(colour)
        else:
            number = COUNTS[content.count - 1]
            add(f"{entity}.count", "count", number, number, (entity,))
        text += " "
        add(f"{entity}.colour", "colour", colour, colour, (entity,))
        text += " "
        is_one = content.count in (None, 1)
        add(f"{entity}.shape", "shape", shape, shape if is_one else plural(shape), (entity,))
    template = f"{opening}{content.type}:{wording or 'and'}"
    return Prompt(
        id=hashlib.sha256(text.encode()).hexdigest()[:12],
        text=text,
        type=content.type,
        template=template,
        constituents=tuple(parts),
        split=content.split,
    )


def foil_contents(content: Content, rng: random.Random) -> list[tuple[str, Content]]:
    """The minimal changes that make `content` false, each with its name."""
    objects = content.objects
    changes: list[tuple[str, Content]] = []
    if len(objects) == 2:
        (first_colour, first_shape), (second_colour, second_shape) = objects
        swapped = ((second_colour, first_shape), (first_colour, second_shape))
        changes.append(("colours_swapped", replace(content, objects=swapped)))
    target = rng.randrange(len(objects))
    colour, shape = objects[target]
    for change, replaced in (
        ("colour_replaced", (rng.choice([c for c in COLOURS if c != colour]), shape)),
        ("shape_replaced", (colour, rng.choice([s for s in SHAPES if s != shape]))),
    ):
        others = tuple(replaced if i == target else pair for i, pair in enumerate(objects))
        changes.append((change, replace(content, objects=others)))
    if content.relation is not None:
        changes.append(("relation_reversed", replace(content, relation=OPPOSITE[content.relation])))
    if content.count is not None:
        for change, count in (
            ("count_plus_one", content.count + 1),
            ("count_minus_one", content.count - 1),
        ):
            if 1 <= count <= len(COUNTS):
                changes.append((change, replace(content, count=count)))
    return [(change, foil) for change, foil in changes if foil.scene != content.scene]


def with_foils(
    content: Content, rng: random.Random, *, opening: str = "", wording: str | None = None
) -> Prompt:
    """`content` as a prompt with minimal foils in the same wording."""
    prompt = write(content, opening=opening, wording=wording)
    foils = []
    for change, foil in foil_contents(content, rng):
        foil_wording = wording
        if foil.relation is not None and foil.relation != content.relation:
            variant = WORDINGS[content.relation or ""].index(wording or "") if wording else 0
            foil_wording = WORDINGS[foil.relation][variant]
        foils.append(
            Foil(text=write(foil, opening=opening, wording=foil_wording).text, change=change)
        )
    return replace(prompt, foils=tuple(foils))


def sample_content(
    rng: random.Random,
    scene_type: SceneType,
    *,
    allowed: Callable[[tuple[str, str]], bool] = lambda pair: True,
    distinct: bool = True,
) -> Content:
    """Draw a content whose colour-shape pairs are all `allowed`.

    With `distinct`, two objects differ in both colour and shape, so that binding is tested;
    otherwise they differ in at least one.
    """
    pairs = [(c, s) for c in COLOURS for s in SHAPES if allowed((c, s))]
    first = rng.choice(pairs)
    if scene_type == "one_object":
        return Content((first,))
    if scene_type == "count":
        return Content((first,), count=rng.randint(1, len(COUNTS)))
    rest = [
        pair
        for pair in pairs
        if pair != first and not (distinct and (pair[0] == first[0] or pair[1] == first[1]))
    ]
    relation = rng.choice(RELATIONS) if scene_type == "relation" else None
    return Content((first, rng.choice(rest)), relation)


def sample_prompt(
    rng: random.Random,
    scene_type: SceneType,
    *,
    allowed: Callable[[tuple[str, str]], bool] = lambda pair: True,
    distinct: bool = True,
) -> Prompt:
    """Draw a content and its wording, and add foils."""
    content = sample_content(rng, scene_type, allowed=allowed, distinct=distinct)
    wording = rng.choice(WORDINGS[content.relation]) if content.relation else None
    return with_foils(content, rng, opening=rng.choice(OPENINGS), wording=wording)


def content_of(prompt: Prompt) -> Content:
    """The content of a rendered-world prompt, from its structure."""
    objects = []
    for entity in ("object_1", "object_2"):
        colour = prompt.constituent(f"{entity}.colour")
        shape = prompt.constituent(f"{entity}.shape")
        if colour is not None and shape is not None:
            objects.append((colour.value, shape.value))
    relation, count = prompt.constituent("relation"), prompt.constituent("object_1.count")
    return Content(
        tuple(objects),
        relation.value if relation else None,
        number_of(count.value) if count else None,
    )


def vocabulary() -> tuple[str, ...]:
    """All words of the grammar but those of `counting_vocabulary`, sorted."""
    texts: list[str] = [*COLOURS, *SHAPES, *OPENINGS, "a", "an", "and"]
    for wordings in WORDINGS.values():
        texts += wordings
    return tuple(sorted({word for text in texts for word in text.split()}))


def counting_vocabulary() -> tuple[str, ...]:
    """The words that only prompts with a number have: numbers, then shapes in the plural."""
    return (*COUNTS, *map(plural, SHAPES))


def sample_suite(
    counts: Sequence[tuple[SceneType, SplitName, int]], *, seed: int
) -> tuple[Prompt, ...]:
    """Draw `count` distinct prompts for each (type, split, count).

    Raises `ValueError` if there are not enough distinct prompts.
    """
    rng = random.Random(seed)
    prompts: dict[str, Prompt] = {}
    for scene_type, split, count in counts:
        wanted = len(prompts) + count
        for _ in range(DRAWS_PER_PROMPT * count):
            prompt = sample_prompt(rng, scene_type)
            if prompt.split == split:
                prompts.setdefault(prompt.text, prompt)
            if len(prompts) == wanted:
                break
        else:
            raise ValueError(f"found fewer than {count} distinct {split} {scene_type} prompts")
    return tuple(prompts.values())
