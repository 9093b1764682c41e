"""The command ``t2i-audit prompts export``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from t2i_audit.cli import options
from t2i_audit.cli.prompts import streams
from t2i_audit.cli.prompts.outputs import check_output
from t2i_audit.errors import SuiteError

if TYPE_CHECKING:
    from prompts.structure import Prompt

Target = Literal["geneval", "text", "csv", "pairs", "datasets", "parquet"]


def export(
    file: streams.File,
    to: Annotated[
        Target,
        typer.Option(
            "--to",
            help="datasets: a folder with a dataset card; pairs: a CSV of prompts and foils.",
        ),
    ],
    output: streams.Output,
    as_json: options.AsJson = False,
) -> None:
    """Export prompts to another format; prompts that it cannot express are left out and counted."""
    from prompts.formats import write_dataset
    from t2i_audit.io import atomic_file

    check_output(
        output,
        [streams.path_of(file)],
        is_folder=to == "datasets",
        is_text=to not in ("datasets", "parquet"),
    )
    header, prompts = streams.read_file(file)
    counts = {"written": 0, "left_out": 0}
    if to in ("datasets", "parquet"):
        if output == streams.STREAM:
            raise SuiteError(f"--to {to} cannot be written to standard output; name a file with -o")
        path = Path(output)
        if to == "datasets":
            counts["written"] = write_dataset.write_folder(
                prompts, path, name=path.name, header=header
            )
        else:
            with atomic_file(path) as temporary:
                counts["written"] = write_dataset.write_parquet(prompts, temporary)
    else:
        streams.write_lines(output, _lines(prompts, to, counts))
    if as_json:
        streams.print_json({"output": output, **counts}, output=output)
        return
    left = f"; {counts['left_out']:,} cannot be expressed in {to}" if counts["left_out"] else ""
    streams.print_message(f"{counts['written']:,} prompts written{left}", output=output)


def _lines(prompts: Iterable[Prompt], to: Target, counts: dict[str, int]) -> Iterator[str]:
    from prompts.formats import geneval, plain

    def counted() -> Iterator[Prompt]:
        for prompt in prompts:
            counts["written"] += 1
            yield prompt

    if to == "text":
        yield from plain.write_text(counted())
    elif to == "csv":
        yield from plain.write_csv(counted())
    elif to == "pairs":
        yield from plain.write_pairs(counted())
    else:
        for line in geneval.write_geneval(counted()):
            if line is None:
                counts["written"] -= 1
                counts["left_out"] += 1
            else:
                yield line
