"""Reading files of labels: ``PATH``, or ``FORMAT:PATH`` for the files of public sets."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prompts.structure import Prompt
from t2i_audit.errors import LabelError
from t2i_audit.io import sha256_of
from t2i_audit.labels import evalmuse, geneval, own, rapidata, skill_aligned
from t2i_audit.labels.label import ImageKey, Labels
from t2i_audit.labels.match import match
from t2i_audit.labels.rows import LabelFile, LeftOut, Row
from t2i_audit.labels.table import Table, read_table


@dataclass(frozen=True)
class Format:
    """A format of labels."""

    source: str
    """Where such files come from."""
    columns: tuple[str, ...]
    """What tells it from the other formats."""
    rule: str
    """How its answers become labels, in a sentence."""
    read: Callable[[Table, Path], tuple[list[Row], list[LeftOut]]]
    optional: tuple[str, ...] = ()
    """Columns that are read where there are any."""


FORMATS: Mapping[str, Format] = {
    "geneval": Format(
        "GenEval's annotations_MODEL.csv", geneval.COLUMNS, geneval.RULE, geneval.read_geneval
    ),
    "skill-aligned": Format(
        "Skill-aligned annotation's tables of yes and no",
        skill_aligned.COLUMNS,
        skill_aligned.RULE,
        skill_aligned.read_skill_aligned,
        skill_aligned.OPTIONAL,
    ),
    "rapidata": Format(
        "Rapidata's rich human feedback",
        rapidata.COLUMNS,
        rapidata.RULE,
        rapidata.read_rapidata,
        rapidata.OPTIONAL,
    ),
    "evalmuse": Format(
        "EvalMuse-40K's train_list.json",
        evalmuse.COLUMNS,
        evalmuse.RULE,
        evalmuse.read_evalmuse,
    ),
}


def read_labels(spec: str, prompts: Sequence[Prompt], images: Sequence[ImageKey]) -> Labels:
    """The labels in the file that `spec` names, of the images of a run.

    Args:
        spec: ``PATH``, or ``FORMAT:PATH`` with one of `FORMATS`.
        prompts: of the run.
        images: of the run.

    Raises:
        LabelError: as `open_labels`, or the file holds no label of these images.
    """
    return match(open_labels(spec), prompts, images)


def open_labels(spec: str) -> LabelFile:
    """Read the file that `spec` names, without a run.

    Raises:
        LabelError: there is no such format or file, the file is not text, is empty, or lacks a
            column, or not a row of it can be used.
    """
    name, path = _parsed(spec)
    format_ = FORMATS.get(name)
    wanted = None if format_ is None else (*format_.columns, *format_.optional)
    table = read_table(path, wanted)
    if format_ is None:
        _refuse_other_formats(table, path)
        rows, left_out = own.read_own(table, path)
    else:
        rows, left_out = format_.read(table, path)
    left_out = [*table.left_out, *left_out]
    if not rows:
        raise LabelError(
            f"not a row of {path} can be used: {left_out[0].where}: {left_out[0].reason}"
        )
    return LabelFile(
        spec,
        sha256_of(path),
        own.RULE if format_ is None else format_.rule,
        tuple(rows),
        tuple(left_out),
    )


def image_keys(rows: Iterable[Mapping[str, Any]]) -> tuple[ImageKey, ...]:
    """The images in rows of the table ``judgements``, each once."""
    return tuple(
        dict.fromkeys(
            ImageKey(row["prompt_id"], row["seed"], (row["image"],), row["image_sha256"])
            for row in rows
        )
    )


def _parsed(spec: str) -> tuple[str, Path]:
    """The format, empty for the program's own, and the file."""
    name, colon, path = spec.partition(":")
    if not spec.strip():
        raise LabelError("labels should name a file; give PATH or FORMAT:PATH")
    if not colon or Path(spec).exists():
        return "", Path(spec)
    if name in FORMATS:
        if not path:
            raise LabelError(f"{spec} names no file; give {name}:PATH")
        return name, Path(path)
    near = difflib.get_close_matches(name.lower(), FORMATS, n=1, cutoff=0.4) or tuple(FORMATS)
    raise LabelError(
        f"there is neither a file {spec} nor a format {name!r} of labels; did you mean "
        f"{' or '.join(near)}?"
    )


def _refuse_other_formats(table: Table, path: Path) -> None:
    if "rater" in table.columns:
        return
    for name, format_ in FORMATS.items():
        if set(format_.columns) <= set(table.columns):
            raise LabelError(f"{path} holds {format_.source}; give {name}:{path}")
