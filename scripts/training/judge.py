"""The CLIP judge of the rendered world: an open_clip model trained to decide as the oracle does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import open_clip
import torch
from open_clip.model import CLIP
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import CLIPTokenizer

from prompts.foils.rivals import rivals_of
from prompts.structure import Prompt
from scripts.training.judge_data import Captions, Examples
from scripts.training.loop import Schedule, train
from scripts.training.text import CONTEXT, build_tokenizer, tokenize
from t2i_audit.io import write_text

BATCH = 64
NOISE_SIGMA = 12 / 127.5  # in pixels scaled to [-1, 1]
WEIGHTS = "open_clip_model.safetensors"
MEAN = STD = (0.5, 0.5, 0.5)


def model_config(tokenizer: CLIPTokenizer) -> dict[str, object]:
    """The `model_cfg` of open_clip: a small residual network, 16 tokens of text."""
    return {
        "embed_dim": 128,
        "vision_cfg": {"image_size": 64, "layers": [1, 2, 2, 1], "width": 16},
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": len(tokenizer),
            "width": 128,
            "heads": 4,
            "layers": 3,
            # open_clip then looks for the tokenizer in the model's own folder.
            "hf_tokenizer_name": "clip-judge",
            "pad_id": tokenizer.pad_token_id,
        },
    }


def build_judge(tokenizer: CLIPTokenizer, text_tower: Path, *, seed: int) -> CLIP:
    """A model with random weights that reads images, and the text tower of the judge in a folder.

    The text tower stays as it is: it tells all captions apart, and what it makes of them is then
    computed once.
    """
    torch.manual_seed(seed)
    model = CLIP(**model_config(tokenizer))
    kept = {
        name: value.float()
        for name, value in load_file(text_tower / WEIGHTS).items()
        if not name.startswith("visual.")
    }
    missing, unknown = model.load_state_dict(kept, strict=False)
    if unknown or not all(name.startswith("visual.") for name in missing):
        raise ValueError(f"{text_tower} has another text tower: {unknown or missing}")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith("visual.") or name == "logit_scale")
    model.visual.to(memory_format=torch.channels_last)
    return model


def train_judge(
    data: Examples,
    captions: Captions,
    schedule: Schedule,
    *,
    text_tower: Path,
    work: Path,
    seed: int,
) -> CLIP:
    """Train the part that reads images to prefer a caption to its rivals just where it is true."""
    tokenizer = build_tokenizer()
    model = build_judge(tokenizer, text_tower, seed=seed)
    described = describe(model, tokenizer, captions.texts)
    train(
        "judge", [model], choice(model, described, captions, data), schedule, work=work, seed=seed
    )
    return model.eval()


@torch.no_grad()
def describe(model: CLIP, tokenizer: CLIPTokenizer, texts: Sequence[str]) -> torch.Tensor:
    """The unit vectors of all texts, ``(n, 128)``."""
    tokens = tokenize(tokenizer, texts)
    return torch.cat([model.encode_text(part, normalize=True) for part in tokens.split(512)])


def choice(
    model: CLIP, described: torch.Tensor, captions: Captions, data: Examples
) -> Callable[[int, torch.Generator], torch.Tensor]:
    """The loss of a batch: the judge's own decision about every caption asked about."""
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2)

    def loss_at(step: int, generator: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(images), (BATCH,), generator=generator)
        pixels = images[rows].float() / 127.5 - 1
        sigma = torch.rand((BATCH, 1, 1, 1), generator=generator) * NOISE_SIGMA
        pixels = pixels + sigma * torch.randn(pixels.shape, generator=generator)
        shown = model.encode_image(
            pixels.contiguous(memory_format=torch.channels_last), normalize=True
        )
        asked, true = data.asked[rows], data.truths[rows]
        scale = model.logit_scale.exp().clamp(max=100)
        # Every caption is encoded already, so that comparing with all of them costs less than
        # looking up the rivals of each.
        among = scale * shown @ described.T
        own = among.gather(1, asked)
        against = among.gather(1, captions.rivals[asked].flatten(1)).view(*asked.shape, -1)
        # A true caption has to beat all rivals together, a false one to lose to any.
        ahead = own - torch.where(true, against.logsumexp(2), against.amax(2))
        return functional.binary_cross_entropy_with_logits(ahead, true.float())

    return loss_at


def save_judge(model: CLIP, folder: Path) -> None:
    """Write an open_clip ``local-dir:`` model in half precision, its tokenizer beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(folder)
    config = {
        "model_cfg": model_config(tokenizer),
        "preprocess_cfg": {"mean": MEAN, "std": STD, "interpolation": "bicubic"},
    }
    write_text(folder / "open_clip_config.json", json.dumps(config, indent=2) + "\n")
    weights = {name: _as_shipped(value) for name, value in model.state_dict().items()}
    save_file(weights, folder / WEIGHTS)


def _as_shipped(value: torch.Tensor) -> torch.Tensor:
    return (value.half() if value.is_floating_point() else value).contiguous()


@torch.no_grad()
def forced_choice(
    folder: Path, prompts: Sequence[Prompt], images: np.ndarray
) -> dict[str, list[bool]]:
    """For each change of a caption, whether the shipped judge prefers the true one to all such."""
    from t2i_audit.judges.clip import ClipJudge

    judge = ClipJudge.from_spec(f"clip:local-dir:{folder}", device="cpu")
    outcomes: dict[str, list[bool]] = {"all rivals": []}
    similarities = judge.similarities(images, prompts)
    for prompt, scores in zip(prompts, similarities, strict=True):
        outcomes["all rivals"].append(bool(scores[0] > max(scores[1:])))
        rivals = rivals_of(prompt)
        changes = [foil.change for foil in rivals.foils] + ["left_out"] * len(rivals.omissions)
        best: dict[str, float] = {}
        for change, score in zip(changes, scores[1:], strict=True):
            best[change] = max(score, best.get(change, score))
        for change, score in best.items():
            outcomes.setdefault(change, []).append(bool(scores[0] > score))
    return outcomes


def load_shipped(folder: Path) -> CLIP:
    """The judge as open_clip itself loads it."""
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    return model.eval()
