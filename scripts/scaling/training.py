"""From a recipe to the weights of a generator, resumable at any step."""

from __future__ import annotations

import shutil
from pathlib import Path

from scripts.scaling.data import training_pairs
from scripts.scaling.recipes import Generator
from scripts.training.cards import load_shipped
from scripts.training.generator import (
    Encoded,
    Parts,
    build_unet,
    train_generator,
)
from t2i_audit.models.builtin import builtin_folder

SHARED = "sound"
"""The built-in checkpoint whose frozen text encoder and autoencoder all generators have. Its text
encoder was trained on captions of all supports' words, and of no held-out pair."""


def trained(generator: Generator, *, work: Path, device: str) -> tuple[Parts, Encoded]:
    """The parts of a generator, on `device`, and the pairs that it was trained on.

    The training goes on from the state of the same generator, or of the training's latest earlier
    generator that is there.
    """
    training = generator.training
    shared = load_shipped(builtin_folder(SHARED))
    parts = Parts(
        shared.tokenizer,
        shared.text_encoder.eval(),
        build_unet(seed=training.seed, widths=training.widths).to(device),
        shared.vae.eval(),
    )
    data = training_pairs(training, parts.tokenizer, parts.autoencoder, work=work)
    state = work / f"{generator.name}.pt"
    if not state.exists():
        for earlier in generator.earlier:
            if (work / f"{earlier.name}.pt").exists():
                temporary = state.with_suffix(".part")
                shutil.copyfile(work / f"{earlier.name}.pt", temporary)
                temporary.replace(state)
                break
    train_generator(
        generator.name,
        parts,
        data,
        training.phase,
        work=work,
        train_encoder=False,
        until=generator.step,
    )
    return parts, data
