"""What a reader of images finds: one entry per image, with what stands beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from t2i_audit.errors import AuditError
from t2i_audit.images.decode import MOST_BYTES, ImageFault
from t2i_audit.settings import Layout

Kind = Literal["doubled", "unmatched", "unreadable"]

ID_COLUMNS = ("prompt_id", "id", "item_id")
SEED_COLUMNS = ("seed", "seed_index", "sample")
# The columns of an image's file name; `file_name` is that of the library `datasets`.
FILE_COLUMNS = ("file_name", "file", "filename", "path", "image", "image_path")
LARGEST_SEED = 2**63 - 1


class ImagesError(AuditError):
    """A folder of images cannot be read or used."""


@dataclass(frozen=True)
class LeftOut:
    """An image that is not judged."""

    file: str
    kind: Kind
    reason: str


@dataclass(frozen=True)
class Entry:
    """An image, and the metadata that came with it."""

    file: str
    """Its name in messages and in the run's list, e.g. ``00003/samples/00001.png``."""
    where: str
    """Where its metadata stand, e.g. ``images.csv, row 3 (line 4)``."""
    row: Mapping[str, Any]
    """Its metadata, without the image, its file and its seed."""
    text: str
    """The prompt's text; empty if it is not given."""
    prompt_id: str
    """Empty if it is not given."""
    seed: int | None
    """None where none is given: the images of a prompt are then counted in their order."""


Content = bytes | ImageFault
"""The bytes of an image's file, or why there are none."""


@dataclass(frozen=True, eq=False)
class Listing:
    """The images of a folder or file."""

    layout: Layout
    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...]
    contents: Callable[[Collection[int]], Iterator[tuple[int, Content]]]
    """The contents of those entries, by index and in rising order."""
    notes: tuple[str, ...] = ()


def entry_of(file: str, where: str, row: Mapping[str, Any]) -> Entry:
    """The entry of an image whose metadata are `row`.

    Raises:
        ImagesError: its seed is no whole number.
    """
    from prompts.formats.metadata import is_empty
    from prompts.formats.tables import TEXT_COLUMNS

    names = {str(name).strip().lower(): name for name in reversed(tuple(row))}
    seeds = [names[each] for each in SEED_COLUMNS if each in names]
    # Before other texts that may stand beside an image.
    texts = [row[names[each]] for each in ("prompt", *TEXT_COLUMNS) if each in names]
    ids = [row[names[each]] for each in ID_COLUMNS if each in names]
    text = next((each for each in texts if isinstance(each, str) and not is_empty(each)), "")
    prompt_id = next((_as_text(each) for each in ids if not is_empty(each)), "")
    given = next((row[each] for each in seeds if not is_empty(row[each])), None)
    rest = {name: value for name, value in row.items() if name not in seeds}
    return Entry(file, where, rest, _cleaned(text), prompt_id, _seed(given, where))


def read_file(root: Path, name: str) -> Content:
    """The content of the file `name` below the folder `root`; never of one outside it."""
    path = root / name
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            return ImageFault("it lies outside the folder")
        if not path.exists():
            return ImageFault("there is no such file")
        if not path.is_file():
            return ImageFault("it is no ordinary file")
        if path.stat().st_size > MOST_BYTES:
            return ImageFault(f"it has more than {MOST_BYTES:,} bytes")
        return path.read_bytes()
    except (OSError, ValueError) as err:  # ValueError: a null character in a name
        return ImageFault(f"it cannot be read: {getattr(err, 'strerror', None) or err}")


def files_below(
    root: Path, names: Sequence[str]
) -> Callable[[Collection[int]], Iterator[tuple[int, Content]]]:
    """The `contents` of a listing whose images are the files `names` below `root`."""

    def contents(wanted: Collection[int]) -> Iterator[tuple[int, Content]]:
        for index in sorted(wanted):
            yield index, read_file(root, names[index])

    return contents


def is_image_name(name: str) -> bool:
    """Whether a file of this name should be an image."""
    from t2i_audit.images.decode import ENDINGS

    return name.lower().endswith(ENDINGS) and not name.rpartition("/")[2].startswith(".")


def _as_text(value: Any) -> str:
    # Tables store whole numbers as floats where a cell of the column is empty.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _cleaned(text: str) -> str:
    """`text` as importing prompts cleans it, so that it equals the suite's."""
    import unicodedata

    from prompts.formats.clean import without_invisible
    from prompts.formats.notes import Notes

    return unicodedata.normalize("NFC", without_invisible(text, Notes())).strip()


def _seed(value: Any, where: str) -> int | None:
    if value is None:
        return None
    try:
        number = int(_as_text(value))
    except ValueError:
        number = -1
    if isinstance(value, bool) or not 0 <= number <= LARGEST_SEED:
        raise ImagesError(f"{where}: its seed should be a whole number from 0, not {value!r:.40}")
    return number
