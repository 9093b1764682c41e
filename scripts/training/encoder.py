"""Training of the text encoder on text alone, before any denoiser sees it.

The encoder learns to say, from the states that follow the last word, what the caption said: the
slots in order of mention, and the scene in canonical order (the left or upper object first). It
never reads a caption with a held-out colour-shape pair.
"""

from __future__ import annotations

import random
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from prompts.structure import Prompt
from prompts.world import COLOURS, COUNTS, RELATIONS, SHAPES, content_of
from scripts.training.loop import Schedule, train
from scripts.training.text import tokenize

BATCH = 128
IGNORED = -100  # cross-entropy's own mark for "no target here"
SIZES = (len(COLOURS), len(SHAPES)) * 4 + (len(RELATIONS) + 1,)
SIZES_WITH_COUNTS = (*SIZES, len(COUNTS))


def targets_of(prompt: Prompt) -> list[int]:
    """Class of every head for one caption: two objects as mentioned, the same two in canonical
    order, the relation (the last class stands for none), and the count."""
    content = content_of(prompt)
    mentioned = list(content.objects)
    canonical = mentioned[::-1] if content.relation in ("right of", "below") else mentioned
    classes = []
    for objects in (mentioned, canonical):
        for index in range(2):
            if index < len(objects):
                colour, shape = objects[index]
                classes += [COLOURS.index(colour), SHAPES.index(shape)]
            else:
                classes += [IGNORED, IGNORED]
    relation = RELATIONS.index(content.relation) if content.relation else len(RELATIONS)
    count = IGNORED if content.count is None else content.count - 1
    return [*classes, relation, count]


def train_text_encoder(
    name: str,
    encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    prompts: tuple[Prompt, ...],
    schedule: Schedule,
    *,
    work: Path,
    seed: int,
    sizes: tuple[int, ...] = SIZES,
) -> float:
    """Train `encoder` in place; returns the share of heads that read the last batches rightly.

    `sizes` are the numbers of classes of the first heads of `targets_of`, the others are left out.
    """
    torch.manual_seed(seed)
    heads = nn.Linear(encoder.config.hidden_size, sum(sizes))
    ids = tokenize(tokenizer, [prompt.text for prompt in prompts])
    classes = torch.tensor([targets_of(prompt)[: len(sizes)] for prompt in prompts])
    first_end = (ids == tokenizer.eos_token_id).int().argmax(dim=1)
    after = torch.arange(ids.shape[1])[None] >= first_end[:, None]

    def loss_at(step: int, generator: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(ids), (BATCH,), generator=generator)
        states = encoder(ids[rows]).last_hidden_state
        # Every state after the last word sees the whole caption; the denoiser reads them all.
        scores = heads(states[after[rows]])
        owners = after[rows].nonzero()[:, 0]
        losses = [
            functional.cross_entropy(part, classes[rows][owners, head], ignore_index=IGNORED)
            for head, part in enumerate(scores.split(sizes, dim=1))
        ]
        return torch.stack(losses).mean()

    train(name, [encoder, heads], loss_at, schedule, work=work, seed=seed)
    encoder.eval()
    rows = torch.tensor(random.Random(seed).sample(range(len(ids)), min(1000, len(ids))))
    with torch.no_grad():
        states = encoder(ids[rows]).last_hidden_state[torch.arange(len(rows)), first_end[rows]]
        parts = heads(states).split(sizes, dim=1)
    right = torch.stack([part.argmax(1) for part in parts], dim=1) == classes[rows]
    return float(right[classes[rows] != IGNORED].float().mean())
