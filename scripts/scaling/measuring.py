"""From the weights of a generator to its row, by the audits of `t2i_audit`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler, StableDiffusionPipeline
from numpy.typing import NDArray

import t2i_audit as t2i
from prompts.structure import PRESENCE, Prompt
from scripts.scaling.data import captioned, common_suite, seen_suite
from scripts.scaling.recipes import Generator, Training
from scripts.scaling.rows import Figures, Rates, Row, Trained
from scripts.scaling.training import trained
from scripts.training.evaluate import draw, evaluate
from scripts.training.figures import GUIDANCE_SCALE
from scripts.training.generator import NOISE_SCHEDULE, Encoded, Parts, pipeline_of
from t2i_audit.analysis.over_models import ACCURACY, mean_interval, station_figures
from t2i_audit.analysis.success import success_rates
from t2i_audit.results.interval import Interval
from t2i_audit.results.run_prompts import prompts_of
from t2i_audit.results.verdict_rows import primary_rows
from t2i_audit.run.tables import read_rows, table_path
from t2i_audit.stages.results import JudgedImages

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Effort:
    """How much is spent on measuring a generator; the rows of the study have the default."""

    steps: int = 12
    """Of the sampler."""
    draws: int = 2
    """Networks with random weights."""
    use_prompts: int = 100
    """Prompts that are drawn anew for each slot, once erased and once with the random control."""
    prompts: int | None = None
    """Of the common suite; None for all."""


FULL_EFFORT = Effort()

PIPELINE, RUN = "pipeline", "run"  # in the folder of a generator
BATCH = 60
LOSS_PAIRS = 1024
LOSS_SEED = 19
SEEN_SEED = 20
NORMAL_95 = 1.959964  # standard errors either way
CONTROLS = {"random weights": "random_weights", "words alone": "presence"}
WHOLE = ("eos", "mean", "grid")
"""Positions that hold the whole prompt; others hold the words of one slot."""


def measured(generator: Generator, *, work: Path, device: str, effort: Effort = FULL_EFFORT) -> Row:
    """The row of a generator; training and audits go on from what lies in `work`."""
    folder = work / generator.name
    parts, data = trained(generator, work=work, device=device)
    loss = training_loss(parts, data)
    parameters = parts.unet.num_parameters()
    pipeline = pipeline_of(parts)
    pipeline.save_pretrained(folder / PIPELINE, safe_serialization=True)
    run = audited(folder, effort, device=device)
    places = places_of(read_rows(table_path(run.path, "probes"), "probes"))
    return Row(
        name=generator.name,
        trained=described(generator, parameters),
        loss=loss,
        seen=seen_rates(generator.training, pipeline.to(device), steps=effort.steps),
        held_out=held_out_rates(run),
        stations={
            name: station_figures(station, {}) for name, station in run.summary.stations.items()
        },
        places=places,
    )


def use_of(
    generator: Generator, *, work: Path, device: str, effort: Effort = FULL_EFFORT
) -> dict[str, Figures]:
    """The use of every slot, by erasure, in the run that `measured` left in `work`."""
    found = t2i.use(
        work / generator.name / RUN,
        prompts=effort.use_prompts,
        kinds="erase",
        device=device,
        report=False,
    )
    return {
        slot.slot: {
            "use": slot.use,
            "unchanged": slot.unchanged,
            "erased": slot.erased,
            "random": slot.random,
        }
        for slot in found.slots
    }


def has_run(generator: Generator, *, work: Path) -> bool:
    """Whether the run that `measured` leaves is in `work`."""
    return (work / generator.name / RUN).is_dir()


def described(generator: Generator, parameters: int) -> Trained:
    """What the recipe of a generator says."""
    training = generator.training
    return Trained(
        training=training.name,
        step=generator.step,
        support=training.support.name,
        pairs=len(training.support.pairs),
        compositional=training.support.compositional,
        connected=training.support.connected,
        compositions=len(set(captioned(training))),
        pictures=training.pictures,
        widths=training.widths,
        parameters=parameters,
        seed=training.seed,
    )


@torch.no_grad()
def training_loss(parts: Parts, data: Encoded) -> Interval:
    """The loss on pairs that were trained on, at timesteps drawn from all, with its 95% interval.

    The training's own loss is of other weights (before the moving average) and of more noise.
    """
    generator = torch.Generator().manual_seed(LOSS_SEED)
    schedule = DDPMScheduler(**NOISE_SCHEDULE)
    rows = torch.randint(len(data.latents), (LOSS_PAIRS,), generator=generator)
    timesteps = torch.randint(1000, (LOSS_PAIRS,), generator=generator)
    noise = torch.randn(data.latents[rows].shape, generator=generator)
    errors = []
    for part in torch.arange(LOSS_PAIRS).split(BATCH):
        clean, steps = data.latents[rows[part]], timesteps[part]
        states = parts.text_encoder(data.token_ids[rows[part]]).last_hidden_state
        noisy = schedule.add_noise(clean, noise[part], steps)
        device = parts.unet.device
        predicted = parts.unet(
            noisy.to(device), steps.to(device), encoder_hidden_states=states.to(device)
        ).sample.cpu()
        wanted = schedule.get_velocity(clean, noise[part], steps)
        errors.append((predicted - wanted).square().mean(dim=(1, 2, 3)))
    found = torch.cat(errors).double()
    mean, error = float(found.mean()), float(found.std() / math.sqrt(LOSS_PAIRS))
    return Interval(mean, mean - NORMAL_95 * error, mean + NORMAL_95 * error, LOSS_PAIRS)


def audited(folder: Path, effort: Effort, *, device: str) -> t2i.Run:
    """The audit of the pipeline in `folder` on the common suite, with one image a prompt."""
    return t2i.audit(
        str(folder / PIPELINE),
        suite=common_suite(),
        limit=effort.prompts,
        judge="oracle",
        seeds=1,
        steps=effort.steps,
        guidance_scale=GUIDANCE_SCALE,
        random_weights=effort.draws,
        batch_size=BATCH,
        device=device,
        report=False,
        out=folder / RUN,
    )


def held_out_rates(run: t2i.Run) -> Rates:
    """Success on the held-out prompts of the common suite."""
    prompts = tuple(each for each in prompts_of(run.path) if each.split == "held_out")
    ids = {prompt.id for prompt in prompts}
    judged = [row for row in primary_rows(run) if row["prompt_id"] in ids]
    images = JudgedImages.of(prompts, judged, run.summary.n_seeds)
    return rates_of(prompts, images.success, images.slot_correct)


def seen_rates(training: Training, pipeline: StableDiffusionPipeline, *, steps: int) -> Rates:
    """Success on contents that a training showed; nothing is probed there."""
    prompts = seen_suite(training).prompts
    images = draw(
        pipeline, prompts, steps=steps, guidance_scale=GUIDANCE_SCALE, seed=SEEN_SEED, batch=BATCH
    )
    drawn = evaluate(prompts, images)
    slots = {slot: values[:, None] for slot, values in drawn.slots.items()}
    return rates_of(prompts, drawn.correct[:, None], slots)


def rates_of(
    prompts: Sequence[Prompt], success: FloatArray, slots: Mapping[str, FloatArray]
) -> Rates:
    """Rates with intervals over compositions; `success` and each of `slots` are ``(n, seeds)``."""
    found = success_rates(
        success,
        [prompt.composition for prompt in prompts],
        types=[prompt.type for prompt in prompts],
        splits=[prompt.split for prompt in prompts],
        slot_correct=slots,
    )
    return Rates(found.overall, found.by_type, found.by_slot)


def places_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, Figures]:
    """Balanced accuracies at every place that holds whole prompts, from a run's table ``probes``.

    Of each place that of every slot, their mean, and the means of its controls.
    """
    by_place: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["position"] in WHOLE and not row["slot"].startswith(PRESENCE):
            by_place.setdefault(place_name(row), []).append(row)
    return {
        place: {
            ACCURACY: mean_interval(_accuracy(row) for row in own),
            **{
                called: mean_interval(
                    Interval(row[f"{column}_balanced_accuracy"], math.nan, math.nan, row["n"])
                    for row in own
                )
                for called, column in CONTROLS.items()
            },
            **{row["slot"]: _accuracy(row) for row in own},
        }
        for place, own in by_place.items()
    }


def place_name(row: Mapping[str, Any]) -> str:
    """E.g. ``text_encoder block_3 eos`` or ``mid_block step 0``."""
    layer, position = str(row["layer"]), str(row["position"])
    block, at, step = layer.partition("@step_")
    return f"{block} step {step}" if at else f"{row['station']} {layer} {position}"


def _accuracy(row: Mapping[str, Any]) -> Interval:
    column = "balanced_accuracy"
    return Interval(row[column], row[f"{column}_lower"], row[f"{column}_upper"], row["n"])
