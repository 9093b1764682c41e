"""Which prompts of a suite a judge can judge, and the sentences about those it cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from t2i_audit.errors import JudgeError
from t2i_audit.pipelines.safety import IMAGE_FLAWS

if TYPE_CHECKING:
    from prompts.structure import Prompt

TIE = "the prompt and a foil are equally similar to the image"
NO_LABEL = "no label"
SPLIT = "as many raters say right as wrong"
CANNOT_TELL = "no rater can tell"

NAMED = 20  # ids that a note lists; the table has all of them


@dataclass(frozen=True)
class Scope:
    """Which prompts of a suite a judge can judge."""

    unjudgeable: Mapping[str, str]
    """Id of each prompt that it cannot judge, and why; empty if it can judge all."""
    cut: tuple[str, ...] = ()
    """Ids of prompts that it judges although it does not read them or a foil to the end."""
    remarks: tuple[str, ...] = ()
    """Further sentences, without a full stop, on how it judges the suite or what it leaves out."""

    def by_reason(self) -> dict[str, tuple[str, ...]]:
        """The ids of the prompts that cannot be judged, by reason, in the suite's order."""
        ids: dict[str, list[str]] = {}
        for prompt_id, reason in self.unjudgeable.items():
            ids.setdefault(reason, []).append(prompt_id)
        return {reason: tuple(each) for reason, each in ids.items()}


class Reader(Protocol):
    """The part of a judge that reads prompts; it needs neither images nor weights."""

    @property
    def name(self) -> str:
        """Its name in results."""
        ...

    @property
    def window(self) -> int | None:
        """How many tokens of a text it reads, begin and end included; None: no stated limit."""
        ...

    @property
    def advice(self) -> str:
        """What the user can do about prompts that it cannot judge."""
        ...

    def scope(self, prompts: Sequence[Prompt]) -> Scope:
        """Which of `prompts` it can judge.

        Raises:
            JudgeError: its tokenizer cannot read them.
        """
        ...


def require_scope(
    reader: Reader, scope: Scope, prompts: Sequence[Prompt], *, strict: bool = False
) -> None:
    """Refuse a suite that a judge cannot judge.

    Raises:
        JudgeError: it can judge none of the prompts, or, if `strict`, not all of them.
    """
    left_out = len(scope.unjudgeable)
    if not left_out or (left_out < len(prompts) and not strict):
        return
    texts = {prompt.id: prompt.text for prompt in prompts}
    reasons = "; ".join(
        f"{reason} ({len(ids)}, e.g. {ids[0]!r}: {_short(texts[ids[0]])!r})"
        for reason, ids in scope.by_reason().items()
    )
    if left_out == len(prompts):
        raise JudgeError(
            f"judge {reader.name!r} can judge none of the {left_out} prompts: {reasons}; "
            f"{reader.advice}"
        )
    raise JudgeError(
        f"judge {reader.name!r} cannot judge {left_out} of {len(prompts)} prompts: {reasons}; "
        f"{reader.advice}, or do without --strict to leave them out"
    )


def scope_lines(reader: Reader, scope: Scope, n_prompts: int, *, named: int = 1) -> Iterator[str]:
    """Sentences, without a full stop, on prompts that a judge leaves out or cuts off, and remarks.

    Each lists the first `named` ids.
    """
    for reason, ids in scope.by_reason().items():
        yield (
            f"{reader.name} cannot judge {len(ids)} of {n_prompts} prompts: {reason} "
            f"({_names(ids, named)})"
        )
    if scope.cut:
        yield (
            f"{reader.name} reads only the first {reader.window} tokens of a text; "
            f"{len(scope.cut)} of {n_prompts} prompts, or foils of theirs, are longer and are "
            f"judged by their beginning ({_names(scope.cut, named)})"
        )
    yield from scope.remarks


def scope_notes(
    reader: Reader, scope: Scope, n_prompts: int, judged: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Notes for the reader of the results on images without a verdict.

    Args:
        reader: the judge.
        scope: of the suite.
        n_prompts: in the suite.
        judged: rows of the table ``judgements``.
    """
    notes = [f"{line}." for line in scope_lines(reader, scope, n_prompts, named=NAMED)]
    # What a judge finds only when it sees the image, as opposed to the image's own flaws.
    undecided: dict[str, list[str]] = {}
    for row in judged:
        flaw, prompt_id = row["flaw"], str(row["prompt_id"])
        found = row["correct"] is None and flaw and flaw not in IMAGE_FLAWS
        if found and prompt_id not in scope.unjudgeable:  # those are named above
            undecided.setdefault(str(flaw), []).append(prompt_id)
    for flaw, ids in undecided.items():
        notes.append(
            f"{len(ids)} of {len(judged)} images are undecided, neither right nor wrong: {flaw} "
            f"({_names(tuple(dict.fromkeys(ids)), NAMED)})."
        )
    return notes


def _names(ids: Sequence[str], most: int) -> str:
    shown = ", ".join(repr(each) for each in ids[:most])
    return shown if len(ids) <= most else f"{shown} and {len(ids) - most:,} more"


def _short(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
