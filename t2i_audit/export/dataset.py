"""A run as a dataset of the library ``datasets``: Parquet files with the images, and a card.

The files are named as the hub names those that it makes itself, so that its viewer shows the images
and ``datasets.load_dataset`` reads the folder, with or without the hub.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompts.formats.new_folder import new_folder
from prompts.formats.write_dataset import CARD, cell, line, size_category
from t2i_audit.export.images import image_bytes
from t2i_audit.export.model_index import model_name
from t2i_audit.printable import counted, printable
from t2i_audit.reporter import Reporter
from t2i_audit.results.dataset import dataset_features, dataset_rows
from t2i_audit.results.interval import Interval
from t2i_audit.results.run import Run
from t2i_audit.results.verdict_rows import primary_rows
from t2i_audit.run.directory import open_run_files
from t2i_audit.run.images import image_size

if TYPE_CHECKING:
    import pyarrow as pa

# The hub's readers fetch whole files and whole row groups.
FILE_BYTES = 1 << 28  # of images in one file
GROUP_ROWS = 100
GROUP_BYTES = 1 << 26  # of images that are in memory at a time

SPLIT = "test"
IMAGES = "images"


def write_dataset(
    run: Run, folder: Path, reporter: Reporter, *, file_bytes: int = FILE_BYTES
) -> int:
    """Write the images of `run` with their verdicts as a new `folder`; returns how many.

    Args:
        run: with images.
        folder: absent or empty; it appears once it is complete.
        reporter: receives the progress.
        file_bytes: most bytes of images in one file, unless a single image has more.

    Raises:
        AuditError: the run made no images.
        RunDirectoryError: an image is missing or was changed.
    """
    import pyarrow.parquet as pq

    rows = list(dataset_rows(run))
    sha256 = {run.path / row["image"]: row["image_sha256"] for row in primary_rows(run)}
    open_run_files(run.path, IMAGES)  # which tells the sizes of images in a store
    sizes = [image_size(row["image"]) or 0 for row in rows]
    files = _cuts(sizes, most_bytes=file_bytes, most_rows=len(rows))
    schema = dataset_features().arrow_schema
    with new_folder(folder) as temporary, reporter.stage("images", len(rows)) as advance:
        (temporary / "data").mkdir()
        for number, (start, end) in enumerate(files):
            name = f"{SPLIT}-{number:05d}-of-{len(files):05d}.parquet"
            path = temporary / "data" / name
            with pq.ParquetWriter(path, schema, compression="zstd", write_page_index=True) as file:
                groups = _cuts(sizes[start:end], most_bytes=GROUP_BYTES, most_rows=GROUP_ROWS)
                for first, last in groups:
                    own = rows[start + first : start + last]
                    file.write_table(_table(run, own, sha256, schema))
                    advance(len(own))
        (temporary / CARD).write_text(dataset_card(run, len(rows)), encoding="utf-8")
    return len(rows)


def _cuts(sizes: Sequence[int], *, most_bytes: int, most_rows: int) -> list[tuple[int, int]]:
    """Start and end of the parts into which rows with images of these `sizes` are cut."""
    cuts: list[tuple[int, int]] = []
    start, held = 0, 0
    for row, size in enumerate(sizes):
        if row > start and (held + size > most_bytes or row - start == most_rows):
            cuts.append((start, row))
            start, held = row, 0
        held += size
    return [*cuts, (start, len(sizes))]


def _table(
    run: Run, rows: Sequence[dict[str, Any]], sha256: dict[Path, str], schema: pa.Schema
) -> pa.Table:
    """`rows` with the images themselves."""
    import pyarrow as pa

    def embedded() -> Iterator[dict[str, Any]]:
        for row in rows:
            path: Path = row["image"]
            content = image_bytes(run, path.relative_to(run.path).as_posix(), sha256[path])
            yield {**row, "image": {"bytes": content, "path": path.name}}

    return pa.Table.from_pylist(list(embedded()), schema=schema)


def dataset_card(run: Run, count: int) -> str:
    """A dataset card: what the rows are, and the success that they amount to."""
    from huggingface_hub import DatasetCardData

    summary = run.summary
    texts = model_name(summary.model), summary.suite, summary.judge or ""
    model, suite, judge = (line(printable(text)) for text in texts)
    version = line(run.manifest.versions.get("t2i-audit", ""))
    name = f"{suite} images of {model}"
    # The library quotes what YAML would misread, so that a name cannot add fields to the card.
    data = DatasetCardData(
        pretty_name=name,
        task_categories=["text-to-image"],
        size_categories=[size_category(count)],
        tags=["t2i-audit"],
        configs=[
            {
                "config_name": "default",
                "data_files": [{"split": SPLIT, "path": f"data/{SPLIT}-*.parquet"}],
            }
        ],
    )
    assert summary.success is not None
    rates = {"all": summary.success.overall, **summary.success.by_slot, **summary.success.by_split}
    return f"""---
{data.to_yaml()}
---
# {name}

{counted(count, "image")} of the model `{model}` for the prompts of the suite `{suite}`, with the
verdicts of the judge `{judge}`. Written by t2i-audit {version}.

| what is right | share of images, with its 95% interval | images |
|---|---|---|
{_rates(rates)}

| column | content |
|---|---|
| `image` | the image, as the file that was judged |
| `prompt_id`, `seed`, `prompt` | the prompt's id in the suite, the seed's index, the text |
| `type`, `template`, `split` | prompt type, wording, and `seen`, `held_out` or null |
| `constituents` | slot, kind, value, character span (`start`, `end`) and entities of each part |
| `foils` | minimally changed prompts that are false whenever the prompt is true, and the change |
| `correct` | whether the image shows the prompt; null where that is undecided (`flaw` says why) |
| `verdicts` | the same of each judge; all other columns are of the first one |
| `slots` | slot and whether it is right; empty for a judge that does not judge slots |
| `margin`, `chosen` | how clear the verdict was, and what the judge read in the image |
| `cause` | what most of the prompt's wrong images are attributed to; null where it does not fail |
"""


def _rates(rates: dict[str, Interval]) -> str:
    return "\n".join(f"| {cell(name)} | {rate} | {rate.n:,} |" for name, rate in rates.items())
