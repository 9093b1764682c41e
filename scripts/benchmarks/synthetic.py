"""Training of students: ensembles against one by one, and a wide student against bare products."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from scripts.benchmarks.line import Line, over

if TYPE_CHECKING:
    from synthetic.settings import RunSettings
    from synthetic.train import Members

NARROW = (32, 64)
WIDE = 256
ENSEMBLE = 16
NARROW_STEPS, WIDE_STEPS = 60, 12


def synthetic(rounds: int, limit: int) -> list[Line]:
    """Every line of this part; one thread, as in a worker process."""
    from synthetic.runner import limited_threads

    with limited_threads(1):
        return [*(_ensemble(width, rounds) for width in NARROW), *_wide(rounds)]


def _ensemble(width: int, rounds: int) -> Line:
    """Students of the default suite's shape, trained together and by an eager loop each."""
    from synthetic.suite import BASE
    from synthetic.train import make_members, train

    runs = [replace(BASE, width=width, steps=NARROW_STEPS, seed=seed) for seed in range(ENSEMBLE)]
    ours, others = [], []
    for _ in range(rounds + 1):
        together = make_members(runs)
        alone = [make_members([run]) for run in runs[:4]]
        ours.append(cpu_seconds(lambda members=together: train(members)))  # type: ignore[misc]
        slow = cpu_seconds(lambda group=alone: eager_loops(group))  # type: ignore[misc]
        others.append(slow * len(runs) / len(alone))
    what = f"{ENSEMBLE} students of width {width}: eager PyTorch one by one over the ensemble"
    # The first round sets up more than the later ones.
    return Line(what, tuple(ours[1:]), over(others[1:], ours[1:]), ">= 3")


def _wide(rounds: int) -> list[Line]:
    """One student of the paper's tasks at width 256."""
    import torch

    from synthetic.settings import preset_settings
    from synthetic.train import batches, data_streams, make_members, train

    run = replace(preset_settings("paper", family="hyperteacher"), width=WIDE, steps=WIDE_STEPS)
    ours, eager, bare, drawing = [], [], [], []
    for _ in range(rounds + 1):
        members = make_members([run])
        ours.append(cpu_seconds(lambda members=members: train(members)))  # type: ignore[misc]
        members = make_members([run])
        eager.append(cpu_seconds(lambda members=members: eager_loops([members])))  # type: ignore[misc]
        bare.append(_bare_products(run))
        members = make_members([run])
        with torch.no_grad():
            drawing.append(
                cpu_seconds(lambda members=members: list(batches(members, data_streams(members))))  # type: ignore[misc]
            )
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
        Line(f"{name}: plain eager PyTorch over ours", tuple(ours), over(eager, ours), ">= 1"),
    ]


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds that `work` takes: on one thread they do not depend on what else runs."""
    start = time.process_time()
    work()
    return time.process_time() - start


def eager_loop(members: Members) -> None:
    """What one writes first: `nn.Sequential`, a batch drawn each step, AdamW's defaults."""
    import torch
    from torch import nn

    from synthetic.streams import stream
    from synthetic.train import draw_batch

    run = members.settings[0]
    sizes = [members.encoder.size + members.family.input_size, *[run.width] * run.depth]
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(sizes[-1], members.family.output_size))
    optimizer = torch.optim.AdamW(model.parameters(), lr=run.learning_rate)
    rng = stream(run.seed, "data")
    for _ in range(run.steps):
        batch = draw_batch(members, True, run.tasks, run.samples, [rng])
        told = batch.encoding[0].repeat_interleave(run.samples, dim=0)
        outputs = model(torch.cat([told, batch.inputs[0].flatten(0, 1)], dim=1))
        loss = nn.functional.mse_loss(outputs, batch.targets[0].flatten(0, 1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def eager_loops(group: list[Members]) -> None:
    """The same for one student after the other."""
    for members in group:
        eager_loop(members)


def _bare_products(run: RunSettings) -> float:
    """Seconds of nothing but the matrix products of as many steps."""
    import torch

    rows = run.tasks * run.samples
    sizes = [run.modules + run.size, *[run.width] * run.depth, run.size]
    shapes = list(_products(rows, sizes))
    operands = [
        (torch.randn(left), torch.randn(right), torch.empty(left[0], right[1]))
        for left, right in shapes
    ]
    start = time.process_time()
    for _ in range(run.steps):
        for left, right, out in operands:
            torch.mm(left, right, out=out)
    return time.process_time() - start


def _products(rows: int, sizes: list[int]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Operands of every product of a step: forward, to the weights, and back to the inputs."""
    for index, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        yield (rows, fan_in), (fan_in, fan_out)
        yield (fan_in, rows), (rows, fan_out)
        if index:
            yield (rows, fan_out), (fan_out, fan_in)
