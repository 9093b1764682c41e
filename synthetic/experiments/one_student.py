"""One student: an estimate of the time, its training, its loss curve and its probes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from synthetic.evaluation.evaluate import evaluate
from synthetic.evaluation.results import RunResult, result_to_json
from synthetic.evaluation.run_files import read_run, run_path, write_run
from synthetic.records import record_of
from synthetic.report.figures import curve_and_probe, save
from synthetic.report.tables import write_tables
from synthetic.settings import RunSettings, choose
from synthetic.training.ensemble import Ensemble, make_ensemble
from synthetic.training.process_state import limited_threads
from synthetic.training.state import SAVE_SECONDS, read_state, train_and_save
from synthetic.training.train import Precision, train
from t2i_audit.errors import AuditError
from t2i_audit.io import write_json
from t2i_audit.models.devices import available_devices
from t2i_audit.reporter import TerminalReporter
from t2i_audit.run.directory import SUMMARY, RunDirectory, open_run
from t2i_audit.settings import Device

if TYPE_CHECKING:
    import torch

# Steps that are timed for the estimate, after the same number of steps as a warm-up.
TIMED_STEPS = 3
STATE = "training.pt"


@dataclass(frozen=True)
class Estimate:
    """How long a training will probably take on this machine."""

    seconds_per_step: float
    """Measured on real steps, including their data."""
    seconds: float
    """Of all `steps` at this rate."""
    steps: int
    """Number of steps that remain."""
    device: str

    @property
    def sentence(self) -> str:
        """The estimate in words."""
        return (
            f"{self.steps:,} steps at {self.seconds_per_step * 1000:.3g} ms on {self.device}: "
            f"about {_format_duration(self.seconds)}"
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

    An interrupted training is resumed from the last state saved in `out`, with the same result as
    if it had not been interrupted.

    Args:
        settings: the student and its tasks.
        out: the run directory.
        device: where to train; tests and probes run on the CPU.
        precision: ``tf32`` and ``bfloat16`` are for GPUs.
        threads: threads of the CPU.
        save_every: seconds of training between two saved states.
        say: called with a sentence: the estimate before training starts, and where it resumes.

    Raises:
        AuditError: the device is missing, or the settings do not fit each other.
        RunDirectoryError: `out` holds something else, another student, or a damaged state.
    """
    choose("precision", precision, get_args(Precision))
    place = resolve_device(device)
    manifest_settings = {
        "command": "synthetic train",
        "run": record_of(settings),
        "device": place.type,
        "precision": precision,
        "threads": threads,
    }
    with limited_threads(threads):
        # Raises if the settings do not fit each other, before anything is written.
        ensemble = make_ensemble([settings])
        with open_run(
            out, manifest_settings, stages=("steps",), reporter=TerminalReporter()
        ) as directory:
            if not run_path(out, settings).exists():
                write_run(out, _train(ensemble, directory, place, precision, save_every, say))
            (out / STATE).unlink(missing_ok=True)
            result = read_run(out, settings)
            write_tables(out, [result])
            save(out / "student", curve_and_probe(result))
            write_json(out / SUMMARY, result_to_json(result))
    return result


def _train(
    ensemble: Ensemble,
    directory: RunDirectory,
    place: torch.device,
    precision: Precision,
    save_every: float,
    say: Callable[[str], None],
) -> RunResult:
    (settings,) = ensemble.settings
    path = directory.path / STATE
    resume = read_state(path)
    done = 0 if resume is None else resume.steps
    if done:
        say(f"resuming after step {done:,} of {settings.steps:,}")
    if done < settings.steps:
        say(estimate(settings, place, precision, done=done).sentence)
    with directory.stage("steps", settings.steps, done=done) as advance:
        curve = train_and_save(
            ensemble,
            path,
            resume=resume,
            device=place,
            precision=precision,
            advance=advance,
            save_every=save_every,
        )
    (result,) = evaluate(ensemble, curve)
    return result


def estimate(
    settings: RunSettings,
    device: torch.device | None = None,
    precision: Precision = "float32",
    *,
    done: int = 0,
) -> Estimate:
    """Time a few real steps of `settings` and scale them up to the steps after the first `done`."""
    import torch

    place = torch.device("cpu") if device is None else device
    few = replace(settings, steps=2 * TIMED_STEPS)
    marks: list[float] = []

    def mark(steps: int) -> None:
        if place.type == "cuda":
            torch.cuda.synchronize()
        marks.append(time.perf_counter())

    train(make_ensemble([few]), device=place, precision=precision, advance=mark)
    per_step = (marks[-1] - marks[TIMED_STEPS - 1]) / TIMED_STEPS
    remaining = settings.steps - done
    return Estimate(per_step, per_step * remaining, remaining, place.type)


def resolve_device(device: Device) -> torch.device:
    """The device of that name; ``auto`` prefers an accelerator.

    Raises:
        AuditError: this machine does not have it.
    """
    import torch

    available = available_devices()
    if device == "auto":
        return torch.device(next(name for name, has in available.items() if has))
    if not available[device]:
        raise AuditError(f"this machine has no {device}; give --device cpu")
    return torch.device(device)


def _format_duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
