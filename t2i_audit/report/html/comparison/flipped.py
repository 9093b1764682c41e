"""Images that became wrong or right, base and candidate side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from t2i_audit.errors import RunDirectoryError
from t2i_audit.labels.thumbnails import embedded
from t2i_audit.printable import counted
from t2i_audit.report.html.page import Section
from t2i_audit.results.comparison import Comparison, FlippedImage

AT_ONCE = 24  # pairs that are shown before the reader asks for more
SMALLEST, LARGEST = 24_000, 200_000  # bytes that an image is given, few or many


@dataclass(frozen=True)
class Pair:
    """An image in both runs."""

    flip: FlippedImage
    base: str
    """A ``data:`` address."""
    candidate: str


def flipped_section(comparison: Comparison, *, most_bytes: int) -> Section | None:
    """The flipped images, as many as `most_bytes` hold; None where no image flipped."""
    flipped = comparison.flipped
    if not flipped:
        return None
    pairs, unread = _pairs(comparison, most_bytes)
    left_out = len(flipped) - len(pairs) - unread
    wrong = sum(not each.became_right for each in flipped)
    context = {
        "count": f"{counted(wrong, 'image')} became wrong and {len(flipped) - wrong:,} became "
        "right in the candidate.",
        "left_out": counted(left_out, "pair") if left_out else "",
        "unread": counted(unread, "pair") if unread else "",
        "pairs": pairs,
        "at_once": AT_ONCE,
        "names": (comparison.base_model, comparison.candidate_model),
    }
    heading = "Images that flipped"
    template, script = "comparison_flipped.html", "comparison_flipped.js"
    return Section("flipped", heading, template, context, data=AT_ONCE, script=script)


def _pairs(comparison: Comparison, most_bytes: int) -> tuple[list[Pair], int]:
    """Those that fit, in the order of the comparison, and how many could not be read."""
    flipped = comparison.flipped
    each = min(max(most_bytes // (2 * len(flipped)), SMALLEST), LARGEST)
    runs = Path(comparison.base), Path(comparison.candidate)
    found: dict[FlippedImage, Pair] = {}
    unread, left = 0, most_bytes
    for flip in _in_turn(flipped):
        try:
            files = (flip.base_image, flip.candidate_image)
            sides = [_image(*side, each) for side in zip(runs, files, strict=True)]
        except RunDirectoryError:
            unread += 1
            continue
        size = sum(len(side or "") for side in sides)
        base, candidate = sides
        if base is None or candidate is None or size > left:
            break
        left -= size
        found[flip] = Pair(flip, base, candidate)
    return [found[flip] for flip in flipped if flip in found], unread


def _in_turn(flipped: Sequence[FlippedImage]) -> Iterator[FlippedImage]:
    """From both directions in turn, so that both are shown where not all are."""
    sides: list[Iterable[FlippedImage]] = [
        [flip for flip in flipped if flip.became_right is right] for right in (False, True)
    ]
    return (flip for flip in chain.from_iterable(zip_longest(*sides)) if flip is not None)


def _image(run: Path, name: str, most: int) -> str | None:
    path = run / name
    if not path.resolve().is_relative_to(run.resolve()):
        raise RunDirectoryError(f"{path} lies outside its run")
    return embedded(path, most)
