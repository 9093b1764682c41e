"""Images for the CLIP judge to learn from, each with captions that the oracle calls true or false.

The judge has to be right about images that are wrong in any way, so that an image is asked about
with captions near to what it shows, and a caption is true if the oracle says so.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from diffusers import AutoencoderKL

from prompts.foils.rivals import rivals_of
from prompts.structure import Prompt
from prompts.world import (
    COLOURS,
    OPENINGS,
    RELATIONS,
    SHAPES,
    WORDINGS,
    Content,
    sample_content,
    write,
)
from scripts.training.autoencoder import encode, from_pixels
from scripts.training.detector_data import SCENES
from t2i_audit.judges.oracle import judge_reading
from t2i_audit.world.oracle import ReadObject, SceneReading, read_image, relation_holds
from t2i_audit.world.render import render
from t2i_audit.world.scenes import Scene, SceneObject, place

# Kinds of scenes and their shares: as the detector's, and two objects that come close or touch.
KINDS = (
    ("one", 0.12),
    ("two", 0.55),
    ("close", 0.1),
    ("doubled", 0.06),
    ("three", 0.06),
    ("none", 0.01),
    ("unclear", 0.1),
)
CLOSER = (0.5, 0.9)  # of the distance of two objects
BLENDED = 0.25  # of the images through the autoencoder, with another image's latents
BLEND_RANGE = (0.2, 0.8)
LATENT_NOISE = 0.4  # at most, in standard deviations of the latents
ASKED = 8  # captions of an image: half of them true where there are any
ALONE = 0.1  # of the captions of an image of several objects name only one
TRIES = 200


@dataclass(frozen=True, eq=False)
class Captions:
    """Every caption of the rendered world in every wording, with its rivals."""

    texts: tuple[str, ...]
    rivals: torch.Tensor
    """``(n, r)`` indices in `texts`; short rows repeat. Zeros for captions of two equal objects,
    which are rivals only."""

    @property
    def index(self) -> dict[str, int]:
        """Where each text stands."""
        return {text: number for number, text in enumerate(self.texts)}


def all_captions() -> Captions:
    """The captions of all contents."""
    prompts = [
        write(content, opening=opening, wording=wording)
        for content in _contents()
        for wording in (WORDINGS[content.relation] if content.relation else (None,))
        for opening in OPENINGS
    ]
    texts = tuple(prompt.text for prompt in prompts)
    index = {text: number for number, text in enumerate(texts)}
    rows = [
        [index[text] for text in rivals_of.__wrapped__(prompt).texts] if _is_asked(prompt) else [0]
        for prompt in prompts
    ]
    most = max(map(len, rows))
    return Captions(texts, torch.tensor([(row * most)[:most] for row in rows]))


def _contents() -> list[Content]:
    pairs = [*product(COLOURS, SHAPES)]
    return [
        *(Content((pair,)) for pair in pairs),
        *(
            Content((first, second), relation)
            for first, second in product(pairs, pairs)
            for relation in (None, *RELATIONS)
        ),
    ]


def _is_asked(prompt: Prompt) -> bool:
    values = [part.value for part in prompt.constituents if part.kind != "relation"]
    return values[:2] != values[2:]


@dataclass(frozen=True, eq=False)
class Examples:
    """Images, each with `ASKED` captions."""

    images: np.ndarray
    """``uint8`` RGB, ``(n, 64, 64, 3)``."""
    asked: torch.Tensor
    """``(n, ASKED)`` indices of captions."""
    truths: torch.Tensor
    """``(n, ASKED)`` of bool: whether the oracle calls the image right by the caption."""

    def joined(self, other: Examples) -> Examples:
        """Both together."""
        return Examples(
            np.concatenate([self.images, other.images]),
            torch.cat([self.asked, other.asked]),
            torch.cat([self.truths, other.truths]),
        )


def scene_images(count: int, autoencoder: AutoencoderKL, *, seed: int) -> np.ndarray:
    """Draw scenes of all kinds, every second image through the autoencoder and disturbed there."""
    rng, scene_rng = random.Random(seed), np.random.default_rng(seed)
    kinds = rng.choices([name for name, _ in KINDS], [share for _, share in KINDS], k=count)
    scenes = [
        _close(rng, scene_rng) if kind == "close" else SCENES[kind](rng, scene_rng)
        for kind in kinds
    ]
    images = render(scenes)
    generator = torch.Generator().manual_seed(seed)
    latents = _disturbed(encode(autoencoder, images[::2]), generator)
    with torch.no_grad():
        decoded = [from_pixels(autoencoder.decode(part).sample) for part in latents.split(100)]
    images[::2] = np.concatenate(decoded)
    return images


def _close(rng: random.Random, scene_rng: np.random.Generator) -> Scene:
    scene = place(sample_content(rng, "relation", distinct=rng.random() < 0.8), scene_rng)
    first, second = scene.objects
    factor = rng.uniform(*CLOSER)

    def nearer(item: SceneObject, other: SceneObject) -> SceneObject:
        x, y = (item.x + other.x) / 2, (item.y + other.y) / 2
        return replace(item, x=x + factor * (item.x - x), y=y + factor * (item.y - y))

    return Scene((nearer(first, second), nearer(second, first)), scene.background)


def _disturbed(latents: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """With noise, and some of them blended in part with another's: half-merged objects."""
    count, _, height, width = latents.shape
    others = latents[torch.randperm(count, generator=generator)]
    low, high = BLEND_RANGE
    shares = low + (high - low) * torch.rand((count, 1, 1, 1), generator=generator)
    shares = shares * (torch.rand((count, 1, 1, 1), generator=generator) < BLENDED)
    # One side of a line through the middle, in a direction drawn at random.
    angles = 2 * torch.pi * torch.rand((count, 1, 1), generator=generator)
    rows, columns = torch.meshgrid(
        torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij"
    )
    sides = (angles.cos() * rows + angles.sin() * columns > 0)[:, None]
    sigmas = LATENT_NOISE * latents.std() * torch.rand((count, 1, 1, 1), generator=generator)
    noise = sigmas * torch.randn(latents.shape, generator=generator)
    return latents + shares * sides * (others - latents) + noise


