"""The command ``t2i-audit prompts filter``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from t2i_audit.cli import options
from t2i_audit.cli.prompts import streams
from t2i_audit.cli.prompts.outputs import check_output
from t2i_audit.errors import SuiteError

Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="FIELD=VALUE",
        help="Select prompts that meet the condition; several conditions must all hold. FIELD is a "
        "slot or kind, or id, text, type, template, split, foil, slot, kind, words, entities, "
        "constituents, foils. Other operators are !=, <, <=, >, >= and ~ (contains); a|b means "
        "either value, FIELD alone any value, and !FIELD none.",
    ),
]


def filter_prompts(
    file: streams.File,
    output: streams.Output,
    where: Where = None,
    sample: Annotated[
        int | None,
        typer.Option("--sample", metavar="N", help="Draw a random sample of N prompts."),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", metavar="FIELD", help="Balance the sample over the values of FIELD."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="S", help="Random seed of the sample. [default: 0]"),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Select prompts of a suite; they keep their order and their ids."""
    from prompts.formats.native import dump_header
    from prompts.selection.conditions import parse_condition
    from prompts.selection.subset import Sample, choose

    if not where and sample is None:
        raise SuiteError("give --where or --sample, or both; otherwise there is nothing to select")
    if sample is None and (by or seed is not None):
        raise SuiteError("--by and --seed apply to samples; give --sample N as well")
    check_output(output, [streams.path_of(file)])
    conditions = [parse_condition(text) for text in where or ()]
    wanted = None if sample is None else Sample(sample, tuple(by or ()), seed or 0)
    source = streams.STDIN if file == streams.STREAM else Path(streams.path_of(file)).name
    header, prompts = streams.read_file(file)
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n") as spool:
        subset, chosen = choose(prompts, header, conditions, wanted, spool, source=source)

        def lines() -> Iterator[str]:
            yield dump_header(subset.header)
            yield from chosen

        streams.write_lines(output, lines())
    if as_json:
        streams.print_json({"output": output, **vars(subset)}, output=output)
        return
    streams.print_message(f"{subset.kept:,} of {subset.read:,} prompts kept", output=output)
    for name, sample_of in subset.groups.items():
        if by:
            streams.print_message(
                f"  {name}: {sample_of.taken:,} of {sample_of.prompts:,}", output=output
            )
    for note in subset.notes:
        streams.print_message(f"note: {note}", output=output)
