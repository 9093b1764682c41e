"""What wrong images are attributed to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from t2i_audit.results.interval import Interval

Cause = Literal["encoder", "denoiser", "chance", "unclear"]
Detail = Literal["lost_on_the_way_in", "held_not_drawn", "unclear"]
Culprit = Literal["encoder", "denoiser", "chance", "unclear", "few failures"]


@dataclass(frozen=True)
class AttributionShares:
    """Shares of the failing prompts; every `n` counts failing prompts."""

    causes: dict[Cause, Interval]
    details: dict[Detail, Interval]
    """Shares among all failing prompts; empty when no prompt has a detail."""
    failure_rate: Interval
    """Share of judged images that are wrong; `n` counts images."""
    culprit: Culprit
