"""The gallery as JSON, for the script of the page.

::

    judges        names, the primary one first
    stations      names, in the order of a part's probabilities
    promptFields  names of the values of each of `prompts`, see `GalleryPrompt`
    prompts       a list for each prompt
    imageFields   names of the values of each of `images`, see `GalleryImage`
    images        a list for each image; its `prompt` counts the rows of `prompts`
    side          pixels of a picture's longer side at most
    pictures      of each image: WebP in base 64, null where it was left out, "" where the file
                  is missing or damaged
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from t2i_audit.images.packing import SIDES, ImageFile, Packed, pack
from t2i_audit.report.html.gallery.entries import (
    STATIONS,
    Entries,
    GalleryImage,
    GalleryPrompt,
)
from t2i_audit.report.html.gallery.order import by_use
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.results.run import Run

TEXT_SHARE = 0.5  # of the bytes, at most, for what is said of the images


@dataclass(frozen=True)
class GalleryData:
    """The JSON of a gallery, and what it lacks."""

    json: dict[str, Any]
    n_unlisted: int
    """Images of which the page says nothing, as their prompts and verdicts alone are too long."""
    packed: Packed


def gallery_data(
    run: Run, entries: Entries, most_bytes: int, *, reporter: Reporter = SILENT
) -> GalleryData:
    """As much of `entries` as `most_bytes` bytes hold; first what is said, then the pictures."""
    order = by_use(entries.images)
    listed = _listed(entries, order, int(most_bytes * TEXT_SHARE))
    shown = sorted(listed)
    pictures: list[str | None] = [None] * len(shown)
    json = {**_json(entries, shown), "side": SIDES[0], "pictures": pictures}
    files = [ImageFile(run.path / entries.images[i].file, entries.sha256[i]) for i in listed]
    packed = pack(files, most_bytes - length_in_page(json), reporter=reporter)
    row_of = {place: row for row, place in enumerate(shown)}
    for place, picture in packed.pictures.items():
        pictures[row_of[listed[place]]] = picture
    for place in packed.faults:
        pictures[row_of[listed[place]]] = ""
    return GalleryData({**json, "side": packed.side}, len(order) - len(listed), packed)


def length_in_page(value: Any) -> int:
    """Bytes of `value` as the page writes it."""
    from jinja2.utils import htmlsafe_json_dumps

    return len(htmlsafe_json_dumps(value))


def _listed(entries: Entries, order: Sequence[int], most_bytes: int) -> tuple[int, ...]:
    """The first images of `order` that can be written of in `most_bytes` bytes."""
    left = most_bytes
    told: set[int] = set()
    for n, place in enumerate(order):
        image = entries.images[place]
        left -= length_in_page(_values(image))
        if image.prompt not in told:
            told.add(image.prompt)
            left -= length_in_page(_values(entries.prompts[image.prompt]))
        if left < 0:
            return tuple(order[:n])
    return tuple(order)


def _json(entries: Entries, shown: Sequence[int]) -> dict[str, Any]:
    images = [entries.images[place] for place in shown]
    told = list(dict.fromkeys(image.prompt for image in images))
    row_of = {prompt: row for row, prompt in enumerate(told)}
    return {
        "judges": entries.judges,
        "stations": [station.replace("_", " ") for station in STATIONS],
        "promptFields": [each.name for each in fields(GalleryPrompt)],
        "prompts": [_values(entries.prompts[prompt]) for prompt in told],
        "imageFields": [each.name for each in fields(GalleryImage)],
        "images": [_values(replace(image, prompt=row_of[image.prompt])) for image in images],
    }


def _values(entry: GalleryPrompt | GalleryImage) -> list[Any]:
    return [getattr(entry, each.name) for each in fields(entry)]
