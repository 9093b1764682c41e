"""The command ``t2i-audit prompts check``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from t2i_audit.cli import options
from t2i_audit.cli.prompts import streams

if TYPE_CHECKING:
    from prompts.analysis.check import JudgeFindings
    from prompts.structure import Prompt


def check(
    file: streams.File,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="Report prompts that it truncates."),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            "--judge",
            metavar="clip|oracle|...",
            help="Report prompts that this judge of images cannot judge, and why.",
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Check a file: structure, duplicates, missing foils, split, length; exit code 1 for faults."""
    from prompts.analysis.check import check_prompts

    tokenizers = streams.tokenizers_of(model)
    header, prompts = streams.read_file(file)
    windows = tuple(tokenizers.values())
    if judge is None:
        findings = check_prompts(prompts, header, windows=windows)
    else:
        every = tuple(prompts)  # a judge tokenizes the whole suite at once
        findings = check_prompts(every, header, windows=windows)
        findings.judge = _judged(judge, every)
    if as_json:
        streams.print_json(findings)
    else:
        for line in findings.lines():
            streams.print_message(line)
    if findings.n_faults:
        raise typer.Exit(1)


def _judged(spec: str, prompts: Sequence[Prompt]) -> JudgeFindings:
    from prompts.analysis.check import JudgeFindings
    from t2i_audit.judges.load import load_reader

    reader = load_reader(spec)
    scope = reader.scope(prompts)
    return JudgeFindings(reader.name, reader.window, scope.by_reason(), scope.cut, scope.remarks)
