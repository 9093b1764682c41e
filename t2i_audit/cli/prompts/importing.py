"""The command ``t2i-audit prompts import``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from t2i_audit.cli import options
from t2i_audit.cli.prompts import streams
from t2i_audit.cli.prompts.outputs import check_output

if TYPE_CHECKING:
    from prompts.formats.imported import Draft, Tally
    from prompts.grammar.vocabulary import Vocabulary
    from prompts.structure import Prompt

Format = Literal["geneval", "compbench", "text", "csv", "datasets"]
Duplicates = Literal["drop", "keep", "refuse"]


def import_prompts(
    format_: Annotated[Format, typer.Argument(metavar="FORMAT", help="What PATH holds.")],
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Files, a dataset's folder or hub id, or -."),
    ],
    output: streams.Output,
    text_column: Annotated[
        str | None, typer.Option("--text-column", metavar="NAME", help="Column of the text.")
    ] = None,
    type_column: Annotated[
        str | None, typer.Option("--type-column", metavar="NAME", help="Column of the type.")
    ] = None,
    dataset_split: Annotated[
        str | None, typer.Option("--dataset-split", metavar="NAME", help="Split of a dataset.")
    ] = None,
    duplicates: Annotated[
        Duplicates, typer.Option("--duplicates", help="What to do with texts that recur.")
    ] = "drop",
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Decides the foils.")] = 0,
    as_json: options.AsJson = False,
) -> None:
    """Take in prompts of another format, with their structure where the format or text has it."""
    from prompts.formats.imported import Tally, finish
    from prompts.formats.native import Header, dump_header, dump_prompt

    check_output(output, paths)
    tallies = {path: Tally() for path in paths}
    known: dict[int, int] = {}

    def lines() -> Iterator[str]:
        names = ", ".join(Path(path).name for path in paths)
        yield dump_header(Header(source=f"{format_}: {names}", seed=seed))
        for path, tally in tallies.items():
            drafts, vocabularies = _read(format_, path, text_column, type_column, dataset_split)
            for prompt in finish(
                drafts,
                tally,
                vocabularies=vocabularies,
                duplicates=duplicates,
                seed=seed,
                known=known,
            ):
                yield dump_prompt(prompt)

    streams.write_lines(output, lines())
    if as_json:
        streams.print_json({"output": output, "files": tallies}, output=output)
        return
    for path, tally in tallies.items():
        streams.say(_sentence(path, tally, duplicates), output=output)


def _read(
    format_: Format,
    path: str,
    text_column: str | None,
    type_column: str | None,
    dataset_split: str | None,
) -> tuple[Iterable[Draft | Prompt], dict[str, Vocabulary]]:
    from prompts.formats import compbench, geneval, hub, plain

    if format_ == "datasets":
        read = hub.read_dataset(
            path, split=dataset_split, text_column=text_column, type_column=type_column
        )
        return read, {}
    lines, source = streams.input_lines(path)
    if format_ == "geneval":
        drafts = list(geneval.read_geneval(lines, source=source))
        return drafts, geneval.geneval_vocabularies(drafts)
    if format_ == "compbench":
        kind = compbench.kind_of(path)
        drafts = list(compbench.read_compbench(lines, kind, source=source))
        return drafts, compbench.compbench_vocabularies(drafts, kind)
    if format_ == "csv":
        rows = plain.read_csv(
            lines, source=source, text_column=text_column, type_column=type_column
        )
        return rows, {}
    return plain.read_text(lines, source=source), {}


def _sentence(path: str, tally: Tally, duplicates: Duplicates) -> str:
    kept = tally.structured + tally.text_only
    doubles = {"drop": "dropped", "keep": "kept", "refuse": "found"}[duplicates]
    return (
        f"{path}: structure for {tally.parsed:,} of {tally.rows:,} rows "
        f"({tally.share_parsed:.1%}); {tally.duplicates:,} duplicates {doubles}; "
        f"{kept:,} prompts, {tally.text_only:,} of them text only"
    )
