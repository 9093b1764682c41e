"""Which images are drawn anew to measure use: the changes, and the prompts of each."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeVar

from prompts.foils.exchange import with_value
from prompts.structure import Prompt
from t2i_audit.errors import AuditError
from t2i_audit.interventions.folds import CompositionFolds
from t2i_audit.interventions.intervention import Intervention
from t2i_audit.results.use import TEXT, Kind
from t2i_audit.settings import UseOptions
from t2i_audit.stages.use.limits import Limits

T = TypeVar("T")
Wanted = Mapping[Intervention, int]
"""Each change, with the number of prompts that are drawn anew under it."""

ORDER: tuple[Kind, ...] = ("erase", "random", "steer", "context")


@dataclass(frozen=True, eq=False)
class Part:
    """The images that are drawn anew under one change, one for each of its prompts."""

    intervention: Intervention
    prompts: tuple[Prompt, ...]
    """In the order in which they are drawn; with more of them, the first stay."""
    judged: tuple[Prompt, ...]
    """What each image is judged by: for ``steer`` the prompt with the other value in the slot."""

    @property
    def targets(self) -> dict[str, str]:
        """By prompt, the other value; empty for every change but ``steer``."""
        slot = self.intervention.slot
        if self.intervention.kind != "steer":
            return {}
        parts = ((each.id, each.constituent(slot)) for each in self.judged)
        return {prompt_id: part.value for prompt_id, part in parts if part is not None}


@dataclass(frozen=True, eq=False)
class Design:
    """All that is drawn anew."""

    parts: tuple[Part, ...]
    wanted: Wanted
    """What was asked for; a change of `parts` may have fewer prompts."""
    notes: tuple[str, ...] = ()
    """Sentences on what is left out, and why."""

    def within(self, limits: Limits) -> Design:
        """This design without what `limits` say is impossible."""
        reasons = {part: limits.reason(part.intervention) for part in self.parts}
        parts = tuple(part for part, reason in reasons.items() if reason is None)
        lines = [f"{reason.rstrip('.')}." for reason in reasons.values() if reason is not None]
        return Design(parts, self.wanted, tuple(dict.fromkeys([*self.notes, *lines])))

    @property
    def record(self) -> list[dict[str, Any]]:
        """What was asked for, for the manifest."""
        return [
            {"kind": each.kind, "slot": each.slot, "site": each.site, "prompts": count}
            for each, count in self.wanted.items()
        ]


def design_of(
    prompts: Sequence[Prompt],
    options: UseOptions,
    *,
    judgeable: Collection[str],
    blocks: Sequence[str],
    seed: int,
    before: Wanted | None = None,
    limits: Limits = Limits(),  # noqa: B008, it is frozen
) -> Design:
    """What is drawn anew for `options`, and what was `before`.

    Args:
        prompts: of the run.
        options: the user's.
        judgeable: ids of the prompts that can be changed and judged.
        blocks: the names of the denoiser's blocks.
        seed: decides the order of the prompts and the values that slots are exchanged for.
        before: what has been drawn anew already, which stays.
        limits: what is known to be impossible.

    Raises:
        AuditError: there is no slot or block of a name, or the prompts are too few.
    """
    sites = _sites(options, blocks)
    slots, left_out = _slots(prompts, options, seed)
    wanted = dict(before or {})
    for intervention in _asked(options.kinds, slots, sites):
        wanted[intervention] = max(options.use_prompts, wanted.get(intervention, 0))
    ordered = [each for each in even_order(prompts, seed) if each.id in judgeable]
    values = _values(prompts)
    place = {name: row for row, name in enumerate([TEXT, *blocks])}
    known = list(values)
    parts, notes = [], list(left_out)
    wanted = dict(sorted(wanted.items(), key=lambda item: _rank(item[0], place, known)))
    for each in wanted:
        having = [prompt for prompt in ordered if not each.slot or prompt.constituent(each.slot)][
            : wanted[each]
        ]
        pairs = [(prompt, prompt) for prompt in having]
        if each.kind == "steer":
            pairs = [
                (prompt, other)
                for prompt in having
                if (other := steered(prompt, each.slot, values[each.slot], seed)) is not None
            ]
            if not pairs:
                notes.append(
                    f"{each.slot} is not steered: no prompt can be rewritten with another of its "
                    "values, or the values do not exclude each other."
                )
        if pairs:
            own, judged = zip(*pairs, strict=True)
            parts.append(Part(each, own, judged))
    return Design(tuple(parts), wanted, tuple(dict.fromkeys(notes))).within(limits)


def wanted_in(record: Iterable[Mapping[str, Any]]) -> dict[Intervention, int]:
    """What `Design.record` says.

    Raises:
        ValueError: it is no such record.
    """
    from pydantic import TypeAdapter

    count = TypeAdapter(int)
    change = TypeAdapter(Intervention)
    return {
        change.validate_python({name: each.get(name) for name in ("kind", "slot", "site")}): (
            count.validate_python(each.get("prompts"))
        )
        for each in record
    }


def even_order(prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
    """`prompts` in an order whose every beginning is even over types, and in them compositions."""

    def in_turn(groups: Iterable[Sequence[T]]) -> list[T]:
        absent = object()
        turns = zip_longest(*groups, fillvalue=absent)
        return [each for turn in turns for each in turn if each is not absent]  # type: ignore[misc]

    shuffled = sorted(prompts, key=lambda prompt: _draw(seed, prompt.id))
    types: dict[str, dict[str, list[Prompt]]] = {}
    for prompt in shuffled:
        types.setdefault(prompt.type, {}).setdefault(prompt.composition, []).append(prompt)
    return in_turn([in_turn(types[name].values()) for name in sorted(types)])


def steered(prompt: Prompt, slot: str, values: Iterable[str], seed: int) -> Prompt | None:
    """`prompt` with another one of `values` in `slot`, drawn by `seed`; None if none is possible.

    The value is none that another thing of the prompt has, as it could not be told then which of
    the two the image shows.
    """
    drawn = sorted(values, key=lambda value: _draw(seed, f"{prompt.id}/{slot}/{value}"))
    others = (with_value(prompt, slot, value) for value in drawn)
    return next((other for other in others if other is not None), None)


def _asked(
    kinds: Sequence[str], slots: Sequence[str], sites: Sequence[str]
) -> Iterator[Intervention]:
    for site in sites:
        for slot in slots:
            if "erase" in kinds:
                yield Intervention("erase", slot, site)
                yield Intervention("random", slot, site)
            if "steer" in kinds:
                yield Intervention("steer", slot, site)
    if "context" in kinds and TEXT in sites:
        yield Intervention("context")


def _sites(options: UseOptions, blocks: Sequence[str]) -> tuple[str, ...]:
    if options.sites is None:
        return (TEXT, *blocks)
    unknown = [site for site in options.sites if site not in (TEXT, *blocks)]
    if unknown:
        raise AuditError(
            f"--use-sites names {unknown[0]!r}, which is neither {TEXT} nor a block of the "
            f"denoiser; its blocks are {', '.join(blocks) or 'not known'}"
        )
    return options.sites


def _slots(
    prompts: Sequence[Prompt], options: UseOptions, seed: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The slots that are measured, and sentences on those that cannot be."""
    values = _values(prompts)
    if not values:
        raise AuditError(
            "no prompt of the run names its constituents, so there is no slot whose use could be "
            "measured; audit a suite with structure (see t2i-audit prompts)"
        )
    for name in options.slots or ():
        if name not in values:
            raise AuditError(
                f"--use-slots names {name!r}, which is no slot of the run's prompts; they have "
                f"{', '.join(values)}"
            )
    folds = CompositionFolds(tuple(prompts), seed)
    faults = folds.refusals(values)
    for name in options.slots or ():
        if name in faults:
            raise AuditError(faults[name])
    kept = tuple(name for name in options.slots or values if name not in faults)
    if not kept:
        first = next(iter(faults.values()))
        raise AuditError(f"the run has too few prompts to measure use: {first}")
    return kept, tuple(f"{fault}." for fault in faults.values())


def _values(prompts: Sequence[Prompt]) -> dict[str, tuple[str, ...]]:
    """By slot, in the order of their first mention, the values that occur in it."""
    found: dict[str, set[str]] = {}
    for prompt in prompts:
        for part in prompt.constituents:
            found.setdefault(part.slot, set()).add(part.value)
    return {slot: tuple(sorted(own)) for slot, own in found.items()}


def _rank(
    one: Intervention, sites: Mapping[str, int], slots: Sequence[str]
) -> tuple[int, int, int]:
    """Where a change stands in the table, in whatever order it was asked for."""
    slot = slots.index(one.slot) if one.slot in slots else len(slots)
    return sites.get(one.site, len(sites)), slot, ORDER.index(one.kind)


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"use/{seed}/{name}".encode()).digest()
