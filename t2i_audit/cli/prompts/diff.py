"""The command ``t2i-audit prompts diff``."""

from __future__ import annotations

from typing import Annotated

import typer

from t2i_audit.cli import options
from t2i_audit.cli.prompts import streams


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A suite's name, file, or -.")],
    second: Annotated[str, typer.Argument(metavar="B", help="What it is compared with.")],
    as_json: options.AsJson = False,
) -> None:
    """Compare two files by their prompts' texts and structure; exit code 1 where they differ."""
    from prompts.analysis.compare import compare
    from prompts.suites import Suite

    own, other = streams.read_all(first)[1], streams.read_all(second)[1]
    difference = compare(own, other)
    if as_json:
        hashes = [Suite("", prompts).sha256 for prompts in (own, other)]
        streams.print_json({"difference": difference, "sha256": hashes})
    else:
        for text in difference.only_first:
            streams.say(f"- {text}")
        for text in difference.only_second:
            streams.say(f"+ {text}")
        for text, fields in difference.changed:
            streams.say(f"~ {text} ({', '.join(fields)})")
        streams.say(
            f"{difference.same:,} the same, {len(difference.changed):,} changed, "
            f"{len(difference.only_first):,} only in {first}, "
            f"{len(difference.only_second):,} only in {second}"
        )
    if not difference.is_empty:
        raise typer.Exit(1)
