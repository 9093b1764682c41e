"""What cannot be changed in a model, known once its changes are fitted, and kept beside the images.

So a resumed run, which may have nothing left to fit, says the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit.interventions.intervention import Intervention
from t2i_audit.io import read_json, write_json

if TYPE_CHECKING:
    from pydantic import TypeAdapter

LIMITS = "use/limits.json"


@dataclass(frozen=True)
class Limits:
    """What was found when changes were fitted."""

    refused: dict[str, dict[str, str]] = field(default_factory=dict)
    """By site, each slot, or ``context``, that cannot be changed, and why, in a sentence."""
    notes: tuple[str, ...] = ()
    """What a reader of the results must know, in sentences."""

    def and_of(self, site: str, refused: Mapping[str, str], notes: Sequence[str] = ()) -> Limits:
        """These, and what was found at `site`."""
        every = dict.fromkeys([*self.notes, *notes])
        return Limits({**self.refused, site: dict(refused)}, tuple(every))

    def reason(self, one: Intervention) -> str | None:
        """Why `one` cannot be carried out; None where it can, or nothing is known of it."""
        return self.refused.get(one.site, {}).get(one.concerns)


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
