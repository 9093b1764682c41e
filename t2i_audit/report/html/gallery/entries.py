"""What the gallery says of each prompt and each image, from a run's tables.

The names and the order of the fields are those of the JSON in the page, see
`t2i_audit.report.html.gallery.data`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prompts.structure import Constituent, Prompt
from t2i_audit.report.causes import DETAILS, NAMES
from t2i_audit.results.run import Run
from t2i_audit.results.run_prompts import prompts_of
from t2i_audit.run.tables import read_rows, table_path

STATIONS = ("text_encoder", "denoiser")
MARKS: dict[bool | None, str] = {True: "+", False: "-", None: "?"}
NOT_JUDGED = "."
# What the gallery needs of a verdict.
SHOWN = (
    "prompt_id", "seed", "image", "image_sha256", "judge", "correct", "margin", "chosen", "slots",
    "flaw",
)  # fmt: skip
DIGITS = 6  # of a margin or a probability, significant

Part = tuple[str, str, int, int, tuple[float | None, ...]]


@dataclass(frozen=True)
class GalleryPrompt:
    """A prompt of the gallery."""

    id: str
    text: str
    type: str
    split: str | None
    cause: str | None
    """Of the prompt's wrong images, in words; None where none is known."""
    detail: str | None
    parts: tuple[Part, ...]
    """Of each constituent: slot, value, start and end of its words in `text`, counted in code
    points, and at each of `STATIONS` the probability that it is decoded; None where not read."""
    foils: tuple[tuple[str, str], ...]
    """Change and text of each foil."""


@dataclass(frozen=True)
class GalleryImage:
    """An image of the gallery, with the primary judge's verdict."""

    prompt: int
    """Place among the prompts of the run."""
    seed: int
    file: str
    """In the run directory."""
    correct: bool | None
    margin: float | None
    chosen: int | str
    """What the judge chose: the place of a foil, -1 for the prompt, or what the judge read."""
    marks: str
    """A letter for each of the prompt's parts: one of `MARKS`, or `NOT_JUDGED`."""
    flaw: str | None
    others: str
    """A letter of `MARKS` for each of the other judges' verdicts, in their order."""


@dataclass(frozen=True)
class Entries:
    """All that the gallery can show of a run."""

    judges: tuple[str, ...]
    """The primary one first."""
    prompts: tuple[GalleryPrompt, ...]
    """In the suite's order."""
    images: tuple[GalleryImage, ...]
    """By prompt and seed."""
    sha256: tuple[str, ...]
    """Of each image's file when it was judged."""


def entries_of(run: Run) -> Entries:
    """The prompts and the images of `run`.

    Raises:
        RunDirectoryError: a table cannot be read.
    """
    prompts = prompts_of(run.path)
    places = {prompt.id: place for place, prompt in enumerate(prompts)}
    causes = {
        row["prompt_id"]: row
        for row in _rows(run.path, "attributions", ("prompt_id", "cause", "detail"))
    }
    decoded = {
        (row["prompt_id"], row["slot"], row["station"]): _number(row["probability"])
        for row in _rows(run.path, "decodability", ("prompt_id", "slot", "station", "probability"))
    }
    judged = _rows(run.path, "judgements", SHOWN)
    judges = tuple(dict.fromkeys([run.summary.judge or "", *(row["judge"] for row in judged)]))
    verdicts = {
        (row["image"], row["judge"]): row["correct"] for row in judged if row["judge"] != judges[0]
    }
    own = sorted(
        (row for row in judged if row["judge"] == judges[0]),
        key=lambda row: (places[row["prompt_id"]], row["seed"]),
    )
    return Entries(
        judges,
        tuple(_prompt(prompt, causes.get(prompt.id, {}), decoded) for prompt in prompts),
        tuple(
            _image(
                row,
                places[row["prompt_id"]],
                prompts[places[row["prompt_id"]]],
                "".join(MARKS[verdicts.get((row["image"], judge))] for judge in judges[1:]),
            )
            for row in own
        ),
        tuple(row["image_sha256"] for row in own),
    )


def _rows(run: Path, name: Any, columns: Sequence[str]) -> list[dict[str, Any]]:
    return read_rows(table_path(run, name), name, columns=columns)


def _prompt(
    prompt: Prompt,
    cause: Mapping[str, Any],
    decoded: Mapping[tuple[str, str, str], float | None],
) -> GalleryPrompt:
    def part(each: Constituent) -> Part:
        read = tuple(decoded.get((prompt.id, each.slot, station)) for station in STATIONS)
        return each.slot, each.value, each.start, each.end, read

    name, detail = cause.get("cause"), cause.get("detail")
    return GalleryPrompt(
        prompt.id,
        prompt.text,
        prompt.type,
        prompt.split,
        NAMES.get(name, name) if name else None,
        DETAILS.get(detail, detail) if detail else None,
        tuple(map(part, prompt.constituents)),
        tuple((foil.change, foil.text) for foil in prompt.foils),
    )


def _image(row: Mapping[str, Any], place: int, prompt: Prompt, others: str) -> GalleryImage:
    slots: Mapping[str, bool | None] = row["slots"]
    texts = [prompt.text, *(foil.text for foil in prompt.foils)]
    chosen: str = row["chosen"]
    return GalleryImage(
        place,
        row["seed"],
        row["image"],
        row["correct"],
        _number(row["margin"]),
        texts.index(chosen) - 1 if chosen in texts else chosen,
        "".join(
            MARKS[slots[part.slot]] if part.slot in slots else NOT_JUDGED
            for part in prompt.constituents
        ),
        row["flaw"],
        others,
    )


def _number(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
