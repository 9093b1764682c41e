"""What success rates would be if the judge guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from prompts.structure import Prompt
from t2i_audit.results.judge_facts import GuessRates


def guess_rates(
    prompts: Sequence[Prompt],
    judged: Sequence[Mapping[str, Any]],
    overall: Mapping[str, float],
    slots: Mapping[str, Mapping[str, float]],
    read_whole: Sequence[bool],
) -> GuessRates:
    """The mean chance of a right guess over the same images as each success rate.

    Args:
        prompts: the suite's `n` prompts.
        judged: rows of the table ``judgements`` of one judge; those without a verdict do not count.
        overall: by prompt id, the chance that a guess calls its image right.
        slots: by prompt id, the same for each of its slots.
        read_whole: ``(n,)`` prompts that a text encoder gets to the end as they are.
    """
    by_id = {prompt.id: prompt for prompt in prompts}
    whole = {prompt.id: bool(own) for prompt, own in zip(prompts, read_whole, strict=True)}
    rows = [row for row in judged if row["correct"] is not None and row["prompt_id"] in overall]
    chances = [overall[row["prompt_id"]] for row in rows]
    own = [by_id[row["prompt_id"]] for row in rows]
    readings = ["read_whole" if whole[each.id] else "not_read_whole" for each in own]
    return GuessRates(
        overall=_mean(chances),
        by_slot=_means(
            (slot, slots[row["prompt_id"]][slot])
            for row in rows
            for slot, right in row["slots"].items()
            if right is not None and slot in slots[row["prompt_id"]]
        ),
        by_type=_means(zip((each.type for each in own), chances, strict=True)),
        by_split=_means(
            (each.split, chance) for each, chance in zip(own, chances, strict=True) if each.split
        ),
        by_reading={} if all(whole.values()) else _means(zip(readings, chances, strict=True)),
    )


def _means(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    groups: dict[str, list[float]] = {}
    for name, chance in pairs:
        groups.setdefault(name, []).append(chance)
    return {name: _mean(groups[name]) for name in sorted(groups)}


def _mean(chances: Sequence[float]) -> float:
    return float(np.mean(chances)) if chances else float("nan")
