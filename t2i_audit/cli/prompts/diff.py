"""The command ``t2i-audit prompts diff``."""

from __future__ import annotations

from typing import Annotated

import typer

from t2i_audit.cli import options
from t2i_audit.cli.prompts import streams


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="The name of a suite, a file, or -.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The suite to compare with.")],
    as_json: options.AsJson = False,
) -> None:
    """Compare the texts and structure of two files; exit code 1 if they differ."""
    from prompts.analysis.compare import compare
    from prompts.suite import Suite

    own, other = streams.read_all(first)[1], streams.read_all(second)[1]
    difference = compare(own, other)
    if as_json:
        hashes = [Suite("", prompts).sha256 for prompts in (own, other)]
        streams.print_json({"difference": difference, "sha256": hashes})
    else:
        for text in difference.only_first:
            streams.print_message(f"- {text}")
        for text in difference.only_second:
            streams.print_message(f"+ {text}")
        for text, fields in difference.changed:
            streams.print_message(f"~ {text} ({', '.join(fields)})")
        streams.print_message(
            f"{difference.same:,} the same, {len(difference.changed):,} changed, "
            f"{len(difference.only_first):,} only in {first}, "
            f"{len(difference.only_second):,} only in {second}"
        )
    if not difference.is_empty:
        raise typer.Exit(1)
