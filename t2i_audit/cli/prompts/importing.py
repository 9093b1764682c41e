"""The command ``t2i-audit prompts import``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from prompts.formats.read import Format, ImportOptions
from t2i_audit.cli import options
from t2i_audit.cli.prompts import streams
from t2i_audit.cli.prompts.outputs import check_output

if TYPE_CHECKING:
    from prompts.formats.drafts import ImportTally

Duplicates = Literal["drop", "keep", "refuse"]


def import_prompts(
    format_: Annotated[
        Format, typer.Argument(metavar="FORMAT", help="What PATH holds; see above.")
    ],
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
    id_column: Annotated[
        str | None,
        typer.Option(
            "--id-column", metavar="NAME", help="Column of the id; id, prompt_id, item_id if any."
        ),
    ] = None,
    dataset_split: Annotated[
        str | None, typer.Option("--dataset-split", metavar="NAME", help="Split of a dataset.")
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option("--encoding", metavar="NAME", help="Encoding; detected if not named."),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(
            "--delimiter", metavar="CHAR", help="Between the cells of a CSV; detected if not given."
        ),
    ] = None,
    duplicates: Annotated[
        Duplicates, typer.Option("--duplicates", help="What to do with texts that recur.")
    ] = "drop",
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Decides the foils.")] = 0,
    as_json: options.AsJson = False,
) -> None:
    """Take in prompts of another format, with their structure where the format or text has it.

    Ids and other columns of the source are kept. What was changed on the way in is told and
    counted.

    \b
    text       a prompt a line
    csv, tsv   a table with a header; the delimiter of a csv is detected
    jsonl, json   objects with a column of text, or texts
    datasets   a Parquet file, a folder of Parquet, JSON Lines or CSV, a hub id
    geneval    evaluation_metadata.jsonl, with its structure
    geneval2   geneval2_data.jsonl, with its atoms
    compbench  T2I-CompBench's files; _val_seen and _val_unseen become a split
    dsg        DSG's CSV of tuples and questions
    dpg        DPG-Bench's folder of text files, or its CSV
    tiif       TIIF-Bench's JSON Lines
    parti      PartiPrompts.tsv
    drawbench  DrawBench's CSV
    """
    from prompts.formats.drafts import ImportTally, finish
    from prompts.formats.native import Header, dump_header, dump_prompt
    from prompts.formats.notes import Notes
    from prompts.formats.read import read

    given = ImportOptions(text_column, type_column, id_column, dataset_split, encoding, delimiter)
    given.check(format_)
    check_output(output, paths)
    tallies = {path: ImportTally() for path in paths}
    known: dict[int, int] = {}
    ids: set[str] = set()

    def lines() -> Iterator[str]:
        names = ", ".join(Path(path).name for path in paths)
        # A file's name may hold bytes that are no text.
        yield dump_header(Header(source=streams.writable(f"{format_}: {names}"), seed=seed))
        for path, tally in tallies.items():
            notes = Notes()
            drafts, vocabularies = read(
                format_,
                path,
                load=lambda path=path: streams.input_bytes(path),  # type: ignore[misc]
                options=given,
                notes=notes,
            )
            for prompt in finish(
                drafts,
                tally,
                vocabularies=vocabularies,
                duplicates=duplicates,
                seed=seed,
                known=known,
                ids=ids,
                notes=notes,
            ):
                yield dump_prompt(prompt)
            tally.notes = notes.lines()

    streams.write_lines(output, lines())
    if as_json:
        streams.print_json({"output": output, "files": tallies}, output=output)
        return
    for path, tally in tallies.items():
        streams.say(_sentence(path, tally, duplicates), output=output)
        for note in tally.notes:
            streams.say(f"{path}: note: {note}", output=output)


def _sentence(path: str, tally: ImportTally, duplicates: Duplicates) -> str:
    kept = tally.structured + tally.text_only
    doubles = {"drop": "dropped", "keep": "kept", "refuse": "found"}[duplicates]
    return (
        f"{path}: structure for {tally.parsed:,} of {tally.rows:,} rows "
        f"({tally.share_parsed:.1%}); {tally.duplicates:,} duplicates {doubles}; "
        f"{kept:,} prompts, {tally.text_only:,} of them text only"
    )
