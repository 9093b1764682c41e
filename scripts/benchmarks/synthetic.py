"""Training of students: ensembles against single ones, a wide one against bare products and JAX."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from scripts.benchmarks.line import Line, over

if TYPE_CHECKING:
    from synthetic.settings import RunSettings
    from synthetic.training.ensemble import Ensemble

NARROW = (32, 64)
WIDE = 256
JAX_WIDTHS = (128, 256)
ENSEMBLE = 16
NARROW_STEPS, WIDE_STEPS = 60, 12


def synthetic(rounds: int, limit: int) -> list[Line]:
    """All lines of this part, on one thread, as in a worker process."""
    from synthetic.training.process_state import limited_threads

    with limited_threads(1):
        lines = [*(_ensemble(width, rounds) for width in NARROW), *_wide(rounds)]
    if find_spec("jax") and find_spec("optax"):
        return [*lines, *(_official(width, rounds) for width in JAX_WIDTHS)]
    remark = "for the comparison with the official code: pip install --group bench"
    return [*lines[:-1], replace(lines[-1], remark=remark)]


def _ensemble(width: int, rounds: int) -> Line:
    """Students of the default suite's shape, trained together and by an eager loop each."""
    from synthetic.suite import BASE
    from synthetic.training.ensemble import make_ensemble
    from synthetic.training.train import train

    runs = [replace(BASE, width=width, steps=NARROW_STEPS, seed=seed) for seed in range(ENSEMBLE)]
    ours, others = [], []
    for _ in range(rounds + 1):
        together = make_ensemble(runs)
        alone = [make_ensemble([run]) for run in runs[:4]]
        ours.append(cpu_seconds(lambda ensemble=together: train(ensemble)))  # type: ignore[misc]
        slow = cpu_seconds(lambda group=alone: eager_loops(group))  # type: ignore[misc]
        others.append(slow * len(runs) / len(alone))
    what = f"{ENSEMBLE} students of width {width}: eager PyTorch one by one over the ensemble"
    # The first round includes one-time set-up.
    return Line(what, tuple(ours[1:]), over(others[1:], ours[1:]), ">= 3")


def _wide(rounds: int) -> list[Line]:
    """One student of the paper's tasks at width 256."""
    import torch

    from synthetic.presets import preset_settings
    from synthetic.training.ensemble import make_ensemble
    from synthetic.training.train import train

    run = replace(preset_settings("paper", family="hyperteacher"), width=WIDE, steps=WIDE_STEPS)
    ours, eager, bare, drawing = [], [], [], []
    for _ in range(rounds + 1):
        ensemble = make_ensemble([run])
        ours.append(cpu_seconds(lambda ensemble=ensemble: train(ensemble)))  # type: ignore[misc]
        ensemble = make_ensemble([run])
        eager.append(cpu_seconds(lambda ensemble=ensemble: eager_loops([ensemble])))  # type: ignore[misc]
        bare.append(_bare_products(run))
        ensemble = make_ensemble([run])
        with torch.no_grad():
            drawing.append(cpu_seconds(lambda ensemble=ensemble: draw_all(ensemble)))  # type: ignore[misc]
    ours, eager, bare, drawing = (one[1:] for one in (ours, eager, bare, drawing))
    name = f"one student of width {WIDE}, the paper's tasks"
    remark = f"{name}: {WIDE_STEPS / median(ours):.1f} steps/s on one thread"
    return [
        Line(
            f"{name}: bare products of the same shapes over ours",
            tuple(ours),
            over(bare, ours),
            ">= 0.70",
            remark,
        ),
        Line(f"{name}: drawing the data over ours", tuple(ours), over(drawing, ours), "<= 0.15"),
        Line(f"{name}: plain eager PyTorch over ours", tuple(ours), over(eager, ours), ">= 1.3"),
    ]


def _official(width: int, rounds: int) -> Line:
    """One student of the paper's tasks, against the official code's way in JAX."""
    # A process of its own, because JAX takes the cores that it may use when it is imported.
    done = subprocess.run(
        [sys.executable, "-m", "scripts.benchmarks.synthetic_jax", str(width), str(rounds)],
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    ours, theirs = (list(one) for one in zip(*json.loads(done.stdout), strict=True))
    what = f"a step of one student of width {width}, the paper's tasks: JAX over ours, on one core"
    remark = f"width {width}: {1 / median(ours):.0f} steps/s, JAX {1 / median(theirs):.0f}"
    return Line(what, tuple(ours), over(theirs, ours), ">= 1.3", remark)


def draw_all(ensemble: Ensemble) -> None:
    """Draw the data of every step, without training."""
    from synthetic.training.ensemble import data_streams, training_batches

    for _ in training_batches(ensemble, data_streams(ensemble)):
        pass


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of `work`, which on one thread do not depend on other processes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def eager_loop(ensemble: Ensemble) -> None:
    """A plain training loop: `nn.Sequential`, one batch per step, AdamW's defaults."""
    import torch
    from torch import nn

    from synthetic.streams import stream
    from synthetic.training.ensemble import draw_batch

    run = ensemble.settings[0]
    sizes = [ensemble.encoder.size + ensemble.family.input_size, *[run.width] * run.depth]
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(sizes[-1], ensemble.family.output_size))
    optimizer = torch.optim.AdamW(model.parameters(), lr=run.learning_rate)
    rng = stream(run.seed, "data")
    for _ in range(run.steps):
        batch = draw_batch(ensemble, True, run.tasks, run.samples, [rng])
        codes = batch.encoding[0].repeat_interleave(run.samples, dim=0)
        outputs = model(torch.cat([codes, batch.inputs[0].flatten(0, 1)], dim=1))
        loss = nn.functional.mse_loss(outputs, batch.targets[0].flatten(0, 1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def eager_loops(group: list[Ensemble]) -> None:
    """The same for one student after the other."""
    for ensemble in group:
        eager_loop(ensemble)


def _bare_products(run: RunSettings) -> float:
    """CPU seconds of the matrix products alone, for the same number of steps."""
    import torch

    from synthetic.settings import HyperteacherSettings
    from synthetic.training.process_state import onednn_products

    task = run.task
    assert isinstance(task, HyperteacherSettings)
    rows = run.tasks * run.samples
    sizes = [task.modules + task.size, *[run.width] * run.depth, task.size]
    shapes = list(_products(rows, sizes))
    operands = [
        (torch.randn(left), torch.randn(right), torch.empty(left[0], right[1]))
        for left, right in shapes
    ]
    with onednn_products():
        start = time.process_time()
        for _ in range(run.steps):
            for left, right, out in operands:
                torch.mm(left, right, out=out)
        return time.process_time() - start


def _products(rows: int, sizes: list[int]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Operands of every product of a step: forward, and the gradients of weights and inputs."""
    for index, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        yield (rows, fan_in), (fan_in, fan_out)
        yield (fan_in, rows), (rows, fan_out)
        if index:
            yield (rows, fan_out), (fan_out, fan_in)
