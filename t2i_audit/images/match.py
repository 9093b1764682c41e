"""Which prompt and which seed each image belongs to.

An image belongs to the prompt whose id stands in its metadata, or else to the prompt that has the
very text that stands there. Nothing is guessed: what neither decides is left out and named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from prompts.structure import Prompt
from t2i_audit.images.listing import Entry, ImagesError, LeftOut

# Seeds are columns that prompts share if more than this share of all pairs of a prompt and a seed
# is there; two prompts that share no seed have exactly this share. Where each prompt has seeds of
# its own, they are numbered within it.
SHARED = 0.5


@dataclass(frozen=True)
class Placed:
    """An image whose prompt and seed are known."""

    entry: int
    """The index of its entry."""
    file: str
    prompt_id: str
    seed: int
    """Seed index, from 0."""
    given_seed: int | None
    """As its metadata have it."""


@dataclass(frozen=True)
class Matched:
    """The images of a listing beside a suite."""

    placed: tuple[Placed, ...]
    """In the order of the listing."""
    left_out: tuple[LeftOut, ...]


def match(entries: Sequence[Entry], prompts: Sequence[Prompt], *, by_id: bool) -> Matched:
    """Find the prompt and the seed index of each entry.

    Args:
        entries: of a listing.
        prompts: of the suite.
        by_id: whether ids in metadata are the suite's; if not, texts alone decide.

    Raises:
        ImagesError: some images have a seed and others have none.
    """
    left_out: list[LeftOut] = []
    owners: list[tuple[int, Prompt]] = []
    finder = _Finder(prompts, by_id=by_id)
    for index, entry in enumerate(entries):
        found = finder.find(entry)
        if isinstance(found, Prompt):
            owners.append((index, found))
        else:
            left_out.append(LeftOut(entry.file, "unmatched", found))
    owners, doubled = _without_doubles(entries, owners)
    _require_seeds(entries, owners)
    return Matched(tuple(_with_seeds(entries, owners)), (*left_out, *doubled))


class _Finder:
    """Finds the prompt that an entry names."""

    def __init__(self, prompts: Sequence[Prompt], *, by_id: bool) -> None:
        self._by_id = {prompt.id: prompt for prompt in prompts} if by_id else {}
        self._by_text: dict[str, list[Prompt]] = {}
        for prompt in prompts:
            self._by_text.setdefault(prompt.text, []).append(prompt)

    def find(self, entry: Entry) -> Prompt | str:
        """The prompt of `entry`, or why none can be named."""
        own = self._by_id.get(entry.prompt_id)
        if own is not None:
            if entry.text and entry.text != own.text:
                return f"its id is {own.id!r}, and its text is not that prompt's"
            return own
        same = self._by_text.get(entry.text, [])
        if len(same) == 1:
            return same[0]
        if same:
            return f"{len(same)} prompts of the suite have its text, and no id says which it is"
        if not entry.text:
            named = f"no prompt has the id {entry.prompt_id!r}" if entry.prompt_id else ""
            return named or "its metadata name no prompt"
        return f"no prompt of the suite has its text, {entry.text[:80]!r}"


Owners = list[tuple[int, Prompt]]


def _without_doubles(entries: Sequence[Entry], owners: Owners) -> tuple[Owners, list[LeftOut]]:
    """The images that stand for one prompt and one seed alone, and those that do not.

    Of several images of one prompt and seed the first is kept. A file that is named for several
    prompts is left out altogether, as it can show only what one of them asked for.
    """
    prompts_of: dict[str, set[str]] = {}
    for index, prompt in owners:
        prompts_of.setdefault(entries[index].file, set()).add(prompt.id)
    kept: Owners = []
    doubled: list[LeftOut] = []
    files: set[str] = set()
    first: dict[tuple[str, int], str] = {}
    for index, prompt in owners:
        entry = entries[index]
        reason = ""
        if len(prompts_of[entry.file]) > 1:
            reason = f"it is named for {len(prompts_of[entry.file])} prompts"
        elif entry.file in files:
            reason = "it is named twice"
        elif entry.seed is not None:
            other = first.setdefault((prompt.id, entry.seed), entry.file)
            if other != entry.file:
                reason = f"{other} has its prompt and its seed, {entry.seed}"
        files.add(entry.file)
        if reason:
            doubled.append(LeftOut(entry.file, "doubled", reason))
        else:
            kept.append((index, prompt))
    return kept, doubled


def _require_seeds(entries: Sequence[Entry], owners: Owners) -> None:
    without = [entries[index] for index, _ in owners if entries[index].seed is None]
    if without and len(without) < len(owners):
        raise ImagesError(
            f"{without[0].where} has no seed, and other images have one; give all images a seed, "
            "or none"
        )


def _with_seeds(entries: Sequence[Entry], owners: Owners) -> list[Placed]:
    given = {index: entries[index].seed for index, _ in owners}
    seeds = sorted({seed for seed in given.values() if seed is not None})
    prompts = {prompt.id for _, prompt in owners}
    shared = bool(seeds) and len(owners) > SHARED * len(prompts) * len(seeds)
    column = {seed: number for number, seed in enumerate(seeds)}
    placed: dict[int, Placed] = {}
    count: Counter[str] = Counter()
    # Sorting is stable: images without a seed stay in the order of the listing.
    for index, prompt in sorted(owners, key=lambda owner: given[owner[0]] or 0):
        own = given[index]
        number = column[own] if shared and own is not None else count[prompt.id]
        count[prompt.id] += 1
        placed[index] = Placed(index, entries[index].file, prompt.id, number, own)
    return [placed[index] for index in sorted(placed)]