def examples(
    images: np.ndarray, captions: Captions, *, seed: int, own: Sequence[Prompt] | None = None
) -> Examples:
    """Ask about each image with captions near to what the oracle reads.

    With `own`, the prompt that each image was made for is among them, twice.
    """
    rng, index = random.Random(seed), captions.index
    asked, truths = [], []
    for number, image in enumerate(images):
        reading = read_image(image)
        true, false = _true_captions(reading, rng), _false_captions(reading, rng)
        if own is not None:
            prompt = own[number]
            group = true if judge_reading(reading, prompt).correct else false
            group[:2] = [prompt.text] * 2
        texts = true + false if true else 2 * false
        asked.append([index[text] for text in texts])
        truths.append([True] * len(true) + [False] * (ASKED - len(true)))
    return Examples(images, torch.tensor(asked), torch.tensor(truths))


def mirrored(images: np.ndarray) -> np.ndarray:
    """Left and right exchanged; every shape is its own mirror image."""
    return np.ascontiguousarray(images[:, :, ::-1])


def _true_captions(reading: SceneReading, rng: random.Random) -> list[str]:
    """Half of `ASKED`, or none."""
    if not reading.readable or len(reading.objects) > 2:
        return []
    if len({_pair(item) for item in reading.objects}) < len(reading.objects):
        return []
    return [_worded(_true_content(reading.objects, rng), rng).text for _ in range(ASKED // 2)]


def _false_captions(reading: SceneReading, rng: random.Random) -> list[str]:
    """Half of `ASKED`, false by the oracle."""
    found: list[str] = []
    for _ in range(TRIES):
        prompt = _worded(_near(reading, rng), rng)
        if _is_asked(prompt) and not judge_reading(reading, prompt).correct:
            found.append(prompt.text)
        if len(found) == ASKED // 2:
            return found
    raise ValueError("found no false captions")


def _true_content(objects: Sequence[ReadObject], rng: random.Random) -> Content:
    shown = rng.sample([*objects], len(objects))
    pairs = tuple(_pair(item) for item in shown)
    if len(shown) == 1:
        return Content(pairs)
    holding = [each for each in RELATIONS if relation_holds(each, shown[0], shown[1])]
    return Content(pairs, rng.choice(holding) if holding and rng.random() < 0.8 else None)


def _near(reading: SceneReading, rng: random.Random) -> Content:
    """What one or two of the objects are, with up to two changes, in some relation."""
    count = min(len(reading.objects), 2)
    if count == 2 and rng.random() < ALONE:
        count = 1
    content = (
        _true_content(rng.sample([*reading.objects], count), rng)
        if count
        else sample_content(rng, "one_object")
    )
    pairs = [list(pair) for pair in content.objects]
    if len(pairs) == 1 and rng.random() < 0.7:
        pairs.insert(rng.randrange(2), [rng.choice(COLOURS), rng.choice(SHAPES)])
    relation = content.relation
    if len(pairs) == 2 and (rng.random() < 0.4 or (relation is None and rng.random() < 0.7)):
        relation = rng.choice(RELATIONS)
    if len(pairs) == 2 and rng.random() < 0.15:
        pairs[0][0], pairs[1][0] = pairs[1][0], pairs[0][0]
    for _ in range(rng.choice((0, 1, 1, 2))):
        pair, part = rng.choice(pairs), rng.randrange(2)
        pair[part] = rng.choice((COLOURS, SHAPES)[part])
    return Content(tuple((colour, shape) for colour, shape in pairs), relation)


def _pair(item: ReadObject) -> tuple[str, str]:
    return item.colour, item.shape


def _worded(content: Content, rng: random.Random) -> Prompt:
    wording = rng.choice(WORDINGS[content.relation]) if content.relation else None
    return write(content, opening=rng.choice(OPENINGS), wording=wording)
