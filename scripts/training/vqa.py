"""The VQA judge of the rendered world, trained to answer its own questions on images.

First the vision tower alone, to tell for every patch the colour, the shape and the centre of the
object that it belongs to; then all of it, to answer yes or no to several questions an image. An
image's questions stand behind one another in one sequence, and none sees another, so that the
image is read once for all of them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import (
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerBase,
)

from prompts.inflection import plural_of
from prompts.world import COLOURS, SHAPES
from scripts.training.loop import Schedule, save_atomically, train
from scripts.training.vqa_images import Shown
from scripts.training.vqa_model import PATCH, PATCHES, WIDTH
from scripts.training.vqa_questions import pool_of
from t2i_audit.judges.vqa_wording import in_both_orders
from t2i_audit.world.oracle import SceneReading, read_images
from t2i_audit.world.scenes import IMAGE_SIZE

BATCH = 64
QUESTIONS = 8  # of an image in a batch
IMAGES = 32  # in a batch with questions
NOISE_SIGMA = 12 / 127.5  # in pixels scaled to [-1, 1]
REACH = 12.0  # pixels from its centre within which a patch belongs to an object
KINDS = ("shape", "shapes", "colour", "relation", "caption")
# Captions and relations rest on shapes and colours, so they are asked more often later.
FIRST_SHARES = {"shape": 2.0, "shapes": 0.7, "colour": 3.0, "relation": 1.0, "caption": 1.0}
LAST_SHARES = {"shape": 1.0, "shapes": 0.7, "colour": 1.5, "relation": 2.5, "caption": 3.0}
LOOKED_UP = 2  # layers of the language model after which a noun has found its object
CENTRE_WEIGHT = 5.0
ALONE_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Examples:
    """Images with what each patch shows, and with questions."""

    images: torch.Tensor
    """``uint8`` ``(n, 3, 64, 64)``."""
    colours: torch.Tensor
    """``(n, 64)``: 0 for none, then the colours, then unclear."""
    shapes: torch.Tensor
    centres: torch.Tensor
    """``(n, 64, 2)`` of the object that the patch belongs to, in image widths."""
    questions: list[list[tuple[int, bool, list[list[int]]]]]
    """Of each image: kind, answer, and the token ids in either order of answers."""


def examples_of(shown: Shown, processor: LlavaProcessor, *, seed: int, path: Path) -> Examples:
    """Read the images with the oracle and ask about them; kept in `path`."""
    if not path.exists():
        readings = read_images(shown.images)
        rng = random.Random(seed)
        tokens = _Tokens(processor)
        questions = [
            [
                (KINDS.index(each.kind), each.answer, tokens.of(each.text))
                for each in pool_of(prompt, reading, rng)
            ]
            for prompt, reading in zip(shown.prompts, readings, strict=True)
        ]
        images = torch.from_numpy(shown.images).permute(0, 3, 1, 2).contiguous()
        save_atomically((images, *_patches(readings), questions), path)
    return Examples(*torch.load(path, weights_only=True))


class _Tokens:
    """Token ids of what stands behind the image: question, instruction and prompt to answer."""

    def __init__(self, processor: LlavaProcessor) -> None:
        self.processor = processor
        self.known: dict[str, list[list[int]]] = {}

    def of(self, question: str) -> list[list[int]]:
        if question not in self.known:
            texts = [f"{text}<assistant>" for text in in_both_orders(question)]
            self.known[question] = self.processor.tokenizer(texts).input_ids
        return self.known[question]


def _patches(
    readings: Sequence[SceneReading],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    side = IMAGE_SIZE // PATCH
    rows, columns = np.mgrid[0:side, 0:side]
    places = (np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5) * PATCH
    colours = np.zeros((len(readings), PATCHES), np.int64)
    shapes = np.zeros_like(colours)
    centres = np.zeros((len(readings), PATCHES, 2), np.float32)
    for index, reading in enumerate(readings):
        nearest = np.full(PATCHES, REACH)
        for item in reading.objects:
            distance = np.hypot(*(places - (item.x, item.y)).T)
            own = distance < nearest
            nearest[own] = distance[own]
            clear = item.readable
            colours[index, own] = 1 + (COLOURS.index(item.colour) if clear else len(COLOURS))
            shapes[index, own] = 1 + (SHAPES.index(item.shape) if clear else len(SHAPES))
            centres[index, own] = np.array([item.x, item.y]) / IMAGE_SIZE
    return torch.from_numpy(colours), torch.from_numpy(shapes), torch.from_numpy(centres)


def _pixels(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    pixels = images.float() / 127.5 - 1
    sigma = torch.rand((len(images), 1, 1, 1), generator=generator) * NOISE_SIGMA
    sigma = sigma * (torch.rand((len(images), 1, 1, 1), generator=generator) < 0.5)
    return pixels + sigma * torch.randn(pixels.shape, generator=generator)


def train_vision(
    model: LlavaForConditionalGeneration,
    data: Examples,
    schedule: Schedule,
    *,
    work: Path,
    seed: int,
) -> None:
    """Teach the vision tower what each patch shows, by a linear layer that is not kept."""
    tower = model.model.vision_tower
    torch.manual_seed(seed)
    outputs = (len(COLOURS) + 2, len(SHAPES) + 2, 2)
    heads = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, sum(outputs)))

    def loss_at(step: int, generator: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(data.images), (BATCH,), generator=generator)
        pixels = _pixels(data.images[rows], generator)
        with torch.autocast("cpu", torch.bfloat16):
            states = tower(pixels, output_hidden_states=True).hidden_states[-1]
        return patch_loss(heads(states.float()), data, rows)

    train("vqa-vision", [tower, heads], loss_at, schedule, work=work, seed=seed)


def patch_loss(predicted: torch.Tensor, data: Examples, rows: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of colour and shape, and squared error of the centre where there is one."""
    sizes = (len(COLOURS) + 2, len(SHAPES) + 2, 2)
    colours, shapes, centres = predicted.split(sizes, dim=-1)
    loss = functional.cross_entropy(colours.flatten(0, 1), data.colours[rows].flatten())
    loss = loss + functional.cross_entropy(shapes.flatten(0, 1), data.shapes[rows].flatten())
    inside = data.colours[rows] > 0
    error = (centres - data.centres[rows]).square().sum(-1)
    return loss + CENTRE_WEIGHT * (error * inside).sum() / inside.sum().clamp(min=1)


