"""Runs whose tables are made rather than found, so that a page meets all that a table can hold."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from prompts.structure import Prompt, SplitName
from prompts.world import Content, write
from t2i_audit.io import sha256_of
from t2i_audit.results.run import Run
from t2i_audit.results.summary import RunSummary
from t2i_audit.run.columns import TableName
from t2i_audit.run.manifest import new_manifest
from t2i_audit.run.tables import table_from_rows, table_path, write_table

COLOURS = ("red", "green", "blue", "yellow")
SHAPES = ("circle", "square", "star", "cross")
SPLITS: tuple[SplitName | None, ...] = ("seen", "held_out", None, "seen")
MARKS = (True, True, True, False, None)
CAUSES = ("encoder", "denoiser", "chance", "unclear", None)
Row = dict[str, Any]


def world_prompts(n: int) -> tuple[Prompt, ...]:
    """`n` prompts with five constituents, or two in every third."""
    pairs = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    made = []
    for i in range(n):
        one, other = pairs[i % 16], pairs[(i // 16 + i + 1) % 16]
        content = Content((one,)) if i % 3 == 0 else Content((one, other), "above")
        made.append(replace(write(content), id=f"prompt-{i}", split=SPLITS[i % len(SPLITS)]))
    return tuple(made)


def made_run(
    folder: Path,
    prompts: Sequence[Prompt],
    *,
    seeds: int = 3,
    judges: Sequence[str] = ("oracle",),
    sides: Sequence[int] = (32,),
    files: int | None = None,
    read: bool = True,
) -> Run:
    """A run of `prompts` with drawn verdicts, margins, causes and pixels.

    Args:
        folder: where it is made.
        prompts: the suite.
        seeds: images of the first prompt; those that follow have one fewer in turn.
        judges: their names, the primary one first.
        sides: pixels of the images in turn.
        files: different image files to make, of which the others are links; as many as images if
            None.
        read: whether the slots were judged and probed.
    """
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    drawn: list[tuple[Prompt, int, str, str]] = []
    digests: list[str] = []
    for place, prompt in enumerate(prompts):
        for seed in range(max(1, seeds - place % seeds)):
            name = f"images/{place:06}_{seed:03}.png"
            n = len(drawn)
            if files is None or n < files:
                _draw(folder / name, sides[n % len(sides)], rng)
                digests.append(sha256_of(folder / name))
            else:
                os.link(folder / drawn[n % files][2], folder / name)
            drawn.append((prompt, seed, name, digests[n % len(digests)]))
    verdicts = [_verdict(judge, *each, rng, read) for judge in judges for each in drawn]
    _write(folder, "prompts", [_prompt_row(prompt) for prompt in prompts])
    _write(folder, "judgements", verdicts)
    _write(folder, "attributions", [_cause_row(i, each) for i, each in enumerate(prompts)])
    stations = ("text_encoder", "denoiser") if read else ()
    _write(
        folder,
        "decodability",
        [
            _read_row(prompt, station, part.slot, rng)
            for prompt in prompts
            for station in stations
            for part in prompt.constituents
        ],
    )
    summary = RunSummary(
        model="made",
        suite="made",
        judge=judges[0],
        n_prompts=len(prompts),
        n_seeds=seeds,
        n_images=len(drawn),
        n_excluded=0,
        stations={},
    )
    return Run(folder, new_manifest({}, created="2026-01-01", versions={}), summary)


def _write(folder: Path, name: TableName, rows: Sequence[Mapping[str, object]]) -> None:
    write_table(table_path(folder, name), name, table_from_rows(name, rows))


def _draw(path: Path, side: int, rng: np.random.Generator) -> None:
    Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(path)


def _verdict(
    judge: str,
    prompt: Prompt,
    seed: int,
    image: str,
    sha256: str,
    rng: np.random.Generator,
    read: bool,
) -> Row:
    marks = [MARKS[i] for i in rng.integers(len(MARKS), size=len(prompt.constituents))]
    correct = None if rng.random() < 0.1 else bool(rng.random() < 0.5)
    texts = [prompt.text, *(foil.text for foil in prompt.foils), "something else"]
    return {
        "prompt_id": prompt.id,
        "seed": seed,
        "image": image,
        "image_sha256": sha256,
        "judge": judge,
        "correct": correct,
        "readable": correct is not None,
        "margin": float("nan") if rng.random() < 0.1 else float(rng.normal()),
        "chosen": texts[rng.integers(len(texts))],
        "slots": {
            part.slot: mark for part, mark in zip(prompt.constituents, marks, strict=True) if read
        },
        "probability": float("nan"),
        "slot_probabilities": {},
        "scores": {},
        "flaw": "a flat image" if correct is None else None,
    }


def _prompt_row(prompt: Prompt) -> Row:
    parts = [vars(part) for part in prompt.constituents]
    return {
        "prompt_id": prompt.id,
        "text": prompt.text,
        "type": prompt.type,
        "template": prompt.template,
        "split": prompt.split,
        "composition": prompt.composition,
        "constituents": parts,
        "foils": [vars(foil) for foil in prompt.foils],
        "metadata": {},
        "tokens": None,
        "truncated": None,
        "reading": {},
    }


def _cause_row(place: int, prompt: Prompt) -> Row:
    return {
        "prompt_id": prompt.id,
        "judged": 1,
        "success_rate": 0.5,
        "failing": True,
        "cause": CAUSES[place % len(CAUSES)],
        "detail": "held_not_drawn" if CAUSES[place % len(CAUSES)] == "denoiser" else None,
        "weights": {},
        "needed_slots": [],
        "lost_slots": [],
        "text_decodability": 0.5,
        "denoiser_decodability": float("nan"),
    }


def _read_row(prompt: Prompt, station: str, slot: str, rng: np.random.Generator) -> Row:
    probability = float("nan") if rng.random() < 0.1 else float(rng.random())
    return {
        "prompt_id": prompt.id,
        "station": station,
        "slot": slot,
        "probability": probability,
        "lower": probability,
        "upper": probability,
        "presence_probability": probability,
    }
