"""The model's culprit, from the shares of its wrong images.

The first rule that fits:

- ``few failures`` when no image is wrong, or when the interval of the failure rate stays at or
  below 0.10;
- ``unclear`` when no image was judged, when wrong images are of fewer than 6 compositions, when the
  largest share is ``unclear`` itself, or when its lead is not sure: the 95% interval of the largest
  share less the next one, both taken from the same resampled compositions, reaches 0;
- else the cause with the largest share.
"""

from __future__ import annotations

from collections.abc import Mapping

from t2i_audit.printable import counted
from t2i_audit.results.attribution import Cause, Culprit
from t2i_audit.results.interval import Interval

CAUSES: tuple[Cause, ...] = ("encoder", "denoiser", "chance", "not told from chance", "unclear")

# Failures are few when their rate's interval stays at or below this share of the images.
FEW_FAILURES = 0.10

# Where two causes are equal, 6 compositions all fall to one of them in 2 of 64 cases.
FEWEST_FAILING = 6

NOTHING_JUDGED = "no image was judged"
NOT_READ = "the largest share has no clear cause"
NO_LEAD = "the two largest shares do not surely differ"


def culprit(
    shares: Mapping[Cause, Interval], lead: Interval, failure_rate: Interval, *, failing: int
) -> tuple[Culprit, str]:
    """Name the culprit by the rule above, and say why it is unclear if it is.

    Args:
        shares: of the wrong images.
        lead: the largest share less the next one.
        failure_rate: share of judged images that are wrong.
        failing: compositions with a wrong image.
    """
    if failure_rate.n == 0:
        return "unclear", NOTHING_JUDGED
    if failure_rate.estimate == 0 or failure_rate.upper <= FEW_FAILURES:
        return "few failures", ""
    if failing < FEWEST_FAILING:
        return "unclear", (
            f"the wrong images are of {counted(failing, 'composition')}, and at least "
            f"{FEWEST_FAILING} are needed"
        )
    first = by_share(shares)[0]
    if first == "unclear":
        return "unclear", NOT_READ
    if not lead.lower > 0:
        return "unclear", NO_LEAD
    return first, ""


def by_share(shares: Mapping[Cause, Interval]) -> list[Cause]:
    """The causes from the largest share to the smallest; equal ones in the order of `CAUSES`."""
    given = [name for name in CAUSES if name in shares]
    return sorted(given, key=lambda name: shares[name].estimate, reverse=True)
