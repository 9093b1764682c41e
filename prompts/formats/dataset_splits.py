"""The files of a dataset folder, by split and configuration.

A file's split is found as the library ``datasets`` finds it: from a name such as
``train-00000-of-00002.parquet``, from a word such as ``validation`` in its name, or from the name
of its folder. Exactly one split of one configuration is read, never a mixture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from prompts.errors import SuiteFormatError

UNNAMED = "train"
"""The name that `datasets` gives to a single split whose files name none."""
SUFFIXES = (".parquet", ".jsonl", ".json", ".csv", ".tsv")
# Files that `datasets` and the hub write next to the data.
_NO_DATA = frozenset(
    ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json")
)
_NUMBERED = re.compile(r"(?P<split>\w[\w.+]*?)-\d{5}-of-\d{5}.*")
_SPLITS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip


def split_files(folder: Path, split: str | None, what: str) -> list[Path]:
    """The files of one split of one configuration, all with the same suffix."""
    found: dict[str, dict[str | None, list[Path]]] = {}
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if (
            path.suffix.lower() in SUFFIXES
            and path.name not in _NO_DATA
            and not any(part.startswith(".") for part in inner.parts)
            and path.is_file()
        ):
            splits = found.setdefault(_configuration(inner), {})
            splits.setdefault(split_of(inner), []).append(path)
    if not found:
        raise SuiteFormatError(
            f"{what} has no readable files ({', '.join(SUFFIXES)}); name another folder"
        )
    if len(found) > 1:
        raise SuiteFormatError(
            f"{what} has several configurations ({listed(name or '.' for name in found)}); name "
            "the folder or the files of one"
        )
    (splits,) = found.values()
    files = files_of_split(splits, split, what)
    suffixes = sorted({path.suffix.lower() for path in files})
    if len(suffixes) > 1:
        raise SuiteFormatError(
            f"{what} has files of several kinds ({listed(suffixes)}); name those of one kind"
        )
    return files


def files_of_split(
    splits: dict[str | None, list[Path]], asked: str | None, what: str
) -> list[Path]:
    """The files of the split `asked`, or of the only one there is."""
    named: dict[str, list[Path]] = {}
    for name, paths in splits.items():
        # Next to files of named splits, a file that names none is a split of its own.
        for path in paths:
            own = path.stem if len(splits) > 1 else UNNAMED
            named.setdefault(own if name is None else name, []).append(path)
    return named[choose_split(list(named), asked, what)]


def choose_split(there: Sequence[str], asked: str | None, what: str) -> str:
    """The split of a dataset to read; raises `SuiteFormatError` if that is not a single one."""
    if asked is None:
        if len(there) == 1:
            return there[0]
        raise SuiteFormatError(
            f"{what} has the splits {listed(there)}; name one with --dataset-split"
        )
    for name in there:
        if name == asked or _SPLITS.get(asked.lower()) == name:
            return name
    have = "only the split" if len(there) == 1 else "the splits"
    raise SuiteFormatError(
        f"{what} has no split {asked!r}, {have} {listed(there)}; name one with --dataset-split"
    )


def split_of(path: PurePath) -> str | None:
    """The split that the name of a file or of one of its folders contains."""
    match = _NUMBERED.fullmatch(path.name)
    if match is not None:
        return _SPLITS.get(match["split"].lower(), match["split"])
    for name in (path.stem, *reversed(path.parts[:-1])):
        words = re.split(r"[-._ ]", name.lower())
        known = dict.fromkeys(_SPLITS[word] for word in words if word in _SPLITS)
        if len(known) == 1:
            return next(iter(known))
    return None


def _configuration(path: PurePath) -> str:
    """The folders of a file, except ``data`` and folders named after a split."""
    own = [p for p in path.parts[:-1] if p != "data" and split_of(PurePath(p) / "x") is None]
    return "/".join(own)


def listed(names: Iterable[str]) -> str:
    """The first ten names, for a message."""
    shown = list(names)
    return ", ".join(map(str, shown[:10])) + (", ..." if len(shown) > 10 else "")
