"""How many images of each prompt are right, read from the tables of finished runs.

A board reads a thousand runs, so only the columns that are needed are read, whole columns at a
time, and what runs share is read once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from t2i_audit.errors import RunDirectoryError
from t2i_audit.results.run import Run
from t2i_audit.results.summary import AGAIN
from t2i_audit.run.tables import read_table, table_path

if TYPE_CHECKING:
    import pyarrow as pa

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PROMPT_COLUMNS = ("prompt_id", "text", "composition", "constituents")
VERDICT_COLUMNS = ("prompt_id", "judge", "correct", "slots")


@dataclass(frozen=True, eq=False)
class BoardPrompts:
    """The `n` prompts of one run or of several."""

    ids: tuple[str, ...]
    keys: tuple[str, ...]
    """What the same prompt has in all runs, of whatever suite: its id and its text."""
    compositions: tuple[str, ...]
    kinds: Mapping[str, NDArray[np.str_]]
    """By slot, the kind of the constituent that fills it, ``(n,)``; empty where none does."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """The verdicts of one judge on one run; arrays are ``(n,)``, over `prompts`."""

    prompts: BoardPrompts
    right: FloatArray
    """Images that are right."""
    judged: FloatArray
    """Images with a verdict."""
    by_kind: Mapping[str, tuple[FloatArray, FloatArray]]
    """The same two of the slots of each kind of constituent, summed over the images."""


@dataclass
class OutcomeReader:
    """Reads runs one by one and keeps the prompts that several of them have."""

    _known: dict[str, BoardPrompts] = field(default_factory=dict)

    def read(self, run: Run) -> Outcomes | None:
        """The outcomes of `run` by its primary judge; None where it has no judge.

        Raises:
            RunDirectoryError: a table cannot be read, or they do not go together.
        """
        if run.summary.judge is None:
            return None
        path = table_path(run.path, "judgements")
        table = read_table(path, "judgements", columns=VERDICT_COLUMNS)
        try:
            return _outcomes(table, self._prompts(run), run.summary.judge)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
            raise RunDirectoryError(
                f"{path} cannot be used (a verdict is not as documented); {AGAIN}"
            ) from err

    def _prompts(self, run: Run) -> BoardPrompts:
        path = table_path(run.path, "prompts")
        # The manifest's checksum is that of the file: `load_run` has compared them.
        known = self._known.get(run.manifest.files[path.name])
        if known is None:
            known = _read_prompts(path)
            self._known[run.manifest.files[path.name]] = known
        return known


def _read_prompts(path: Path) -> BoardPrompts:
    columns = read_table(path, "prompts", columns=PROMPT_COLUMNS).to_pydict()
    ids = tuple(columns["prompt_id"])
    kinds: dict[str, list[str]] = {}
    try:
        for row, text in enumerate(columns["constituents"]):
            for part in json.loads(text):
                kinds.setdefault(part["slot"], [""] * len(ids))[row] = str(part["kind"])
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise RunDirectoryError(
            f"{path} cannot be used (a prompt's structure is not as documented); {AGAIN}"
        ) from err
    return BoardPrompts(
        ids=ids,
        keys=tuple(json.dumps(pair) for pair in zip(ids, columns["text"], strict=True)),
        compositions=tuple(columns["composition"]),
        kinds={slot: np.array(own, dtype=np.str_) for slot, own in kinds.items()},
    )


def _outcomes(table: pa.Table, prompts: BoardPrompts, judge: str) -> Outcomes:
    import pyarrow.compute as pc

    # `correct` is null where the judge is undecided; such an image counts nowhere.
    kept = pc.and_kleene(pc.equal(table["judge"], judge), pc.is_valid(table["correct"]))
    table = table.filter(kept)
    n = len(prompts.ids)
    place = {name: row for row, name in enumerate(prompts.ids)}
    names, of_name = _coded(table["prompt_id"])
    rows = np.array([place[name] for name in names], dtype=np.int64)[of_name]
    correct = table["correct"].to_numpy().astype(np.float64)
    texts, of_text = _coded(table["slots"])
    verdicts = [json.loads(text) for text in texts]
    by_kind: dict[str, tuple[FloatArray, FloatArray]] = {}
    for slot, kind_of in prompts.kinds.items():
        right = np.array([_as_number(each.get(slot)) for each in verdicts])[of_text]
        kinds = kind_of[rows]
        for kind in np.unique(kinds[~np.isnan(right)]):
            own = (kinds == kind) & ~np.isnan(right)
            sums = by_kind.setdefault(str(kind), (np.zeros(n), np.zeros(n)))
            sums[0][:] += np.bincount(rows[own], right[own], minlength=n)
            sums[1][:] += np.bincount(rows[own], minlength=n)
    by_kind.pop("", None)
    return Outcomes(
        prompts,
        right=np.bincount(rows, correct, minlength=n).astype(np.float64),
        judged=np.bincount(rows, minlength=n).astype(np.float64),
        by_kind=by_kind,
    )


def _coded(column: pa.ChunkedArray) -> tuple[list[str], IntArray]:
    """The different values of a column, and the index among them of each row."""
    coded = column.combine_chunks().dictionary_encode()
    return coded.dictionary.to_pylist(), coded.indices.to_numpy().astype(np.int64)


def _as_number(verdict: Any) -> float:
    return np.nan if verdict is None else float(bool(verdict))
