"""The command ``t2i-audit prompts show``."""

from __future__ import annotations

import random
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from t2i_audit.cli import options
from t2i_audit.cli.prompts import streams
from t2i_audit.errors import SuiteError

if TYPE_CHECKING:
    from prompts.structure import Prompt


def show(
    file: streams.File,
    number: Annotated[
        int, typer.Option("-n", "--number", metavar="N", help="Number of prompts.")
    ] = 5,
    seed: Annotated[
        int, typer.Option("--seed", metavar="S", help="Random seed of the sample.")
    ] = 0,
    as_json: options.AsJson = False,
) -> None:
    """Print a random sample of prompts, with their constituents in colour and their foils."""
    if number < 1:
        raise SuiteError(f"--number should be at least 1, not {number}")
    _, prompts = streams.read_file(file)
    rng = random.Random(seed)
    kept: list[Prompt] = []
    # Reservoir sampling: a stream of any length, each prompt with the same probability.
    for index, prompt in enumerate(prompts):
        if len(kept) < number:
            kept.append(prompt)
        elif (place := rng.randrange(index + 1)) < number:
            kept[place] = prompt
    if as_json:
        streams.print_json([asdict(prompt) for prompt in kept])
        return
    from t2i_audit.report.prompts import print_prompts

    print_prompts(kept)
