"""Writing prompts as Parquet, and as a dataset folder with a dataset card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from prompts.errors import SuiteFormatError
from prompts.formats.native import Header
from prompts.formats.new_folder import new_folder
from prompts.formats.rows import METADATA, to_row
from prompts.structure import Prompt

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 10_000
PARQUET = "prompts.parquet"
CARD = "README.md"
SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (float("inf"), "n>1M"),
)
"""The size categories of the hub: number of rows below which each applies, and its label."""


def write_parquet(prompts: Iterable[Prompt], path: Path) -> int:
    """Write a Parquet file, a few rows at a time; returns the number of prompts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema()
    count = 0
    stream = iter(prompts)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while rows := [to_row(prompt) for prompt in islice(stream, ROWS_AT_ONCE)]:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            count += len(rows)
    return count


def write_folder(
    prompts: Iterable[Prompt], folder: Path, *, name: str, header: Header | None
) -> int:
    """Write a folder that ``datasets.load_dataset`` reads: a Parquet file and a dataset card.

    The folder appears once it is complete.

    Raises `SuiteFormatError` if it exists already.
    """
    if folder.exists():
        raise SuiteFormatError(f"{folder} already exists; name a new folder")
    with new_folder(folder) as temporary:
        types: Counter[str] = Counter()
        count = write_parquet(_counted(prompts, types), temporary / PARQUET)
        card = dataset_card(name, types, header=header)
        (temporary / CARD).write_text(card, encoding="utf-8")
    return count


def _counted(prompts: Iterable[Prompt], types: Counter[str]) -> Iterator[Prompt]:
    for prompt in prompts:
        types[prompt.type] += 1
        yield prompt


def dataset_card(name: str, types: Counter[str], *, header: Header | None) -> str:
    """A Hugging Face dataset card: content, number and origin of the rows."""
    from huggingface_hub import DatasetCardData

    count = sum(types.values())
    # The library quotes what YAML would misread, so that a name cannot add fields to the card.
    data = DatasetCardData(
        pretty_name=name,
        license=(header.licence if header else "").lower() or "unknown",
        language="en",
        task_categories=["text-to-image"],
        size_categories=[size_category(count)],
        configs=[{"config_name": "default", "data_files": PARQUET}],
    )
    rows = "\n".join(f"| {cell(kind)} | {number:,} |" for kind, number in sorted(types.items()))
    origin = f"\nSource: {line(header.source)}." if header and header.source else ""
    seed = f" Seed: {header.seed}." if header and header.seed is not None else ""
    return f"""---
{data.to_yaml()}
---
# {line(name)}

{count:,} prompts that test whether text-to-image models compose, each with its
structure.{origin}{seed}

| prompt type | prompts |
|---|---|
{rows}

| column | content |
|---|---|
| `text` | the prompt |
| `type`, `template` | prompt type and wording |
| `split` | `seen` or `held_out`, if compositions are withheld |
| `constituents` | slot, kind, value, character span (`start`, `end`) and entities of each part |
| `foils` | minimally changed prompts that are false whenever the prompt is true, and the change |
| `metadata` | other columns of the source as JSON, or null |
"""


def size_category(count: int) -> str:
    """The hub's category of a dataset of `count` rows."""
    return next(label for limit, label in SIZES if count < limit)


def line(text: str) -> str:
    """`text` on a single line of Markdown."""
    return " ".join(text.split())


def cell(text: str) -> str:
    """`text` as a cell of a Markdown table."""
    return line(text).replace("|", "\\|")


def _schema() -> pa.Schema:
    import pyarrow as pa

    constituent = pa.struct(
        [
            ("slot", pa.string()),
            ("kind", pa.string()),
            ("value", pa.string()),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("entities", pa.list_(pa.string())),
        ]
    )
    foil = pa.struct([("text", pa.string()), ("change", pa.string())])
    texts = [(name, pa.string()) for name in ("id", "text", "type", "template", "split")]
    return pa.schema(
        [
            *texts,
            ("constituents", pa.list_(constituent)),
            ("foils", pa.list_(foil)),
            (METADATA, pa.string()),
        ]
    )
