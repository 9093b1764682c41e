"""Some prompts of a suite: those of which conditions hold, or a sample that is even over groups.

Prompts keep their order and their ids. A certificate of held-out compositions is counted anew over
what is left, and dropped where it would not hold.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TextIO

from prompts.errors import RequestError
from prompts.formats.native import Header, dump_prompt, read_lines
from prompts.selection.conditions import NONE, Clause, Filter, values_of
from prompts.splits import Certificate, Split, certify, compositions
from prompts.structure import Prompt

_NAMED = 3  # constituents or groups that are named in a sentence


@dataclass(frozen=True)
class Sample:
    """How many prompts to draw, and from where."""

    count: int
    by: tuple[str, ...] = ()
    """Fields whose values make the groups; without any there is one group."""
    seed: int = 0


@dataclass(frozen=True)
class Share:
    """What a group gave to a sample."""

    prompts: int
    """How many it had."""
    taken: int


@dataclass
class Subset:
    """What was chosen, and what a reader should know of it."""

    read: int
    matched: int
    """Prompts of which all conditions hold."""
    kept: int
    left: dict[str, int]
    """For each condition how many prompts it and all before it left."""
    groups: dict[str, Share]
    """By the values of the fields that the sample is drawn by."""
    header: Header
    notes: list[str] = field(default_factory=list)


def choose(
    prompts: Iterable[Prompt],
    header: Header | None,
    clauses: Sequence[Clause],
    sample: Sample | None,
    spool: TextIO,
    *,
    source: str,
) -> tuple[Subset, Iterator[str]]:
    """Choose prompts; returns what was chosen, and the chosen lines.

    Args:
        prompts: a stream; memory grows with a few bytes a prompt.
        header: of their file.
        clauses: conditions that must all hold.
        sample: how many of these to draw, or None for all.
        spool: an empty text file for writing and reading, where what matches waits.
        source: what to call the prompts in messages.

    Raises:
        RequestError: a field is unknown, nothing is left, or the sample is of no prompt.
    """
    by = sample.by if sample is not None else ()
    if sample is not None and sample.count < 1:
        raise RequestError(f"--sample should be at least 1, not {sample.count}")
    filter_ = Filter(clauses, fields=by)
    groups: list[str] = []
    order: list[bytes] = []
    for prompt in filter_.passing(prompts):
        spool.write(dump_prompt(prompt))
        if sample is not None:
            # Interned, as there are few groups and there may be millions of prompts.
            groups.append(sys.intern(_group(prompt, by)))
            order.append(_draw(sample.seed, prompt.id))
    filter_.check(source)
    matched = filter_.left[-1] if clauses else filter_.read
    chosen: frozenset[int] | None = None
    notes: list[str] = []
    shares: dict[str, Share] = {}
    if sample is not None:
        chosen, shares, notes = _drawn(groups, order, sample)

    def lines() -> Iterator[str]:
        spool.seek(0)
        for index, line in enumerate(spool):
            if chosen is None or index in chosen:
                yield line

    old = header or Header(source=source)
    origin = "; ".join([old.source or source, *_request(clauses, sample)])
    new = replace(old, source=origin)
    if old.certificate is not None:
        certificate, note = recertify(lambda: read_lines(lines(), source=source), old.certificate)
        new = replace(new, certificate=certificate)
        notes.append(note)
    kept = matched if chosen is None else len(chosen)
    left = {clause.text: count for clause, count in zip(clauses, filter_.left, strict=True)}
    return Subset(filter_.read, matched, kept, left, shares, new, notes), lines()


def recertify(
    read: Callable[[], Iterable[Prompt]], certificate: Certificate
) -> tuple[Certificate | None, str]:
    """The certificate of what is left of a split suite, or None, and what to say of it.

    Args:
        read: gives the prompts.
        certificate: of the whole suite.
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

    split = Split(certificate.order, certificate.fraction, certificate.seed, withheld)
    new = replace(certify(watched(), split), withheld=tuple(sorted(present)))
    unseen = [name for name, (seen, _) in new.constituents.items() if not seen]
    if wrong:
        reason = f"the split of {wrong:,} prompts is not what it says"
    elif not new.held_out_prompts:
        reason = "no held-out prompt is left"
    elif not new.seen_prompts:
        reason = "no seen prompt is left"
    elif unseen:
        reason = f"{_listed(unseen)} would occur in no seen prompt"
    elif not new.is_connected:
        reason = "what is seen would no longer be connected"
    else:
        return new, (
            f"the certificate of held-out compositions was counted anew: {len(new.withheld)} of "
            f"{new.compositions} compositions are withheld"
        )
    return None, f"the certificate of held-out compositions was dropped: {reason}"


def _request(clauses: Sequence[Clause], sample: Sample | None) -> Iterator[str]:
    if clauses:
        yield "where " + " and ".join(clause.text for clause in clauses)
    if sample is not None:
        by = f" by {', '.join(sample.by)}" if sample.by else ""
        yield f"sample of {sample.count}{by}, seed {sample.seed}"


def _group(prompt: Prompt, by: Sequence[str]) -> str:
    return ", ".join(" + ".join(sorted(values_of(prompt, name))) or NONE for name in by)


def _draw(seed: int, text: str) -> bytes:
    """Eight bytes that are as good as random, and the same in whatever order prompts come."""
    return hashlib.sha256(f"{seed}\0{text}".encode()).digest()[:8]


def _drawn(
    groups: Sequence[str], order: Sequence[bytes], sample: Sample
) -> tuple[frozenset[int], dict[str, Share], list[str]]:
    """Which prompts are drawn, and how many of how many from each group."""
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
            f"there are only {total:,} prompts to draw from, fewer than the {sample.count:,} asked "
            "for; all were taken"
        )
    else:
        most = max(shares.values())
        short = [name for name in sorted(sizes) if shares[name] < most - 1]
        none = [name for name in sorted(sizes) if not shares[name]]
        if none:
            notes.append(f"{_listed(none)} got no prompt: {total} are fewer than the groups")
        elif short:
            each = _listed([f"{name} ({sizes[name]})" for name in short])
            notes.append(
                f"{each} had fewer prompts than the {most} of the other groups; all were taken"
            )
    return (
        frozenset(chosen),
        {name: Share(sizes[name], shares[name]) for name in sorted(sizes)},
        notes,
    )


def _shares(total: int, sizes: Mapping[str, int], seed: int) -> dict[str, int]:
    """`total` dealt to groups, so that those that have enough differ by one at most."""
    shares: dict[str, int] = {}
    # The smallest first, and what they lack goes to the others. Chance decides between equals.
    names = sorted(sizes, key=lambda name: (sizes[name], _draw(seed, name), name))
    for place, name in enumerate(names):
        shares[name] = min(sizes[name], (total - sum(shares.values())) // (len(names) - place))
    return shares


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
