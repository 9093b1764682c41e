"""Which part of a guided batch holds the prompts: decided by values and never guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from t2i_audit.activations.denoiser.declared import declared_states
from t2i_audit.activations.denoiser.inputs import find_states, is_list, sequences_in
from t2i_audit.activations.denoiser.layout import StatesPlace
from t2i_audit.activations.denoiser.prompt_states import PromptStates
from t2i_audit.activations.denoiser.trace import DenoiserTrace, TracedCall
from t2i_audit.pipelines.families import FAMILIES, FamilyFacts


@dataclass(frozen=True)
class Holder:
    """What holds the prompts in a trace."""

    call: int
    part: int
    """Of the call's batch."""
    found: Mapping[str, StatesPlace]
    """The encoders' states among the call's arguments."""
    several: Sequence[str] = ()
    """Encoders whose states are at several places too much alike."""


def find_conditional(trace: DenoiserTrace, states: Mapping[str, PromptStates]) -> Holder | None:
    """The call and part of `trace` that hold the prompts' states; None where none does."""
    facts = FAMILIES.get(trace.denoiser)
    declared = None if facts is None else _conditional_by_states(trace, states, facts)
    # Where the declared places hold nowhere and the search finds others, the row is wrong.
    return declared or _conditional_by_states(trace, states)


def _conditional_by_states(
    trace: DenoiserTrace,
    states: Mapping[str, PromptStates],
    facts: FamilyFacts | None = None,
) -> Holder | None:
    """The call and the part of its batch that hold the prompts, with where their states are.

    The states are looked for where `facts` declare them, and everywhere if these are None.

    Several parts of one call may hold them: with perturbed attention the last one is the
    perturbed one, and otherwise nothing shows which of them is the conditional one.
    """
    for index, call in enumerate(trace.calls):
        if call.batch % trace.batch:
            continue
        holders = []
        for part in range(call.batch // trace.batch):
            rows = [part * trace.batch + row for row in trace.prompts]
            several: list[str] = []
            if facts is None:
                found, several = find_states(call.arguments, states, rows)
            else:
                found = declared_states(call, rows, states, facts) or {}
            if found:
                holders.append(Holder(index, part, found, several))
        if trace.perturbed and len(holders) > 1:
            holders.pop()
        if len(holders) == 1:
            return holders[0]
        if holders:
            return None
    return None


def conditional_by_comparison(
    trace: DenoiserTrace, other: DenoiserTrace | None
) -> tuple[int, int] | None:
    """The call and the part of its batch that differ between two traces; None unless one does."""
    if len(trace.calls) == 1 and trace.calls[0].batch == trace.batch:
        return 0, 0
    if other is None:
        return None
    changed: list[tuple[int, int]] = []
    for index, (one, two) in enumerate(zip(trace.calls, other.calls, strict=False)):
        if one.batch != two.batch or one.batch % trace.batch:
            continue
        for part in range(one.batch // trace.batch):
            rows = slice(part * trace.batch, (part + 1) * trace.batch)
            if _differs(one, two, rows):
                changed.append((index, part))
    first = [each for each in changed if each[0] == changed[0][0]]
    if trace.perturbed and len(first) > 1:
        first.pop()
    return first[0] if len(first) == 1 else None


def _differs(one: TracedCall, two: TracedCall, rows: slice) -> bool:
    """Whether anything but the image differs in `rows` of two calls' arguments."""
    import torch

    name, *_ = one.arguments
    others = [
        sequences_in({key: value for key, value in call.arguments.items() if key != name})
        for call in (one, two)
    ]
    for key in others[0].keys() & others[1].keys():
        a, b = others[0][key], others[1][key]
        if is_list(a) or is_list(b) or len(a) != one.batch or len(b) != two.batch:
            continue
        if a.shape != b.shape or not torch.equal(a[rows], b[rows]):
            return True
    return False
