"""Weights in several files: whether they are all there, and the index that some were saved without.

The libraries read shards only by an index that names them. Where there is none, the checkpoint is
shown to them as a folder of links with an index beside each set of shards.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prompts.errors import first_line
from t2i_audit.errors import ModelError
from t2i_audit.io import read_json, write_json
from t2i_audit.models.files import weight_files
from t2i_audit.settings import SAFE

# E.g. diffusion_pytorch_model.fp16-00001-of-00003.safetensors
SHARD = re.compile(
    rf"(?P<stem>[\w-]+?)(?P<variant>\.\w+)?-(?P<number>\d{{5}})-of-(?P<count>\d{{5}}){SAFE}"
)
INDICES = f"*{SAFE}.*json"  # whatever the variant, and wherever it stands in the name
AGAIN = "fetch or save it again"


def check_weights(folder: Path, what: str, variant: str | None = None) -> None:
    """Refuse weights of which a file is missing, or does not hold what its header says.

    Only the headers of the files that will be loaded are read.

    Args:
        folder: of one component.
        what: it is called, for the message.
        variant: of the weights, as the user asked for it.

    Raises:
        ModelError: one sentence that names the file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        files = weight_files(folder, variant)
    except (OSError, ValueError, AttributeError) as error:
        reason = f"the index of its weights cannot be read ({first_line(error)})"
        raise ModelError(f"{what} does not load: {reason}; {AGAIN}.") from error
    for file in sorted({*files, *_counted(files)}):
        if not file.is_file():
            raise ModelError(f"{what} lacks the file {file.name} of its weights; {AGAIN}.")
        if file.suffix != SAFE:
            continue
        try:
            with safe_open(file, framework="np"):
                pass
        except (OSError, SafetensorError) as error:
            raise ModelError(
                f"{file} is damaged or was cut off ({first_line(error)}); {AGAIN}."
            ) from error


@contextmanager
def with_indices(path: Path, components: Iterable[str] = ("",)) -> Iterator[Path]:
    """Yields the folder from which the pipeline in `path` is loaded: `path`, or links to it.

    Args:
        path: a folder whose weights were checked by `check_weights`.
        components: folders in it; ``""`` for `path` itself.
    """
    lacking = {name: found for name in components if (found := _without_index(path / name))}
    if not lacking:
        yield path
        return
    with tempfile.TemporaryDirectory() as temporary:
        shown = Path(temporary) / path.name
        _link(path, shown, opened=lacking)
        for name, groups in lacking.items():
            for (stem, variant), files in groups.items():
                index = shown / name / f"{stem}{SAFE}.index{variant}.json"
                write_json(index, {"metadata": {}, "weight_map": _weight_map(files)})
        yield shown


def _link(path: Path, shown: Path, *, opened: Collection[str]) -> None:
    """Make a folder `shown` of links to what `path` holds, and such folders for those `opened`."""
    shown.mkdir()
    for entry in path.resolve().iterdir():
        if entry.name in opened:
            _link(entry, shown / entry.name, opened=())
        else:
            _show(entry, shown / entry.name)


def _show(entry: Path, link: Path) -> None:
    """Have `link` stand for a file or folder, also where links of this kind need rights."""
    try:
        os.symlink(entry, link, target_is_directory=entry.is_dir())
    except OSError:  # Windows lets administrators alone make them, unless it is told otherwise
        if entry.is_dir():
            _link(entry, link, opened=())
            return
        try:
            os.link(entry, link)
        except OSError:
            shutil.copyfile(entry, link)


def _weight_map(files: Iterable[Path]) -> dict[str, str]:
    """The file of each tensor, by the tensor's name."""
    from safetensors import safe_open

    found: dict[str, str] = {}
    for file in files:
        with safe_open(file, framework="np") as tensors:
            found |= dict.fromkeys(tensors.keys(), file.name)
    return found


def _without_index(folder: Path) -> dict[tuple[str, str], list[Path]]:
    """By stem and variant, the files of each set of shards in `folder` that has no index."""
    if not folder.is_dir():
        return {}
    named = {
        str(file)
        for index in folder.glob(INDICES)
        for file in read_json(index).get("weight_map", {}).values()
    }
    groups: dict[tuple[str, str], list[Path]] = {}
    for file in sorted(folder.glob(f"*{SAFE}")):
        match = SHARD.fullmatch(file.name)
        if match and file.name not in named:
            groups.setdefault((match["stem"], match["variant"] or ""), []).append(file)
    return {
        (stem, variant): files
        for (stem, variant), files in groups.items()
        if not (folder / f"{stem}{variant}{SAFE}").is_file()
    }


def _counted(files: Iterable[Path]) -> set[Path]:
    """All files of the sets of shards to which `files` belong, by the number in their names."""
    found = set()
    for file in files:
        match = SHARD.fullmatch(file.name)
        if match:
            start, count = file.name[: match.start("number")], int(match["count"])
            names = (f"{start}{n:05d}-of-{count:05d}{SAFE}" for n in range(1, count + 1))
            found |= {file.with_name(name) for name in names}
    return found
