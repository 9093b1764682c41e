"""The CLIP judge of the rendered world: an open_clip model trained on renders and their foils."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import open_clip
import torch
from diffusers import AutoencoderKL
from open_clip.model import CLIP
from safetensors.torch import save_file
from torch.nn import functional
from transformers import CLIPTokenizer

from prompts.foils.rivals import rivals_of
from prompts.structure import Prompt
from scripts.training.autoencoder import encode, from_pixels
from scripts.training.data import Rendered, rendered
from scripts.training.loop import Schedule, train
from scripts.training.text import CONTEXT, build_tokenizer, tokenize
from t2i_audit.io import write_text

BATCH = 64
NOISE_SIGMA = 12 / 127.5  # in pixels scaled to [-1, 1]
MEAN = STD = (0.5, 0.5, 0.5)


def model_config(tokenizer: CLIPTokenizer) -> dict[str, object]:
    """The `model_cfg` of open_clip: 64 pixels in patches of 8, 16 tokens of text."""
    return {
        "embed_dim": 128,
        "vision_cfg": {
            "image_size": 64,
            "patch_size": 8,
            "width": 128,
            "layers": 4,
            "head_width": 32,
            # See `train_judge`.
            "pool_type": "avg",
        },
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


def build_judge(tokenizer: CLIPTokenizer, *, seed: int) -> CLIP:
    """An open_clip model with random weights."""
    torch.manual_seed(seed)
    return CLIP(**model_config(tokenizer))


def judge_data(count: int, autoencoder: AutoencoderKL, *, seed: int) -> Rendered:
    """Scenes of all colour-shape pairs, every second image through the autoencoder, so that the
    judge knows the look of what generators draw."""
    data = rendered(count, seed=seed, allowed=lambda pair: True)
    images = data.images.copy()
    latents = encode(autoencoder, images[::2])
    with torch.no_grad():
        decoded = [from_pixels(autoencoder.decode(part).sample) for part in latents.split(100)]
    images[::2] = np.concatenate(decoded)
    return Rendered(data.prompts, images)


def train_judge(
    data: Rendered, schedules: tuple[Schedule, Schedule], *, work: Path, seed: int
) -> CLIP:
    """Contrastive training in which each image's foils stand beside the batch's captions.

    The first phase reads images by the class token, against all foils: it learns colours, shapes
    and which goes with which, but no relation (0.51 of reversed ones told in 2,500 steps). The
    second averages the patches, which adds up what stands where, and keeps to the first and the
    last foil, that is colours swapped and relation reversed where a prompt has two objects.
    """
    tokenizer = build_tokenizer()
    model = build_judge(tokenizer, seed=seed)
    # Prompts have two to four foils; short lists repeat, so that every row is full.
    every = [
        [prompt.foils[i % len(prompt.foils)].text for i in range(4)] for prompt in data.prompts
    ]
    binding = [[prompt.foils[0].text, prompt.foils[-1].text] for prompt in data.prompts]
    phases = (("judge", "tok", every), ("judge-averaged", "avg", binding))
    for number, ((name, pool_type, foils), schedule) in enumerate(
        zip(phases, schedules, strict=True)
    ):
        model.visual.pool_type = pool_type
        loss_at = contrast(model, tokenizer, data, foils)
        train(name, [model], loss_at, schedule, work=work, seed=seed + number)
    return model.eval()


def contrast(
    model: CLIP, tokenizer: CLIPTokenizer, data: Rendered, foils: Sequence[Sequence[str]]
) -> Callable[[int, torch.Generator], torch.Tensor]:
    """The loss of a batch; `foils` holds equally many texts for each prompt."""
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2)
    captions = tokenize(tokenizer, [prompt.text for prompt in data.prompts])
    false_captions = torch.stack([tokenize(tokenizer, list(texts)) for texts in foils])

    def loss_at(step: int, generator: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(images), (BATCH,), generator=generator)
        pixels = images[rows].float() / 127.5 - 1
        sigma = torch.rand((BATCH, 1, 1, 1), generator=generator) * NOISE_SIGMA
        pixels = pixels + sigma * torch.randn(pixels.shape, generator=generator)
        shown = model.encode_image(pixels, normalize=True)
        texts = torch.cat([captions[rows], false_captions[rows].flatten(0, 1)])
        described = model.encode_text(texts, normalize=True)
        true, false = described[:BATCH], described[BATCH:].view(BATCH, len(foils[0]), -1)
        scale = model.logit_scale.exp().clamp(max=100)
        own = torch.arange(BATCH)
        among = scale * shown @ true.T
        against = scale * torch.einsum("bd,bfd->bf", shown, false)
        # Images choose among all captions and their own foils, captions among all images.
        choose_text = functional.cross_entropy(torch.cat([among, against], dim=1), own)
        minimal = torch.cat([among.diagonal()[:, None], against], dim=1)
        choose_foil = functional.cross_entropy(minimal, torch.zeros(BATCH, dtype=torch.long))
        return choose_text + choose_foil + functional.cross_entropy(among.T, own)

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
    weights = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")


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
