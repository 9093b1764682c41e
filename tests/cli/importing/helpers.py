"""What the tests of imports share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prompts.structure import Prompt

CASES = Path(__file__).parents[4] / "shared" / "cases"


def texts(prompts: tuple[Prompt, ...]) -> list[str]:
    """The texts of the prompts."""
    return [prompt.text for prompt in prompts]


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
