"""What a pipeline's VAE loses between the latents that it is given and the image that it makes."""

from __future__ import annotations

from dataclasses import dataclass

from t2i_audit.results.told_apart import ToldApart


@dataclass(frozen=True)
class VaeSummary:
    """What is lost in one VAE."""

    component: str
    n_prompts: int
    """Of each the first image was read."""
    pairs: tuple[ToldApart, ...]
    """By the latents at the end of sampling, and by those of the decoded image, encoded again; the
    surest loss first."""

    @property
    def lost(self) -> tuple[ToldApart, ...]:
        """The pairs of values that are read as one behind the VAE."""
        return tuple(pair for pair in self.pairs if pair.lost)
