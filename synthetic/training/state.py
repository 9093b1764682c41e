"""The state of a training on disk, from which an interrupted training is resumed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from synthetic.training.train import TrainingState
from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import atomic_file, to_json


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
