"""TEMPORARY."""

from __future__ import annotations

from collections.abc import Sequence

from prompts.structure import Prompt
from t2i_audit.probes.features import slot_targets


def why_not_decodable(prompts: Sequence[Prompt]) -> dict[str, str]:
    found = {}
    known = {t.name for t in slot_targets(prompts)}
    for slot in {part.slot for prompt in prompts for part in prompt.constituents}:
        if slot not in known:
            found[slot] = "it takes a single value"
    return found
