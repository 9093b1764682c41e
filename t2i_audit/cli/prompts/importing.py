"""The command ``t2i-audit prompts import``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from prompts.formats.read import Format, ImportOptions
from t2i_audit.cli import options
from t2i_audit.cli.prompts import streams
from t2i_audit.cli.prompts.outputs import check_output

if TYPE_CHECKING:
    from prompts.formats.drafts import ImportTally

DuplicatesOption = Annotated[
    Literal["drop", "keep", "refuse"],
    typer.Option("--duplicates", help="What to do with texts that occur more than once."),
]
FormatArgument = Annotated[
    Format, typer.Argument(metavar="FORMAT", help="Format of the files, as listed above.")
]
Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...",
        help="Files, a dataset's folder or hub id, or - for standard input.",
    ),
]
TextColumn = Annotated[
    str | None,
    typer.Option("--text-column", metavar="NAME", help="Column of the prompts' texts."),
]
TypeColumn = Annotated[
    str | None,
    typer.Option("--type-column", metavar="NAME", help="Column of the prompts' types."),
]
IdColumn = Annotated[
    str | None,
    typer.Option(
        "--id-column",
        metavar="NAME",
        help="Column of the prompts' ids. [default: id, prompt_id or item_id, if there is one]",
    ),
]
DatasetSplit = Annotated[
    str | None,
    typer.Option("--dataset-split", metavar="NAME", help="Split of a dataset to import."),
]
Encoding = Annotated[
    str | None,
    typer.Option("--encoding", metavar="NAME", help="Encoding of the files. [default: detected]"),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        "--delimiter", metavar="CHAR", help="Character between CSV cells. [default: detected]"
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", metavar="S", help="Random seed that decides the foils.")
]


def import_prompts(
    format_: FormatArgument,
    paths: Paths,
    output: streams.Output,
    text_column: TextColumn = None,
    type_column: TypeColumn = None,
    id_column: IdColumn = None,
    dataset_split: DatasetSplit = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    duplicates: DuplicatesOption = "drop",
    seed: Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Import prompts from another format, with structure if the format or the text provides it.

    Ids and other columns of the source are kept. Everything that was changed during the import is
    listed and counted.

    \b
    text       one prompt per line
    csv, tsv   a table with a header; the delimiter of a csv is detected
    jsonl, json   objects with a column of text, or texts
    datasets   a Parquet file, a folder of Parquet, JSON Lines or CSV, or a hub id
    geneval    evaluation_metadata.jsonl, with its structure
    geneval2   geneval2_data.jsonl, with its atoms
    compbench  T2I-CompBench's files; _val_seen and _val_unseen become a split
    dsg        DSG's CSV of tuples and questions
    dpg        DPG-Bench's folder of text files, or its CSV
    tiif       TIIF-Bench's JSON Lines
    parti      PartiPrompts.tsv
    drawbench  DrawBench's CSV
    """
    from prompts.formats.drafts import ImportTally

    given = ImportOptions(text_column, type_column, id_column, dataset_split, encoding, delimiter)
    given.check(format_)
    check_output(output, paths)
    tallies = {path: ImportTally() for path in paths}
    streams.write_lines(output, _lines(format_, tallies, given, duplicates, seed))
    if as_json:
        streams.print_json({"output": output, "files": tallies}, output=output)
        return
    for path, tally in tallies.items():
        streams.print_message(_summary(path, tally, duplicates), output=output)
        for note in tally.notes:
            streams.print_message(f"{path}: note: {note}", output=output)


def _lines(
    format_: Format,
    tallies: Mapping[str, ImportTally],
    given: ImportOptions,
    duplicates: Literal["drop", "keep", "refuse"],
    seed: int,
) -> Iterator[str]:
    """The lines of the imported suite; fills in the tally of each path."""
    from prompts.formats.drafts import finish
    from prompts.formats.native import Header, dump_header, dump_prompt
    from prompts.formats.notes import Notes
    from prompts.formats.read import read

    known: dict[int, int] = {}
    ids: set[str] = set()
    names = ", ".join(Path(path).name for path in tallies)
    # The name of a file may contain bytes that are not text.
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


def _summary(path: str, tally: ImportTally, duplicates: str) -> str:
    kept = tally.structured + tally.text_only
    treated = {"drop": "dropped", "keep": "kept", "refuse": "found"}[duplicates]
    return (
        f"{path}: structure for {tally.parsed:,} of {tally.rows:,} rows "
        f"({tally.share_parsed:.1%}); {tally.duplicates:,} duplicates {treated}; "
        f"{kept:,} prompts, {tally.text_only:,} of them text only"
    )
