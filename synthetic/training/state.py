"""Trainings whose state is on disk, from which they are resumed when they are interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from synthetic.training.ensemble import Ensemble
from synthetic.training.train import LossCurve, Precision, TrainingState, train
from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import atomic_file, to_json

SAVE_SECONDS = 60.0


def train_and_save(
    ensemble: Ensemble,
    path: Path,
    *,
    resume: TrainingState | None,
    device: torch.device | None = None,
    precision: Precision = "float32",
    advance: Callable[[int], None] = lambda steps: None,
    save_every: float = SAVE_SECONDS,
) -> LossCurve:
    """Train as `synthetic.training.train.train` does, and write the state to `path` now and then.

    Args:
        ensemble: the students and their tasks.
        path: where the state is written.
        resume: the state from which to resume, as `read_state` returns it.
        device: where to train; the CPU if None.
        precision: as for `train`.
        advance: called with the number of steps just completed.
        save_every: seconds of training between two saved states.
    """
    saved = time.monotonic()

    def save_if_due(state: TrainingState) -> None:
        nonlocal saved
        if time.monotonic() - saved >= save_every:
            write_state(path, state)
            saved = time.monotonic()

    return train(
        ensemble,
        device=device,
        precision=precision,
        advance=advance,
        resume=resume,
        save=save_if_due,
    )


def write_state(path: Path, state: TrainingState) -> None:
    """Write `state` to `path` atomically."""
    # Torch reads tensors and JSON's types back without running any code.
    plain = {
        "steps": state.steps,
        "student": state.student,
        "optimizer": state.optimizer,
        "data": to_json(state.data),
        "curve": [(step, losses.tolist()) for step, losses in state.curve],
    }
    with atomic_file(path) as temporary:
        torch.save(plain, temporary)


def read_state(path: Path) -> TrainingState | None:
    """The state in `path`; None if the file does not exist.

    Raises:
        RunDirectoryError: it cannot be read.
    """
    if not path.exists():
        return None
    try:
        plain = torch.load(path, map_location="cpu", weights_only=True)
        curve = [(step, np.array(losses, dtype=np.float32)) for step, losses in plain["curve"]]
        return TrainingState(**{**plain, "curve": curve})
    # A damaged archive raises any of a dozen kinds of exception.
    except Exception as err:
        raise RunDirectoryError(
            f"{path} cannot be used ({type(err).__name__}); delete it and run the same command "
            "again, which then trains from the start"
        ) from err
