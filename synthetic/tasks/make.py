"""From settings to a task family and its encoder."""

from __future__ import annotations

from collections.abc import Sequence

from synthetic.settings import HierarchySettings, PreferenceSettings, TaskSettings
from synthetic.tasks.base import TaskFamily
from synthetic.tasks.encodings import Encoder, NoEncoding, make_encoder
from synthetic.tasks.hierarchy import Hierarchy
from synthetic.tasks.hyperteacher import Hyperteacher
from synthetic.tasks.preference import Preference


def make_family(settings: TaskSettings, seeds: Sequence[int]) -> TaskFamily:
    """The family that `settings` describe, one member for each of `seeds`.

    Raises:
        AuditError: the sizes do not fit each other.
    """
    if isinstance(settings, PreferenceSettings):
        return Preference.of(
            seeds, modules=settings.modules, active=settings.active, features=settings.features
        )
    if isinstance(settings, HierarchySettings):
        return Hierarchy.of(
            seeds,
            levels=settings.levels,
            symbols=settings.symbols,
            synonyms=settings.synonyms,
        )
    return Hyperteacher.of(
        seeds,
        modules=settings.modules,
        active=settings.active,
        input_size=settings.size,
        hidden_size=settings.size,
        output_size=settings.size,
    )


def make_task_encoder(settings: TaskSettings, family: TaskFamily, seeds: Sequence[int]) -> Encoder:
    """The encoder that `settings` name, with its own parameters for each of `seeds`.

    Raises:
        AuditError: the encoding does not fit the number of modules or the family.
    """
    if isinstance(settings, HierarchySettings):
        return NoEncoding()
    return make_encoder(
        settings.encoding, family, seeds, invertible_scale=settings.invertible_scale
    )
