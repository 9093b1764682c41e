"""The command ``t2i-audit prompts check``."""

from __future__ import annotations

from typing import Annotated

import typer

from t2i_audit.cli import options
from t2i_audit.cli.prompts import streams


def check(
    file: streams.File,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="Flag what its tokenizers cannot hold."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Look for faults: structure, doubles, missing foils, the split, length; code 1 if any."""
    from prompts.check import check_prompts

    tokenizers = streams.tokenizers_of(model)
    header, prompts = streams.read_file(file)
    findings = check_prompts(prompts, header, windows=tuple(tokenizers.values()))
    if as_json:
        streams.print_json(findings)
    else:
        for line in findings.lines():
            streams.say(line)
    if findings.faults:
        raise typer.Exit(1)
