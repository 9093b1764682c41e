"""What stands beside a judge's success rates on the screen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from t2i_audit.results.judge_facts import BlindBaselines, GuessRates, JudgeFacts
from t2i_audit.results.success import SuccessRates


def guess_cells(success: SuccessRates, guessing: GuessRates) -> Iterator[str]:
    """The share that guessing would give beside each rate of `success`, in the report's order."""
    yield _cell(guessing.overall)
    for rates, guesses in (
        (success.by_slot, guessing.by_slot),
        (success.by_type, guessing.by_type),
        (success.by_split, guessing.by_split),
        (success.by_reading, guessing.by_reading),
    ):
        for name in rates:
            yield _cell(guesses.get(name, math.nan))


def baseline_lines(facts: Mapping[str, JudgeFacts]) -> Iterator[str]:
    """What each judge scores without the right image, one line a judge."""
    for name, own in facts.items():
        if own.blind is not None:
            yield f"Without the image, {name} calls right: {_baselines(own.blind)}"


def _baselines(blind: BlindBaselines) -> str:
    found = [
        f"{blind.shuffled.overall} of the images of other prompts",
        f"{blind.blank.overall} of grey images",
    ]
    if blind.text_only is not None:
        found.append(f"{blind.text_only.overall} of the captions by themselves")
    return f"{', '.join(found)} (a sample of {blind.sampled:,})"


def _cell(share: float) -> str:
    return "" if math.isnan(share) else f"{share:.2f}"
