"""A run in GenEval's layout, with a results file in the form of its evaluator.

A folder for each prompt holds its metadata, ``00000/metadata.jsonl``, and its images,
``00000/samples/0000.png``; ``results.jsonl`` holds a row for each verdict (djghosh13/geneval,
``evaluation/evaluate_images.py``, which writes such a file, and ``summary_scores.py``, which reads
it). Every image is a PNG: that evaluator looks at no other.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prompts.formats.geneval import facts_of
from prompts.formats.new_folder import new_folder
from t2i_audit.errors import AuditError
from t2i_audit.export.images import image_bytes
from t2i_audit.images.decode import decode, quiet_pillow
from t2i_audit.images.geneval import METADATA, SAMPLES
from t2i_audit.printable import counted
from t2i_audit.reporter import Reporter
from t2i_audit.results.run import Run
from t2i_audit.results.run_prompts import prompts_of
from t2i_audit.results.verdict_rows import Row, primary_rows

RESULTS = "results.jsonl"
PNG = ".png"


@dataclass(frozen=True)
class Written:
    """What was written, and what GenEval has no place for."""

    images: int
    undecided: int
    """Those of them that have no row in the results file, as their verdict is undecided."""
    left_out: int
    """Images of prompts that GenEval's metadata cannot express."""

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each count that is not 0."""
        notes = []
        if self.left_out:
            notes.append(
                f"{counted(self.left_out, 'image')} left out: GenEval's metadata cannot express "
                "the prompt"
            )
        if self.undecided:
            notes.append(
                f"{counted(self.undecided, 'image')} without a verdict, and so without a row in "
                f"{RESULTS}"
            )
        return tuple(notes)


def write_geneval(run: Run, folder: Path, reporter: Reporter) -> Written:
    """Write the images of `run` and the verdicts on them as a new `folder`.

    Args:
        run: with images.
        folder: absent or empty; it appears once it is complete.
        reporter: receives the progress.

    Raises:
        AuditError: GenEval's metadata can express none of the prompts.
        RunDirectoryError: an image is missing or was changed.
    """
    facts: dict[str, tuple[str, str]] = {}
    for index, prompt in enumerate(prompts_of(run.path)):
        metadata = facts_of(prompt)
        if metadata is not None:
            # The evaluator passes over fields that it does not know. With the id, the folder is
            # judged again as the same prompts.
            text = json.dumps({**metadata, "id": prompt.id}, ensure_ascii=False)
            facts[prompt.id] = f"{index:05d}", text
    rows = primary_rows(run)
    own = [row for row in rows if row["prompt_id"] in facts]
    if not own:
        raise AuditError(
            f"GenEval's metadata (objects, colours, counts and one position) can express none of "
            f"the prompts of {run.path}; give --to datasets"
        )
    results: list[str] = []
    with new_folder(folder) as temporary, reporter.stage("images", len(own)) as advance:
        for row in own:
            number, text = facts[row["prompt_id"]]
            name = f"{number}/{SAMPLES}/{row['seed']:04d}{PNG}"
            path = temporary / name
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True)
                (temporary / number / METADATA).write_text(f"{text}\n", encoding="utf-8")
            path.write_bytes(_as_png(run, row))
            if row["correct"] is not None:
                results.append(json.dumps(_result(name, row, text)))
            advance(1)
        (temporary / RESULTS).write_text("".join(f"{line}\n" for line in results), encoding="utf-8")
    return Written(len(own), len(own) - len(results), len(rows) - len(own))


def _as_png(run: Run, row: Row) -> bytes:
    """The image of `row`: its file if that is a PNG, and else a PNG with what the judge saw."""
    from PIL import Image

    content = image_bytes(run, row["image"], row["image_sha256"])
    if Path(row["image"]).suffix == PNG:
        return content
    with quiet_pillow():
        pixels = decode(content).pixels
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def _result(name: str, row: Row, metadata: str) -> dict[str, Any]:
    facts = json.loads(metadata)
    return {
        "filename": name,
        "tag": facts["tag"],
        "prompt": facts["prompt"],
        "correct": row["correct"],
        "reason": "" if row["correct"] else _reason(row),
        "metadata": metadata,
        # The boxes by class of the evaluator's detector, which a run does not hold.
        "details": "{}",
    }


def _reason(row: Row) -> str:
    """Which slots are wrong, and what the judge read in the image."""
    wrong = [f"wrong {slot}" for slot, right in row["slots"].items() if right is False]
    read = [f"{row['judge']} read: {row['chosen']}"] if row["chosen"] else []
    return "\n".join([*wrong, *read])
