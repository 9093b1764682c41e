"""One change of what the denoiser is given or holds."""

from __future__ import annotations

from dataclasses import dataclass

from t2i_audit.results.use import TEXT, Kind


@dataclass(frozen=True, order=True)
class Intervention:
    """What is changed while images are drawn anew with the same noise."""

    kind: Kind
    slot: str = ""
    """The slot that is erased, exchanged, or whose rank the random subspace has; empty for
    ``context``, which concerns all words."""
    site: str = TEXT
    """Where: ``text``, what the denoiser is given, or the name of one of its blocks."""
