"""A suite as settings name it: by its name, or by the path of a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prompts.suite import Suite


@contextmanager
def suite_file(suite: str | Path | Suite) -> Iterator[str]:
    """The name or path of `suite`; one in memory is written to a file while the block runs."""
    if isinstance(suite, str | Path):
        yield str(suite)
        return
    from prompts.suite import dump_prompts

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{suite.name}.jsonl"
        path.write_text(dump_prompts(suite.prompts), encoding="utf-8")
        yield str(path)
