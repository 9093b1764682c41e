"""Features of prompts, in memory or on disk: one array for each layer and position.

On disk they are float16 (float32 where a value does not fit) and memory-mapped. An index describes
them; it is written last, so that a folder with an index is complete.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from t2i_audit import storage
from t2i_audit.io import TEMPORARY_SUFFIX, atomic_file, read_json, reserve, write_json

INDEX = "index.json"
LARGEST_HALF = float(np.finfo(np.float16).max)

Station = Literal["text_encoder", "denoiser"]
Key = tuple[str, str, str]
"""Encoder (or denoiser), layer, position."""


@dataclass(frozen=True, eq=False)
class Features:
    """The states of one layer at one position, for every prompt of a suite."""

    station: Station
    encoder: str
    """The pipeline's component, e.g. ``text_encoder`` or ``unet``."""
    layer: str
    position: str
    values: np.ndarray
    """``(n, d)`` float32, or as stored; rows of NaN where the prompt has no such position."""
    valid: np.ndarray
    """``(n,)`` bool."""


class FeatureWriter:
    """Collects features batch by batch; `close` returns them.

    Args:
        station: the station that they are recorded at.
        n: number of prompts in the suite.
        folder: the folder to write them to; None keeps them in memory, as float32.
    """

    def __init__(self, station: Station, n: int, *, folder: Path | None = None) -> None:
        self._station = station
        self._n = n
        self._folder = folder
        self._arrays: dict[Key, np.ndarray] = {}
        self._valid: dict[Key, np.ndarray] = {}
        self._files = 0
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            if (folder / INDEX).exists():
                storage.remove(folder / INDEX)

    def put(self, key: Key, rows: Sequence[int] | np.ndarray, values: np.ndarray) -> None:
        """Set `rows` of the array `key` to `values`, ``(r, d)``.

        Rows that hold NaN or infinity are invalid.
        """
        rows = np.asarray(rows)
        if key not in self._arrays:
            self._arrays[key] = self._new(values.shape[1], np.float16)
            self._valid[key] = np.zeros(self._n, dtype=bool)
        valid = np.isfinite(values).all(axis=1)
        values = np.where(valid[:, None], values, np.nan)
        array = self._arrays[key]
        if array.dtype == np.float16 and (np.abs(values[valid]) > LARGEST_HALF).any():
            wider = self._new(values.shape[1], np.float32)
            wider[:] = array
            self._arrays[key] = array = wider
        array[rows] = values
        self._valid[key][rows] = valid

    def close(self) -> tuple[Features, ...]:
        """Finish the arrays and return them; on disk the index is written last."""
        if self._folder is None:
            return tuple(
                Features(self._station, *key, array, self._valid[key])
                for key, array in self._arrays.items()
            )
        entries = []
        for number, key in enumerate(tuple(self._arrays)):
            array = self._arrays.pop(key)
            assert isinstance(array, np.memmap)
            array.flush()
            name = f"{number:04}.npy"
            assert array.filename is not None
            written, dtype, width = array.filename, str(array.dtype), int(array.shape[1])
            del array  # Windows renames no file that is open
            os.replace(written, self._folder / name)
            storage.keep(self._folder / name)
            encoder, layer, position = key
            entries.append(
                {
                    "file": name,
                    "encoder": encoder,
                    "layer": layer,
                    "position": position,
                    "dtype": dtype,
                    "width": width,
                }
            )
        for left in self._folder.glob(f".*{TEMPORARY_SUFFIX}"):
            left.unlink()
        write_json(
            self._folder / INDEX,
            {"station": self._station, "prompts": self._n, "arrays": entries},
        )
        return open_features(self._folder)

    def _new(self, width: int, dtype: type[np.floating[Any]]) -> np.ndarray:
        shape = (self._n, width)
        if self._folder is None:
            return np.full(shape, np.nan, dtype=np.float32)
        # Numbered files: the key holds names of slots, which come from the user.
        path = self._folder / f".{self._files:05}{TEMPORARY_SUFFIX}"
        self._files += 1
        array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        reserve(path)
        array[:] = np.nan
        return array


def open_features(folder: Path) -> tuple[Features, ...]:
    """The features that a `FeatureWriter` wrote to `folder`, memory-mapped.

    Raises:
        FileNotFoundError: the folder has no index, so its content is incomplete.
    """
    index = read_json(folder / INDEX)
    storage.fetch(folder / Path(entry["file"]).name for entry in index["arrays"])
    features = []
    for entry in index["arrays"]:
        values = np.load(folder / Path(entry["file"]).name, mmap_mode="r", allow_pickle=False)
        features.append(
            Features(
                station=index["station"],
                encoder=entry["encoder"],
                layer=entry["layer"],
                position=entry["position"],
                values=values,
                # All values of a row are NaN, or none is.
                valid=~np.isnan(values[:, 0]),
            )
        )
    return tuple(features)


@dataclass(frozen=True, eq=False)
class FeaturePart:
    """Features of the prompts in one batch of images."""

    prompt_ids: tuple[str, ...]
    arrays: dict[Key, np.ndarray]
    """Key -> ``(r, d)``; rows of NaN where a prompt has no such position."""


def write_part(path: Path, part: FeaturePart) -> None:
    """Write `part` atomically as an ``.npz`` file; equal parts give equal bytes."""
    arrays: dict[str, np.ndarray] = {
        "prompt_ids": np.array(part.prompt_ids, dtype=np.str_),
        "keys": np.array(json.dumps(list(part.arrays))),
    }
    for number, values in enumerate(part.arrays.values()):
        fits = not (np.abs(values) > LARGEST_HALF).any()
        arrays[f"{number:04}"] = values.astype(np.float16 if fits else np.float32)
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_part(path: Path) -> FeaturePart:
    """Read what `write_part` wrote."""
    storage.fetch([path])
    return part_of(path.read_bytes())


def part_of(content: bytes) -> FeaturePart:
    """As `read_part`, of the bytes of the file."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        ids = tuple(str(each) for each in archive["prompt_ids"])
        keys = json.loads(str(archive["keys"]))
        arrays = {tuple(key): archive[f"{number:04}"] for number, key in enumerate(keys)}
    return FeaturePart(ids, arrays)


def join_parts(parts: Sequence[FeaturePart]) -> FeaturePart:
    """Join parts to one, row after row; NaN where a part lacks a key."""
    keys = dict.fromkeys(key for part in parts for key in part.arrays)
    arrays = {}
    for key in keys:
        width = next(part.arrays[key].shape[1] for part in parts if key in part.arrays)
        nothing = [np.full((len(part.prompt_ids), width), np.nan) for part in parts]
        rows = [part.arrays.get(key, none) for part, none in zip(parts, nothing, strict=True)]
        arrays[key] = np.concatenate(rows).astype(np.float32)
    return FeaturePart(tuple(each for part in parts for each in part.prompt_ids), arrays)


def gather_parts(
    parts: Iterable[FeaturePart], prompt_ids: Sequence[str], *, folder: Path | None = None
) -> tuple[Features, ...]:
    """The denoiser's features of a whole suite from those of its batches.

    Args:
        parts: of all batches, in any order; read one at a time.
        prompt_ids: ids of the suite's prompts; rows are in this order.
        folder: the folder to write the result to; None keeps it in memory.
    """
    row_of = {prompt_id: row for row, prompt_id in enumerate(prompt_ids)}
    writer = FeatureWriter("denoiser", len(row_of), folder=folder)
    for part in parts:
        rows = [row_of[prompt_id] for prompt_id in part.prompt_ids]
        for key, values in part.arrays.items():
            writer.put(key, rows, values)
    return writer.close()
