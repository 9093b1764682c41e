"""The images of a run as a Hugging Face dataset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import AuditError, RunDirectoryError
from t2i_audit.results.summary import AGAIN
from t2i_audit.run.images import read_image
from t2i_audit.run.tables import read_rows, table_path

if TYPE_CHECKING:
    import datasets

    from t2i_audit.results.run import Run


def dataset_of(run: Run) -> datasets.Dataset:
    """One row per image of `run`; see `Run.dataset`."""
    from datasets import Dataset

    rows = [{**row, "image": _image(row["image"])} for row in dataset_rows(run)]
    return Dataset.from_list(rows, features=dataset_features())


def _image(path: Path) -> str | dict[str, Any]:
    """What the library takes for an image: the path of its file, or its bytes where it has none."""
    if path.is_file():
        return str(path)
    try:
        return {"bytes": read_image(path), "path": path.name}
    except FileNotFoundError as err:
        raise RunDirectoryError(f"{path} is missing; {AGAIN}") from err
    except OSError as err:
        raise RunDirectoryError(f"{path} cannot be read: {err}; {AGAIN}") from err


def dataset_features() -> datasets.Features:
    """The columns of `dataset_of` and their types."""
    from datasets import Features, Image, Value

    text, number, truth = Value("string"), Value("int32"), Value("bool")
    span = {"slot": text, "kind": text, "value": text, "start": number, "end": number}
    return Features(
        {
            "image": Image(),
            "prompt_id": text,
            "seed": number,
            "prompt": text,
            "type": text,
            "template": text,
            "split": text,
            "constituents": [{**span, "entities": [text]}],
            "foils": [{"text": text, "change": text}],
            "correct": truth,
            "verdicts": [{"judge": text, "correct": truth}],
            "slots": [{"slot": text, "correct": truth}],
            "margin": Value("float64"),
            "chosen": text,
            "flaw": text,
            "cause": text,
        }
    )


def dataset_rows(run: Run) -> Iterator[dict[str, Any]]:
    """The rows of `dataset_of`, with what the image is called in place of it.

    Raises:
        AuditError: the run made no images.
        RunDirectoryError: a table is missing or cannot be read.
    """
    if not run.summary.n_images:
        raise AuditError(f"{run.path} is the run of a probe and made no images")
    prompts, judged, causes = (
        read_rows(table_path(run.path, name), name)
        for name in ("prompts", "judgements", "attributions")
    )
    prompt_of: dict[Any, dict[str, Any]] = {row["prompt_id"]: row for row in prompts}
    cause_of = {row["prompt_id"]: row["cause"] for row in causes}
    verdicts: dict[object, list[dict[str, object]]] = {}
    for row in judged:
        verdict = {"judge": row["judge"], "correct": row["correct"]}
        verdicts.setdefault(row["image"], []).append(verdict)
    for row in judged:
        if row["judge"] != run.summary.judge:
            continue
        prompt = prompt_of[row["prompt_id"]]
        slots: dict[str, bool] = row["slots"]  # type: ignore[assignment]
        yield {
            "image": run.path / str(row["image"]),
            "prompt_id": row["prompt_id"],
            "seed": row["seed"],
            "prompt": prompt["text"],
            "type": prompt["type"],
            "template": prompt["template"],
            "split": prompt["split"],
            "constituents": prompt["constituents"],
            "foils": prompt["foils"],
            "correct": row["correct"],
            "verdicts": verdicts[row["image"]],
            "slots": [{"slot": slot, "correct": right} for slot, right in slots.items()],
            "margin": row["margin"],
            "chosen": row["chosen"],
            "flaw": row["flaw"],
            "cause": cause_of[row["prompt_id"]],
        }
