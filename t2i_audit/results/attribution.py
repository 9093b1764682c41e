"""What wrong images are attributed to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from t2i_audit.results.interval import Interval, undefined

Cause = Literal["encoder", "denoiser", "chance", "not told from chance", "unclear"]
Detail = Literal["lost_on_the_way_in", "held_not_drawn", "unclear"]
Culprit = Literal[
    "encoder", "denoiser", "chance", "not told from chance", "unclear", "few failures"
]


@dataclass(frozen=True)
class AttributionShares:
    """Shares of the wrong images, which sum to 1."""

    causes: dict[Cause, Interval]
    """The cause ``not told from chance`` stands for ``denoiser`` and ``chance`` together where
    prompts have too few images to tell these two apart."""
    details: dict[Detail, Interval]
    """What the share of the denoiser, or that not told from chance, is made up of: shares among all
    wrong images. Empty where the denoiser was not probed."""
    failure_rate: Interval
    """Share of judged images that are wrong; `n` counts images."""
    culprit: Culprit
    of: Literal["prompts", "images"] = "prompts"
    """What the shares are of, and every `n` of them counts: failing prompts in runs of earlier
    versions, wrong images since."""
    failing_prompts: int = 0
    """Prompts with a wrong image; 0 in runs of earlier versions."""
    reason: str = ""
    """Why the culprit is unclear; empty where one is named."""
    lead: Interval = field(default_factory=undefined)
    """The largest share less the next one."""
    repeats: Interval = field(default_factory=undefined)
    """Intraclass correlation over seeds of the prompts that the text encoder holds: 1 if the same
    prompts fail again, 0 if any may; `n` counts prompts."""
    underpowered: dict[str, Interval] = field(default_factory=dict)
    """For each slot (a relation with its nouns) that the probe of the denoiser calls lost where it
    is not: among the images that are drawn right, the share in which that probe reads it; `n`
    counts images."""
