"""What cannot be changed in a model, known once its changes are fitted, and kept beside the images.

So a resumed run, which may have nothing left to fit, says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from t2i_audit.interventions.intervention import Intervention
from t2i_audit.io import read_json, write_json
from t2i_audit.results.use import TEXT

if TYPE_CHECKING:
    from pydantic import TypeAdapter

LIMITS = "use/limits.json"
BLOCKS = "blocks"
CONTEXT = "context"


class Fitted(Protocol):
    """Changes as they were fitted to a model."""

    @property
    def refused(self) -> Mapping[str, str]:
        """Slot, or ``context``, to why it cannot be changed, in a sentence."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results must know."""
        ...


@dataclass(frozen=True)
class Limits:
    """By ``text`` and ``blocks``, what was found when their changes were fitted."""

    refused: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def and_of(self, site: str, fitted: Fitted) -> Limits:
        """These, and those of the changes `fitted` for `site`."""
        place = TEXT if site == TEXT else BLOCKS
        return Limits(
            {**self.refused, place: dict(fitted.refused)}, {**self.notes, place: fitted.notes}
        )

    def reason(self, one: Intervention) -> str | None:
        """Why `one` cannot be carried out; None where it can, or nothing is known of it."""
        place = TEXT if one.site == TEXT else BLOCKS
        name = CONTEXT if one.kind == CONTEXT else one.slot
        return self.refused.get(place, {}).get(name)

    @property
    def sentences(self) -> tuple[str, ...]:
        """All notes."""
        return tuple(dict.fromkeys(note for own in self.notes.values() for note in own))


def read_limits(run: Path) -> Limits:
    """Those that are kept in the run directory `run`; none where nothing was fitted yet."""
    try:
        return _adapter().validate_python(read_json(run / LIMITS))
    except (OSError, ValueError):
        return Limits()  # found again when changes are fitted


def write_limits(run: Path, limits: Limits) -> None:
    """Keep `limits` in the run directory `run`."""
    write_json(run / LIMITS, limits)


@cache
def _adapter() -> TypeAdapter[Limits]:
    from pydantic import TypeAdapter

    return TypeAdapter(Limits)
