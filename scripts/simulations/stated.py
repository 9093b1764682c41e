"""Goals that are missed, and why; the page of the manual says so too."""

from __future__ import annotations

import re

# Pattern of a figure's key -> why it misses its goal, and what follows for a reader.
REASONS: dict[str, str] = {
    r"1a (15|60) compositions, rate .*: (overall|held out|rare type|slot few prompts have)": (
        "Of few compositions, or where few of them fail, the interval is too wide: what so few "
        "cannot show is taken as possible."
    ),
    r"1g 6 runs, correlation 0.95, errors of 0.7 sd in both: Pearson of exact figures": (
        "So few runs with errors so large show little, and the interval is as wide as can be."
    ),
    r"1e shares of the causes, .*: (encoder|denoiser)": (
        "The interval of a share is at least that of one trial a failing composition."
    ),
    r"3 words without order, (60|120) prompts: decoded": (
        "Few prompts are read a little too badly; the threshold does not rest on them."
    ),
    r"3 (verdict on merged|colours in the text encoder of patchy): the same at .*": (
        "Near the threshold, a verdict is unclear of few prompts and becomes clear of more."
    ),
    r"3 calibration, .*: expected calibration error": (
        "In between knowing nearly all and nothing, probabilities are off by up to .13."
    ),
    r"6 (15|60) compositions, .*: (difference|a difference found)": (
        "Where few compositions differ between two runs, the interval is too wide and a difference "
        "is found too rarely."
    ),
    r"6 240 compositions, 2 seeds, 0.9 to 0.95, planned: .*": (
        "A candidate nearer to 0 or 1 than its base varies less than was planned for."
    ),
    r"7 .*(15|60|200) compositions.*: (use|followed|difference of use)": (
        "Where no image of a slot changes, or few compositions show it, the interval is too wide: "
        "what so few cannot show is taken as possible."
    ),
    r"7 verdict: used, drawn badly, not followed, (60|120) prompts: named wrongly": (
        "A slot that is drawn badly has little to lose, so that of few prompts steering decides "
        "alone, and a slot that is used but does not follow it passes for not used."
    ),
}


def reason_of(key: str) -> str | None:
    """Why the figure of this key misses its goal, or None where that is not known."""
    return next((why for pattern, why in REASONS.items() if matches(pattern, key)), None)


def matches(pattern: str, key: str) -> bool:
    """Whether a pattern of `REASONS` is about the figure of this key."""
    return re.fullmatch(pattern, key) is not None
