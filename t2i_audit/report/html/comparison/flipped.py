"""Images that became wrong or right, base and candidate side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import chain, zip_longest

from t2i_audit import storage
from t2i_audit.images.packing import ImageFile, pack
from t2i_audit.printable import counted, printable
from t2i_audit.report.html.page import Section
from t2i_audit.results.comparison import Comparison, FlippedImage

AT_ONCE = 24  # pairs that are shown before the reader asks for more
MARKUP = 1000  # bytes of a pair beside its images and its prompt, which is there three times


@dataclass(frozen=True)
class Pair:
    """An image in both runs."""

    prompt: str
    place: str
    """Which of the prompt's images it is."""
    became_right: bool
    base: str
    """WebP in base 64."""
    candidate: str


def flipped_section(comparison: Comparison, *, most_bytes: int) -> Section | None:
    """The flipped images, as many as `most_bytes` hold; None where no image flipped."""
    flipped = comparison.flipped
    if not flipped:
        return None
    pairs, n_left_out = _pairs(comparison, most_bytes)
    n_faults = len(flipped) - len(pairs) - n_left_out
    wrong = sum(not each.became_right for each in flipped)
    context = {
        "count": f"{counted(wrong, 'image')} became wrong and {len(flipped) - wrong:,} became "
        "right in the candidate.",
        "left_out": counted(n_left_out, "pair") if n_left_out else "",
        "faults": counted(n_faults, "pair") if n_faults else "",
        "pairs": pairs,
        "at_once": AT_ONCE,
        "base": printable(comparison.base_model),
        "candidate": printable(comparison.candidate_model),
    }
    template, script = "comparison/flipped.html", "comparison/flipped.js"
    return Section("flipped", "Images that flipped", template, context, data=AT_ONCE, script=script)


def _pairs(comparison: Comparison, most_bytes: int) -> tuple[list[Pair], int]:
    """The pairs that fit and can be read, in the comparison's order, and how many do not fit."""
    flips = list(_in_turn(comparison.flipped))
    markup = [MARKUP + 3 * len(escape(flip.prompt).encode()) for flip in flips]
    files = [
        ImageFile(storage.opened(run) / name)
        for flip in flips
        for run, name in (
            (comparison.base, flip.base_image),
            (comparison.candidate, flip.candidate_image),
        )
    ]
    # Where the markup of all pairs would leave little for images, not all pairs can be shown.
    packed = pack(files, max(most_bytes - sum(markup), most_bytes // 2))
    found: dict[FlippedImage, Pair] = {}
    n_tried, left = 0, most_bytes
    for flip, size in zip(flips[: (len(files) - packed.n_left_out) // 2], markup, strict=False):
        base, candidate = (packed.pictures.get(2 * n_tried + side) for side in (0, 1))
        left -= size + len(base or "") + len(candidate or "")
        if left < 0:
            break
        n_tried += 1
        if base is not None and candidate is not None:
            place = f"prompt {printable(flip.prompt_id)}, seed {flip.seed}"
            found[flip] = Pair(printable(flip.prompt), place, flip.became_right, base, candidate)
    pairs = [found[flip] for flip in comparison.flipped if flip in found]
    return pairs, len(flips) - n_tried


def _in_turn(flipped: Sequence[FlippedImage]) -> Iterator[FlippedImage]:
    """From both directions in turn, so that both are shown where not all are."""
    sides: list[Iterable[FlippedImage]] = [
        [flip for flip in flipped if flip.became_right is right] for right in (False, True)
    ]
    return (flip for flip in chain.from_iterable(zip_longest(*sides)) if flip is not None)
