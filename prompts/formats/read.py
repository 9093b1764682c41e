"""The formats that prompts come in: one name for each, and how a file of it is read."""

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
_BY_OPTION: dict[str, tuple[Format, ...]] = {
    "text_column": (*_TABLES, "tiif", "parti", "drawbench"),
    "type_column": (*_TABLES, "parti", "drawbench"),
    "id_column": (*_TABLES, "parti", "drawbench"),
    "dataset_split": ("datasets",),
    "encoding": tuple(name for name in get_args(Format) if name != "datasets"),
    "delimiter": ("csv",),
}


@dataclass(frozen=True)
class Options:
    """What a user may say of a file; None where it is to be found out."""

    text_column: str | None = None
    type_column: str | None = None
    id_column: str | None = None
    dataset_split: str | None = None
    encoding: str | None = None
    delimiter: str | None = None

    def check(self, format_: Format) -> None:
        """Raise `RequestError` for what the format has no use for, or cannot be."""
        for name, formats in _BY_OPTION.items():
            if getattr(self, name) is not None and format_ not in formats:
                raise RequestError(
                    f"--{name.replace('_', '-')} says nothing of {format_}, only of "
                    f"{', '.join(formats)}; leave it out"
                )
        given = self.delimiter
        if given is not None and (len(given) != 1 or given in '"\r\n'):
            raise RequestError(
                f"--delimiter should be one character that stands between cells, not {given!r}"
            )


def read(
    format_: Format,
    path: str,
    *,
    load: Callable[[], tuple[bytes, str]],
    options: Options,
    notes: Notes,
) -> tuple[Drafts, dict[str, Vocabulary]]:
    """The prompts of a file or folder, and the words that foils of them are made of.

    Args:
        format_: of the file.
        path: the file, folder, or name on the hub; a name may tell what its prompts test.
        load: gives the file's bytes, and what to call it in messages; not called for folders.
        options: of the user.
        notes: told what was detected, changed and left out.

    Raises:
        SuiteFormatError: while it reads or while the result is read.
    """
    from prompts.formats import compbench, dsg, geneval, geneval2, plain, tiif
    from prompts.formats.decode import decode, lines_of
    from prompts.formats.json_rows import read_json
    from prompts.formats.read_dataset import read_dataset
    from prompts.formats.rows import Names

    names = Names(options.text_column, options.type_column, options.id_column)
    if format_ == "datasets":
        return read_dataset(path, split=options.dataset_split, names=names, notes=notes), {}
    if format_ == "dpg" and Path(path).is_dir():
        return dsg.read_dpg(Path(path), encoding=options.encoding, notes=notes), {}
    data, source = load()
    text = decode(data, source=source, notes=notes, encoding=options.encoding)
    if format_ == "geneval":
        drafts = list(geneval.read_geneval(lines_of(text), source=source, notes=notes))
        return drafts, geneval.geneval_vocabularies(drafts)
    if format_ == "geneval2":
        drafts = list(geneval2.read_geneval2(text, source=source, notes=notes))
        return drafts, geneval2.geneval2_vocabularies(drafts)
    if format_ == "compbench":
        kind, split = compbench.kind_of(path), compbench.split_of(path)
        drafts = list(
            compbench.read_compbench(lines_of(text), kind, source=source, split=split, notes=notes)
        )
        return drafts, compbench.compbench_vocabularies(drafts, kind)
    if format_ in ("dsg", "dpg"):
        return dsg.read_dsg(text, source=source, notes=notes), {}
    if format_ == "tiif":
        return tiif.read_tiif(text, source=source, text_column=options.text_column, notes=notes), {}
    if format_ in ("json", "jsonl"):
        return read_json(text, source=source, names=names, notes=notes), {}
    if format_ == "text":
        return plain.read_text(lines_of(text), source=source, notes=notes), {}
    delimiter = options.delimiter
    if format_ == "tsv":
        delimiter = "\t"
    elif format_ == "parti":
        names = Names(names.text or "Prompt", names.type or "Category", names.id)
    elif format_ == "drawbench":
        names = Names(names.text or "Prompts", names.type or "Category", names.id)
    return plain.read_csv([text], source=source, names=names, delimiter=delimiter, notes=notes), {}
