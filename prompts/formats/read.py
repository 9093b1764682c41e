"""The formats that prompts are imported from: their names, their options, and one reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from prompts.errors import RequestError
from prompts.formats.notes import Notes

if TYPE_CHECKING:
    from prompts.formats.drafts import Draft
    from prompts.structure import Prompt
    from prompts.vocabulary import Vocabulary

Format = Literal[
    "text", "csv", "tsv", "jsonl", "json", "datasets", "geneval", "geneval2", "compbench", "dsg",
    "dpg", "tiif", "parti", "drawbench",
]  # fmt: skip
Drafts = Iterable["Draft | Prompt"]

_TABLES: tuple[Format, ...] = ("csv", "tsv", "jsonl", "json", "datasets")
_FORMATS_OF_OPTION: dict[str, tuple[Format, ...]] = {
    "text_column": (*_TABLES, "tiif", "parti", "drawbench"),
    "type_column": (*_TABLES, "parti", "drawbench"),
    "id_column": (*_TABLES, "parti", "drawbench"),
    "dataset_split": ("datasets",),
    "encoding": tuple(name for name in get_args(Format) if name != "datasets"),
    "delimiter": ("csv",),
}


@dataclass(frozen=True)
class ImportOptions:
    """What a user specifies about a file; None where it is detected."""

    text_column: str | None = None
    type_column: str | None = None
    id_column: str | None = None
    dataset_split: str | None = None
    encoding: str | None = None
    delimiter: str | None = None

    def check(self, format_: Format) -> None:
        """Raise `RequestError` for an option that the format does not have, or a bad value."""
        for name, formats in _FORMATS_OF_OPTION.items():
            if getattr(self, name) is not None and format_ not in formats:
                raise RequestError(
                    f"--{name.replace('_', '-')} does not apply to {format_}, only to "
                    f"{', '.join(formats)}; leave it out"
                )
        given = self.delimiter
        if given is not None and (len(given) != 1 or given in '"\r\n'):
            raise RequestError(
                f"--delimiter should be the one character between cells, not {given!r}"
            )


def read(
    format_: Format,
    path: str,
    *,
    load: Callable[[], tuple[bytes, str]],
    options: ImportOptions,
    notes: Notes,
) -> tuple[Drafts, dict[str, Vocabulary]]:
    """The prompts of a file or folder, and the vocabularies for their foils.

    Args:
        format_: the format of the file.
        path: the file, folder, or name on the hub; the name of a T2I-CompBench file says what its
            prompts test.
        load: returns the bytes of the file and its name for messages; not called for folders.
        options: what the user specifies.
        notes: receives what was detected, changed and left out.

    Raises:
        SuiteFormatError: the file is faulty; raised here, or when the prompts are iterated over.
    """
    from prompts.formats import dsg, read_dataset
    from prompts.formats.decode import decode
    from prompts.formats.rows import ColumnNames

    if format_ == "datasets":
        names = ColumnNames(options.text_column, options.type_column, options.id_column)
        split = options.dataset_split
        return read_dataset.read_dataset(path, split=split, names=names, notes=notes), {}
    if format_ == "dpg" and Path(path).is_dir():
        return dsg.read_dpg(Path(path), encoding=options.encoding, notes=notes), {}
    data, source = load()
    text = decode(data, source=source, notes=notes, encoding=options.encoding)
    if format_ in ("geneval", "geneval2", "compbench"):
        return _read_with_vocabularies(format_, path, text, source=source, notes=notes)
    return _read_without_vocabularies(format_, text, options, source=source, notes=notes), {}


def _read_with_vocabularies(
    format_: Format, path: str, text: str, *, source: str, notes: Notes
) -> tuple[Drafts, dict[str, Vocabulary]]:
    """Formats whose words exclude one another in a known way, so that foils can be made."""
    from prompts.formats import compbench, compbench_words, geneval, geneval2
    from prompts.formats.decode import lines_of

    if format_ == "geneval":
        drafts = list(geneval.read_geneval(lines_of(text), source=source, notes=notes))
        return drafts, geneval.geneval_vocabularies(drafts)
    if format_ == "geneval2":
        drafts = list(geneval2.read_geneval2(text, source=source, notes=notes))
        return drafts, geneval2.geneval2_vocabularies(drafts)
    kind, split = compbench.kind_of(path), compbench.split_of(path)
    drafts = list(
        compbench.read_compbench(lines_of(text), kind, source=source, split=split, notes=notes)
    )
    return drafts, compbench_words.compbench_vocabularies(drafts, kind)


def _read_without_vocabularies(
    format_: Format, text: str, options: ImportOptions, *, source: str, notes: Notes
) -> Drafts:
    from prompts.formats import dsg, json_rows, plain, tiif
    from prompts.formats.decode import lines_of
    from prompts.formats.rows import ColumnNames

    names = ColumnNames(options.text_column, options.type_column, options.id_column)
    if format_ in ("dsg", "dpg"):
        return dsg.read_dsg(text, source=source, notes=notes)
    if format_ == "tiif":
        return tiif.read_tiif(text, source=source, text_column=options.text_column, notes=notes)
    if format_ in ("json", "jsonl"):
        return json_rows.read_json(text, source=source, names=names, notes=notes)
    if format_ == "text":
        return plain.read_text(lines_of(text), source=source, notes=notes)
    delimiter = options.delimiter
    if format_ == "tsv":
        delimiter = "\t"
    elif format_ == "parti":
        names = ColumnNames(names.text or "Prompt", names.type or "Category", names.id)
    elif format_ == "drawbench":
        names = ColumnNames(names.text or "Prompts", names.type or "Category", names.id)
    return plain.read_csv([text], source=source, names=names, delimiter=delimiter, notes=notes)
