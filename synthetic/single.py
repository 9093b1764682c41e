"""One student: how long it will take here, its training, its curve and its probe."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from synthetic.figures import curve_and_probe, save
from synthetic.results import RunResult, evaluate
from synthetic.runner import limited_threads, read_run, run_path
from synthetic.settings import RunSettings, choose
from synthetic.state import read_state, write_state
from synthetic.tables import write_tables
from synthetic.train import Members, Precision, TrainingState, make_members, train
from t2i_audit.errors import AuditError
from t2i_audit.io import write_json
from t2i_audit.reporter import TerminalReporter
from t2i_audit.run.directory import SUMMARY, RunDirectory, open_run
from t2i_audit.settings import Device

if TYPE_CHECKING:
    import torch

# Steps that are timed for the estimate, after as many that are not.
TIMED_STEPS = 3
STATE = "training.pt"
SAVE_SECONDS = 60.0


@dataclass(frozen=True)
class Estimate:
    """How long a training is likely to take on this machine."""

    seconds_per_step: float
    """Measured on real steps, their data included."""
    seconds: float
    """All of `steps` at this rate."""
    steps: int
    """Steps that are still to be made."""
    device: str

    @property
    def sentence(self) -> str:
        """The estimate in words."""
        return (
            f"{self.steps:,} steps at {self.seconds_per_step * 1000:.3g} ms on {self.device}: "
            f"about {_spell_duration(self.seconds)}"
        )


def train_one(
    settings: RunSettings,
    out: Path,
    *,
    device: Device = "auto",
    precision: Precision = "float32",
    threads: int = 1,
    save_every: float = SAVE_SECONDS,
    say: Callable[[str], None] = lambda sentence: None,
) -> RunResult:
    """Train, test and probe one student, and write its result, tables and figure in `out`.

    An interrupted training goes on from the state that it last kept in `out`, and ends as if it
    had not been interrupted.

    Args:
        settings: the student and its tasks.
        out: the run directory.
        device: where to train; testing and probing use the CPU.
        precision: ``tf32`` and ``bfloat16`` for GPUs.
        threads: threads of the CPU.
        save_every: seconds of training after which its state is kept.
        say: told the estimate before training begins, and where a training goes on.

    Raises:
        AuditError: the device is not there, or the settings do not fit each other.
        RunDirectoryError: `out` holds something else, another student, or a damaged state.
    """
    choose("precision", precision, get_args(Precision))
    place = resolve_device(device)
    asked = {
        "command": "synthetic train",
        "run": settings,
        "device": place.type,
        "precision": precision,
        "threads": threads,
    }
    with limited_threads(threads):
        members = make_members([settings])  # refuses what does not fit before anything is written
        with open_run(out, asked, stages=("steps",), reporter=TerminalReporter()) as directory:
            if not run_path(out, settings).exists():
                result = _train(members, directory, place, precision, save_every, say)
                write_json(run_path(out, settings), result)
            (out / STATE).unlink(missing_ok=True)
            result = read_run(out, settings)
            write_tables(out, [result])
            save(out / "student", curve_and_probe(result))
            write_json(out / SUMMARY, result)
    return result


def _train(
    members: Members,
    directory: RunDirectory,
    place: torch.device,
    precision: Precision,
    save_every: float,
    say: Callable[[str], None],
) -> RunResult:
    (settings,) = members.settings
    path = directory.path / STATE
    resume = read_state(path)
    made = 0 if resume is None else resume.steps
    if made:
        say(f"going on after step {made:,} of {settings.steps:,}")
    if made < settings.steps:
        say(estimate(settings, place, precision, made=made).sentence)
    saved = time.monotonic()

    def keep(state: TrainingState) -> None:
        nonlocal saved
        if time.monotonic() - saved >= save_every:
            write_state(path, state)
            saved = time.monotonic()

    with directory.stage("steps", settings.steps, done=made) as advance:
        curve = train(
            members, device=place, precision=precision, advance=advance, resume=resume, keep=keep
        )
    (result,) = evaluate(members, curve)
    return result


def estimate(
    settings: RunSettings,
    device: torch.device | None = None,
    precision: Precision = "float32",
    *,
    made: int = 0,
) -> Estimate:
    """Time a few real steps of `settings` and scale them up to those after the first `made`."""
    import torch

    place = torch.device("cpu") if device is None else device
    few = replace(settings, steps=2 * TIMED_STEPS)
    marks: list[float] = []

    def mark(steps: int) -> None:
        if place.type == "cuda":
            torch.cuda.synchronize()
        marks.append(time.perf_counter())

    train(make_members([few]), device=place, precision=precision, advance=mark)
    per_step = (marks[-1] - marks[TIMED_STEPS - 1]) / TIMED_STEPS
    left = settings.steps - made
    return Estimate(per_step, per_step * left, left, place.type)


def resolve_device(device: Device) -> torch.device:
    """The device of that name; ``auto`` prefers an accelerator.

    Raises:
        AuditError: it is not there.
    """
    import torch

    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return torch.device(next(name for name, has in there.items() if has))
    if not there[device]:
        raise AuditError(f"this machine has no {device}; give --device cpu")
    return torch.device(device)


def _spell_duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
