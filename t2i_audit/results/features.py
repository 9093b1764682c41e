"""The recorded states of a run, read back place by place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit import storage
from t2i_audit.errors import AuditError, RunDirectoryError
from t2i_audit.results.decoding import DENOISER, TEXT_ENCODER
from t2i_audit.results.place import Place
from t2i_audit.results.summary import AGAIN
from t2i_audit.run.features import open_features, read_part
from t2i_audit.run.tables import read_rows, table_path

if TYPE_CHECKING:
    import numpy as np

    from t2i_audit.results.run import Run

FOLDER = Path("activations")
# What a text encoder gets of a prompt in which its words may be found.
READ = ("whole", "changed")


@dataclass(frozen=True, eq=False)
class PlaceFeatures:
    """The states at one place.

    >>> import t2i_audit as t2i
    >>> run = t2i.load_run("runs/demo")
    >>> features = run.features(run.best_place("relation", station="denoiser"))
    >>> features.place.step
    0
    """

    place: Place
    prompt_ids: tuple[str, ...]
    """Of the `n` prompts that have states at the place, in the suite's order."""
    values: np.ndarray
    """``(n, d)`` float64."""


def features_at(run: Run, place: Place) -> PlaceFeatures:
    """The states of `run` at `place`; see `Run.features`."""
    import numpy as np

    try:
        states = dict(_text_states(run, place) or _denoiser_states(run, place))
    except (OSError, ValueError, KeyError) as err:
        raise RunDirectoryError(
            f"the states that {run.path} recorded cannot be read: {err}; {AGAIN}"
        ) from err
    if not states:
        raise AuditError(
            f"{run.path} recorded nothing at {place}; its table 'probes' lists the places"
        )
    ids = [str(row["prompt_id"]) for row in _prompts(run) if row["prompt_id"] in states]
    values = np.stack([states[prompt_id] for prompt_id in ids]).astype(np.float64)
    return PlaceFeatures(place, tuple(ids), values)


def _text_states(run: Run, place: Place) -> dict[str, np.ndarray]:
    """Prompt -> its state at a place of a text encoder; empty if `place` is none."""
    if place.step is not None:
        return {}
    for each in open_features(run.path / FOLDER / TEXT_ENCODER):
        if Place.parse(each.encoder, each.layer, each.position) == place:
            rows = zip(_prompts(run), each.values, each.valid, strict=True)
            return {
                str(row["prompt_id"]): values
                for row, values, valid in rows
                if valid and row["reading"].get(place.encoder) in READ
            }
    return {}


def _denoiser_states(run: Run, place: Place) -> Iterator[tuple[str, np.ndarray]]:
    """Each prompt with its state at a place of the denoiser, as the batches left them."""
    import numpy as np

    row = place.to_row()
    key = row["encoder"], row["layer"], row["position"]
    storage.fetch(storage.open_tree(run.path / FOLDER / DENOISER))
    for path in sorted((run.path / FOLDER / DENOISER).glob("batch_*.npz")):
        part = read_part(path)
        if key in part.arrays:
            for prompt_id, values in zip(part.prompt_ids, part.arrays[key], strict=True):
                if np.isfinite(values).all():
                    yield prompt_id, values


def _prompts(run: Run) -> list[dict[str, Any]]:
    return read_rows(table_path(run.path, "prompts"), "prompts")
