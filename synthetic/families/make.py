"""From settings to a family."""

from __future__ import annotations

from collections.abc import Sequence

from synthetic.families.base import Family
from synthetic.families.hierarchy import Hierarchy
from synthetic.families.hyperteacher import Hyperteacher
from synthetic.families.preference import Preference
from synthetic.settings import RunSettings


def make_family(settings: RunSettings, seeds: Sequence[int]) -> Family:
    """The family that `settings` name, one member for each of `seeds`.

    Raises:
        AuditError: the sizes do not fit each other.
    """
    if settings.family == "preference":
        return Preference.of(
            seeds, modules=settings.modules, active=settings.active, features=settings.size
        )
    if settings.family == "hierarchy":
        return Hierarchy.of(
            seeds,
            levels=settings.size,
            symbols=settings.modules,
            synonyms=settings.active,
        )
    return Hyperteacher.of(
        seeds,
        modules=settings.modules,
        active=settings.active,
        input_size=settings.size,
        hidden_size=settings.size,
        output_size=settings.size,
    )
