"""Sentences on images made elsewhere that a run's figures should not be read without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from t2i_audit.images.listing import Kind
from t2i_audit.images.sources import SOURCES, Sources
from t2i_audit.printable import counted

NAMED = 20  # files and prompts that a note names; the list in the run has all
LONGEST = 120  # characters of a file's name in a sentence

KINDS: dict[Kind, str] = {
    "unreadable": "cannot be read",
    "unmatched": "belong to no prompt of the suite",
    "doubled": "are named twice, or stand for a prompt and seed that another image has",
}


def notes_of(sources: Sources, n_prompts: int, *, probed: str | None) -> tuple[str, ...]:
    """Notes on what was found, what was left out, and what is missing.

    Args:
        sources: what was found.
        n_prompts: the number of prompts of the suite.
        probed: the checkpoint that was probed; None without one.
    """
    notes = [
        "The images were made elsewhere, so how they were sampled is not known to this run "
        f"(layout: {sources.layout}).",
        *sources.notes,
    ]
    if sources.layout == "compbench":
        notes.append(
            "Each image's prompt was read from its file name, which in this layout is the prompt."
        )
    notes += _left_out(sources)
    notes += _missing(sources, n_prompts)
    notes += _changes(sources)
    sizes = Counter((image.width, image.height) for image in sources.images)
    if len(sizes) > 1:
        names = [f"{width} x {height} ({n})" for (width, height), n in sizes.most_common(5)]
        more = f" and {len(sizes) - 5} more" if len(sizes) > 5 else ""
        notes.append(f"The images have {len(sizes)} sizes: {', '.join(names)}{more}.")
    if probed is None:
        notes.append(
            "No checkpoint was probed, so there is no decodability, no association and no cause; "
            "--probe MODEL adds the text encoders of the checkpoint that made the images."
        )
    else:
        notes.append(
            f"The text encoders are those of {probed}, which is taken to have made the images. Its "
            "denoiser's states while it made them cannot be known, so that station is left out."
        )
    return tuple(notes)


def _left_out(sources: Sources) -> Iterable[str]:
    total = len(sources.images) + len(sources.left_out)
    for kind, what in KINDS.items():
        own = [
            f"{shortened(each.file)} ({each.reason})"
            for each in sources.left_out
            if each.kind == kind
        ]
        if own:
            yield (
                f"{len(own)} of {counted(total, 'image')} {what} and are left out, neither right "
                f"nor wrong: {named(own)}."
            )
    if sources.beyond:
        yield f"{counted(sources.beyond, 'image')} of prompts beyond --limit are not used."


def _missing(sources: Sources, n_prompts: int) -> Iterable[str]:
    without = [each.prompt_id for each in sources.missing if not each.images]
    fewer = [f"{each.prompt_id} ({each.images})" for each in sources.missing if each.images]
    if without:
        yield (
            f"{len(without)} of {counted(n_prompts, 'prompt')} have no image that can be judged: "
            f"{named(without)}."
        )
    if fewer:
        yield (
            f"{len(fewer)} of {counted(n_prompts, 'prompt')} have fewer images than others: "
            f"{named(fewer)}."
        )


def _changes(sources: Sources) -> Iterable[str]:
    changes = Counter(change for image in sources.images for change in image.changes)
    if changes:
        listed = ", ".join(f"{change} ({number})" for change, number in changes.most_common())
        yield f"Images that are not 8-bit RGB were changed before they were judged: {listed}."


def shortened(file: str) -> str:
    """The name of a file for a sentence: what stands in its place may be an image in base 64."""
    return file if len(file) <= LONGEST else f"{file[:LONGEST]}..."


def named(names: Sequence[str]) -> str:
    """The first of `names`, and how many more the run's list names."""
    more = len(names) - NAMED
    shown = ", ".join(names[:NAMED])
    return shown if more <= 0 else f"{shown} and {more:,} more, which {SOURCES} names"