def train_answers(
    name: str,
    model: LlavaForConditionalGeneration,
    processor: LlavaProcessor,
    data: Examples,
    schedule: Schedule,
    *,
    work: Path,
    seed: int,
) -> None:
    """Teach projector and language model to answer; the vision tower stays as it is.

    From yes and no alone nothing was learnt in 550 steps, so the steps on the way are taught too:
    the image's tokens are like the words for their colour and shape, and the state of a noun knows
    after two layers whether its object is there, and where.
    """
    tower = model.model.vision_tower
    tower.requires_grad_(False)
    tokenizer = processor.tokenizer
    word = {answer: tokenizer.convert_tokens_to_ids(("no", "yes")[answer]) for answer in (0, 1)}
    user = tokenizer.convert_tokens_to_ids("<user>")
    first, last = (
        torch.tensor([shares[kind] for kind in KINDS]) for shares in (FIRST_SHARES, LAST_SHARES)
    )
    words = _Words(tokenizer)
    torch.manual_seed(seed)
    finder = nn.Linear(WIDTH, 4)

    def loss_at(step: int, generator: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(data.images), (IMAGES,), generator=generator)
        progress = min(1.0, 2 * step / schedule.steps)
        shares = first + progress * (last - first)
        asked = [_asked(data.questions[row], shares, generator) for row in rows.tolist()]
        packed = _packed(asked, word, tokenizer.eos_token_id)
        pixels = _pixels(data.images[rows], generator)
        with torch.autocast("cpu", torch.bfloat16):
            states = tower(pixels, output_hidden_states=True).hidden_states[-1]
            shown = model.model.multi_modal_projector(states)
            embed = model.get_input_embeddings()
            begin = embed(torch.full((IMAGES, 1), user))
            inputs = torch.cat([begin, shown.float(), embed(packed.ids)], dim=1)
            output = model.model.language_model(
                inputs_embeds=inputs,
                attention_mask=packed.mask.bfloat16(),
                position_ids=packed.positions,
                output_hidden_states=True,
            )
            hidden = output.last_hidden_state[:, 1 + PATCHES :]
            logits = model.lm_head(hidden[packed.is_target])
        loss = 2 * functional.cross_entropy(logits.float(), packed.targets)
        loss = loss + words.likeness_loss(shown.float(), embed.weight, data, rows)
        middle = output.hidden_states[LOOKED_UP][:, 1 + PATCHES :].float()
        loss = loss + words.finding_loss(finder(middle), packed.ids, data, rows)
        return loss

    train(name, [model, finder], loss_at, schedule, work=work, seed=seed)


