"""One resumable training loop for every network of the built-in checkpoints."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from t2i_audit.reporter import TerminalReporter

CHECKPOINT_EVERY = 120.0  # seconds


@dataclass(frozen=True)
class Schedule:
    """AdamW with linear warm-up, then a cosine down to a twentieth of the peak."""

    steps: int
    learning_rate: float
    warmup: int = 100
    weight_decay: float = 1e-2
    ema_decay: float = 0.0
    """0 keeps no average; else the decay of the exponential moving average of the weights."""

    def rate(self, step: int) -> float:
        """Learning rate of one step."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))


class Averaged:
    """Exponential moving average of a list of modules' parameters."""

    def __init__(self, modules: Sequence[nn.Module], decay: float) -> None:
        self.decay = decay
        self.live = [p for module in modules for p in module.parameters()]
        self.values = [p.detach().clone() for p in self.live]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the live weights; early steps weigh more."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.values, [p.detach() for p in self.live], weight)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange averaged and live weights; calling it twice restores both."""
        for average, parameter in zip(self.values, self.live, strict=True):
            held = parameter.detach().clone()
            parameter.copy_(average)
            average.copy_(held)


def save_atomically(state: object, path: Path) -> None:
    """`torch.save` through a temporary file and a rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(path.suffix + ".part")
    torch.save(state, temporary)
    os.replace(temporary, path)


def train(
    name: str,
    modules: Sequence[nn.Module],
    loss_at: Callable[[int, torch.Generator], torch.Tensor],
    schedule: Schedule,
    *,
    work: Path,
    seed: int,
    until: int | None = None,
) -> None:
    """Train `modules` in place, going on from ``work/NAME.pt`` where an earlier call stopped.

    With `until`, stop after that many steps; the state that is left goes on to the later ones.

    `loss_at(step, generator)` draws everything random from `generator`, which is seeded by seed
    and step, so that a resumed training sees the very same batches. At
    the end the averaged weights stay in place.
    """
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=schedule.learning_rate, weight_decay=schedule.weight_decay, foreach=True
    )
    average = Averaged(modules, schedule.ema_decay) if schedule.ema_decay else None
    path = work / f"{name}.pt"
    first, last = 0, schedule.steps if until is None else until
    if path.exists():
        state = torch.load(path, weights_only=True, map_location=parameters[0].device)
        for module, weights in zip(modules, state["modules"], strict=True):
            module.load_state_dict(weights)
        optimizer.load_state_dict(state["optimizer"])
        if average is not None:
            average.values = state["average"]
        first = state["step"]

    def save(step: int) -> None:
        state = {
            "modules": [module.state_dict() for module in modules],
            "optimizer": optimizer.state_dict(),
            "average": average.values if average is not None else [],
            "step": step,
        }
        save_atomically(state, path)

    saved_at, running = time.monotonic(), 0.0
    with TerminalReporter().stage(f"train {name}", last) as advance:
        advance(first)
        for step in range(first, last):
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step)
            generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
            loss = loss_at(step, generator)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            if average is not None:
                average.update(step)
            advance(1)
            running += loss.item()
            if (step + 1) % 100 == 0:
                print(f"{name} step {step + 1} loss {running / 100:.4f}", flush=True)
                running = 0.0
            if time.monotonic() - saved_at > CHECKPOINT_EVERY or step + 1 == last:
                save(step + 1)
                saved_at = time.monotonic()
    if average is not None:
        average.swap()
