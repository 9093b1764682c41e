"""Subsets of a suite: prompts that meet conditions, or a sample that is balanced over groups.

Prompts keep their order and their ids. A certificate of held-out compositions is recomputed for the
subset, and dropped if it no longer holds.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import IO

from prompts.errors import RequestError
from prompts.formats.native import Header, dump_prompt, read_lines
from prompts.selection.conditions import NONE, Condition, PromptFilter, values_of
from prompts.splits import Certificate, SplitPlan, certify, compositions
from prompts.structure import Prompt

_NAMED = 3  # constituents or groups that a message lists


@dataclass(frozen=True)
class Sample:
    """A sample to draw."""

    count: int
    by: tuple[str, ...] = ()
    """Fields whose values define groups of equal size; a single group without fields."""
    seed: int = 0


@dataclass(frozen=True)
class GroupSample:
    """The part of a group that was sampled."""

    prompts: int
    """Number of prompts in the group."""
    taken: int


@dataclass
class Subset:
    """The counts, header and notes of a chosen subset."""

    read: int
    matched: int
    """Number of prompts that meet all conditions."""
    kept: int
    left: dict[str, int]
    """For each condition, the number of prompts that meet it and all before it."""
    groups: dict[str, GroupSample]
    """By the values of the fields that define the groups."""
    header: Header
    notes: list[str] = field(default_factory=list)


def choose(
    prompts: Iterable[Prompt],
    header: Header | None,
    conditions: Sequence[Condition],
    sample: Sample | None,
    spool: IO[str],
    *,
    source: str,
) -> tuple[Subset, Iterator[str]]:
    """Choose prompts; returns the counts, and the lines of the chosen prompts.

    Args:
        prompts: a stream; memory grows by a few bytes per prompt.
        header: the header of their file.
        conditions: must all hold.
        sample: the sample to draw, or None to keep all.
        spool: an empty text file for reading and writing, which buffers the matching prompts.
        source: the name of the prompts in messages.

    Raises:
        RequestError: a field is unknown, no prompt is left, or the sample is empty.
    """
    by = sample.by if sample is not None else ()
    if sample is not None and sample.count < 1:
        raise RequestError(f"--sample should be at least 1, not {sample.count}")
    prompt_filter = PromptFilter(conditions, fields=by)
    groups: list[str] = []
    order: list[bytes] = []
    for prompt in prompt_filter.passing(prompts):
        spool.write(dump_prompt(prompt))
        if sample is not None:
            # Interned, because there are few groups and possibly millions of prompts.
            groups.append(sys.intern(_group(prompt, by)))
            order.append(_draw(sample.seed, prompt.id))
    prompt_filter.check(source)
    matched = prompt_filter.left[-1] if conditions else prompt_filter.read
    chosen: frozenset[int] | None = None
    notes: list[str] = []
    shares: dict[str, GroupSample] = {}
    if sample is not None:
        chosen, shares, notes = _drawn(groups, order, sample)

    def lines() -> Iterator[str]:
        spool.seek(0)
        for index, line in enumerate(spool):
            if chosen is None or index in chosen:
                yield line

    old = header or Header(source=source)
    origin = "; ".join([old.source or source, *_request(conditions, sample)])
    new = replace(old, source=origin)
    if old.certificate is not None:
        certificate, note = recertify(lambda: read_lines(lines(), source=source), old.certificate)
        new = replace(new, certificate=certificate)
        notes.append(note)
    kept = matched if chosen is None else len(chosen)
    texts = [condition.text for condition in conditions]
    left = dict(zip(texts, prompt_filter.left, strict=True))
    return Subset(prompt_filter.read, matched, kept, left, shares, new, notes), lines()


def draw_sample(
    prompts: Sequence[Prompt], sample: Sample
) -> tuple[tuple[Prompt, ...], dict[str, GroupSample], list[str]]:
    """The sample of `prompts` in their order, as `choose` draws it.

    Returns:
        The drawn prompts, how many were taken of each group, and notes.

    >>> from prompts.suite import load_suite
    >>> drawn, groups, _ = draw_sample(load_suite("smoke").prompts, Sample(12, ("type",)))
    >>> len(drawn), sorted(group.taken for group in groups.values())
    (12, [2, 2, 2, 2, 2, 2])
    """
    groups = [_group(prompt, sample.by) for prompt in prompts]
    order = [_draw(sample.seed, prompt.id) for prompt in prompts]
    chosen, shares, notes = _drawn(groups, order, sample)
    return tuple(prompts[index] for index in sorted(chosen)), shares, notes


def recertify(
    read: Callable[[], Iterable[Prompt]], certificate: Certificate
) -> tuple[Certificate | None, str]:
    """The certificate of a subset of a split suite, or None if it does not hold, and a note.

    Args:
        read: returns the prompts of the subset, the same on each call.
        certificate: the certificate of the whole suite.
    """
    withheld = frozenset(certificate.withheld)
    present: set[tuple[str, ...]] = set()
    wrong = 0

    def watched() -> Iterator[Prompt]:
        nonlocal wrong
        for prompt in read():
            own = withheld & compositions(prompt, certificate.order)
            present.update(own)
            wrong += prompt.split != ("held_out" if own else "seen")
            yield prompt

    split = SplitPlan(certificate.order, certificate.fraction, certificate.seed, withheld)
    new = replace(certify(watched(), split), withheld=tuple(sorted(present)))
    unseen = [name for name, (seen, _) in new.constituents.items() if not seen]
    if wrong:
        reason = f"it contradicts the split of {wrong:,} prompts"
    elif not new.held_out_prompts:
        reason = "no held-out prompt is left"
    elif not new.seen_prompts:
        reason = "no seen prompt is left"
    elif unseen:
        reason = f"{_listed(unseen)} would occur in no seen prompt"
    elif not new.is_connected:
        reason = "the seen prompts would no longer be connected"
    else:
        return new, (
            f"the certificate of held-out compositions was recomputed: {len(new.withheld)} of "
            f"{new.compositions} compositions are withheld"
        )
    return None, f"the certificate of held-out compositions was dropped: {reason}"


def _request(conditions: Sequence[Condition], sample: Sample | None) -> Iterator[str]:
    if conditions:
        yield "where " + " and ".join(condition.text for condition in conditions)
    if sample is not None:
        by = f" by {', '.join(sample.by)}" if sample.by else ""
        yield f"sample of {sample.count}{by}, seed {sample.seed}"


def _group(prompt: Prompt, by: Sequence[str]) -> str:
    return ", ".join(" + ".join(sorted(values_of(prompt, name))) or NONE for name in by)


def _draw(seed: int, text: str) -> bytes:
    """Eight pseudo-random bytes that do not depend on the order of the prompts."""
    return hashlib.sha256(f"{seed}\0{text}".encode()).digest()[:8]


def _drawn(
    groups: Sequence[str], order: Sequence[bytes], sample: Sample
) -> tuple[frozenset[int], dict[str, GroupSample], list[str]]:
    """The indices of the drawn prompts, the size of each group and its sample, and notes."""
    sizes = Counter(groups)
    total = min(sample.count, len(groups))
    shares = _shares(total, sizes, sample.seed)
    wanted = Counter(shares)
    chosen = []
    for index in sorted(range(len(groups)), key=lambda index: (order[index], index)):
        if wanted[groups[index]]:
            wanted[groups[index]] -= 1
            chosen.append(index)
    notes = []
    if total < sample.count:
        notes.append(
            f"there are only {total:,} prompts to draw from, fewer than the requested "
            f"{sample.count:,}; all were taken"
        )
    else:
        most = max(shares.values())
        short = [name for name in sorted(sizes) if shares[name] < most - 1]
        none = [name for name in sorted(sizes) if not shares[name]]
        if none:
            notes.append(
                f"{_listed(none)} got no prompt, because {total} prompts are fewer than the groups"
            )
        elif short:
            each = _listed([f"{name} ({sizes[name]})" for name in short])
            notes.append(
                f"{each} had fewer prompts than the {most} taken from other groups; all were taken"
            )
    return (
        frozenset(chosen),
        {name: GroupSample(sizes[name], shares[name]) for name in sorted(sizes)},
        notes,
    )


def _shares(total: int, sizes: Mapping[str, int], seed: int) -> dict[str, int]:
    """`total` distributed over groups, so that groups with enough prompts differ by at most one."""
    shares: dict[str, int] = {}
    # Small groups first, so that the others make up for them. Ties are broken at random.
    names = sorted(sizes, key=lambda name: (sizes[name], _draw(seed, name), name))
    for index, name in enumerate(names):
        shares[name] = min(sizes[name], (total - sum(shares.values())) // (len(names) - index))
    return shares


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