class _Words:
    """The tokens of colours and shapes, and the losses that are about them."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.colours = torch.tensor(tokenizer.convert_tokens_to_ids(list(COLOURS)))
        self.shapes = torch.tensor(tokenizer.convert_tokens_to_ids(list(SHAPES)))
        plurals = tokenizer.convert_tokens_to_ids([plural_of(shape) for shape in SHAPES])
        self.colour_of = torch.full((len(tokenizer),), -1)
        self.shape_of = torch.full((len(tokenizer),), -1)
        self.colour_of[self.colours] = torch.arange(len(COLOURS))
        for ids in (self.shapes, torch.tensor(plurals)):
            self.shape_of[ids] = torch.arange(len(SHAPES))

    def likeness_loss(
        self, shown: torch.Tensor, embeddings: torch.Tensor, data: Examples, rows: torch.Tensor
    ) -> torch.Tensor:
        """Which words' embeddings the image's tokens ``(n, 64, d)`` are most like."""
        loss = shown.new_zeros(())
        for ids, truth in ((self.colours, data.colours), (self.shapes, data.shapes)):
            own = truth[rows]
            clear = (own > 0) & (own <= len(ids))
            vectors = functional.normalize(embeddings[ids], dim=-1)
            logits = shown[clear] @ vectors.T
            loss = loss + functional.cross_entropy(logits, own[clear] - 1)
        return loss

    def finding_loss(
        self, found: torch.Tensor, ids: torch.Tensor, data: Examples, rows: torch.Tensor
    ) -> torch.Tensor:
        """Whether each noun's shape is there, whether in the colour before it, and its centre.

        Args:
            found: predictions at every token, ``(n, t, 4)``.
            ids: the tokens, ``(n, t)``.
            data: what the images show.
            rows: the images of the batch, ``(n,)``.
        """
        shape = self.shape_of[ids]
        colour = torch.full_like(shape, -1)
        colour[:, 1:] = self.colour_of[ids[:, :-1]]
        image, at = (shape >= 0).nonzero(as_tuple=True)
        shape, colour, guess = shape[image, at], colour[image, at], found[image, at]
        own = rows[image]
        of_shape = data.shapes[own] == shape[:, None] + 1
        of_both = of_shape & ((data.colours[own] == colour[:, None] + 1) | (colour[:, None] < 0))
        is_there = torch.stack([of_shape.any(dim=1), of_both.any(dim=1)], dim=1)
        loss = functional.binary_cross_entropy_with_logits(guess[:, :2], is_there.float())
        weight = of_both.float() / of_both.sum(dim=1, keepdim=True).clamp(min=1)
        centre = (data.centres[own] * weight[..., None]).sum(dim=1)
        error = (guess[:, 2:] - centre).square().sum(dim=1)[is_there[:, 1]]
        return 2 * loss + CENTRE_WEIGHT * error.mean()


def _asked(
    questions: list[tuple[int, bool, list[list[int]]]],
    shares: torch.Tensor,
    generator: torch.Generator,
) -> list[tuple[bool, list[int]]]:
    """Questions of one image, kinds by their shares and yes as often as no where both are there."""
    kinds = torch.tensor([kind for kind, _, _ in questions])
    yes = torch.tensor([answer for _, answer, _ in questions])
    group = kinds * 2 + yes
    sizes = torch.bincount(group, minlength=2 * len(KINDS))
    # Two objects rarely share a shape: without this nearly every answer on that would be no.
    alone = (sizes[kinds * 2 + 1] == 0) & (kinds == KINDS.index("shapes"))
    weights = shares[kinds] / sizes[group] * torch.where(alone, ALONE_SHARE, 1.0)
    chosen = torch.multinomial(weights, min(QUESTIONS, len(questions)), generator=generator)
    orders = torch.randint(2, (len(chosen),), generator=generator)
    return [
        (questions[index][1], questions[index][2][order])
        for index, order in zip(chosen.tolist(), orders.tolist(), strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _Packed:
    ids: torch.Tensor
    """``(n, t)`` behind the image."""
    positions: torch.Tensor
    """``(n, 1 + 64 + t)``."""
    mask: torch.Tensor
    """Added to the attention scores, ``(n, 1, 1 + 64 + t, 1 + 64 + t)``."""
    is_target: torch.Tensor
    targets: torch.Tensor


def _packed(asked: list[list[tuple[bool, list[int]]]], word: dict[int, int], end: int) -> _Packed:
    """Put each image's questions behind one another; each sees the image and itself."""
    before = 1 + PATCHES
    length = max(sum(len(ids) + 1 for _, ids in own) for own in asked)
    ids = torch.zeros((len(asked), length), dtype=torch.long)
    part = torch.full((len(asked), before + length), -1)
    positions = torch.zeros((len(asked), before + length), dtype=torch.long)
    positions[:, :before] = torch.arange(before)
    part[:, :before] = 0
    is_target = torch.zeros((len(asked), length), dtype=torch.bool)
    targets = []
    for row, own in enumerate(asked):
        at = 0
        for number, (answer, tokens) in enumerate(own, start=1):
            whole = [*tokens, word[int(answer)]]
            stop = at + len(whole)
            ids[row, at:stop] = torch.tensor(whole)
            part[row, before + at : before + stop] = number
            positions[row, before + at : before + stop] = torch.arange(before, before + len(whole))
            is_target[row, stop - 2 : stop] = True
            targets += [word[int(answer)], end]
            at = stop
    causal = torch.ones((before + length, before + length), dtype=torch.bool).tril()
    sees = (part[:, None, :] == 0) | (part[:, None, :] == part[:, :, None])
    mask = torch.zeros(sees.shape).masked_fill(~(sees & causal), torch.finfo(torch.float32).min)
    return _Packed(ids, positions, mask[:, None], is_target, torch.tensor(targets))
