"""What a pipeline's VAE loses between the latents that it is given and the image that it makes."""

from __future__ import annotations

from dataclasses import dataclass

from t2i_audit.results.interval import Interval


@dataclass(frozen=True)
class ToldApart:
    """How well images of two values of one kind are told apart, before the VAE and behind it.

    Of prompts that name one of the two values and not the other; a guess is right in half of them.
    """

    kind: str
    values: tuple[str, str]
    latents: Interval
    """Share told apart by the latents at the end of sampling."""
    again: Interval
    """The same by the latents of the decoded image, encoded again."""
    loss: Interval
    """``latents - again``, paired; all pairs' intervals hold together at 95%."""
    lost: bool
    """Whether they look alike behind the VAE: the loss is sure, and ``again`` is surely nearer to a
    guess than to ``latents``."""


@dataclass(frozen=True)
class VaeSummary:
    """What is lost in one VAE."""

    component: str
    n_prompts: int
    """Of each the first image was read."""
    pairs: tuple[ToldApart, ...]
    """The surest loss first."""

    @property
    def lost(self) -> tuple[ToldApart, ...]:
        """The pairs of values that are read as one behind the VAE."""
        return tuple(pair for pair in self.pairs if pair.lost)
