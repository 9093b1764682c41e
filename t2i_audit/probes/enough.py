"""Whether a suite is large enough for a slot to be read: the one place that says so.

The rule comes from simulations with known truth (docs/method.md): below it slots that are written
perfectly read as lost, and noise reads above chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from prompts.structure import Prompt

# For each value of the slot. With the 6 colours of the rendered world that is 60 prompts.
FEWEST_PER_VALUE = 10


def too_small(prompts: Sequence[Prompt], slot: str) -> str | None:
    """Why `prompts` are too few for `slot` to be read; None if they are enough.

    The slot needs 10 prompts for each of its values, on average.

    >>> from prompts.suite import load_suite
    >>> prompts = load_suite("world-relations").prompts
    >>> too_small(prompts, "object_1.colour")
    >>> too_small(prompts[:24], "object_1.colour")
    'it has 24 prompts for 6 values, and needs 10 for each'
    """
    parts = (prompt.constituent(slot) for prompt in prompts)
    counts = Counter(part.value for part in parts if part is not None)
    if counts.total() < FEWEST_PER_VALUE * len(counts):
        return (
            f"it has {counts.total()} prompts for {len(counts)} values, and needs "
            f"{FEWEST_PER_VALUE} for each"
        )
    return None
