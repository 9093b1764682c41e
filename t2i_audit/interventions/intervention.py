"""One change of what the denoiser is given or holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from t2i_audit.errors import ModelError
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

    @property
    def concerns(self) -> str:
        """The slot, or ``context``: by this name it is said what cannot be changed."""
        return self.slot or self.kind

    def require(self, possible: Collection[str], refused: Mapping[str, str]) -> None:
        """Refuse a change of what cannot be changed.

        Args:
            possible: slots, and ``context``, that can be changed.
            refused: slot, or ``context`` -> why it cannot be changed.

        Raises:
            ModelError: it is refused, or no prompt has the slot.
        """
        if self.concerns in refused:
            raise ModelError(f"{refused[self.concerns]}.")
        if self.concerns not in possible:
            raise ModelError(f"No prompt has the slot {self.slot!r}, so it cannot be erased.")
