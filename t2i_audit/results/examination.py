"""What ``t2i-audit doctor`` finds of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ComponentInfo:
    """A network of a pipeline."""

    name: str
    kind: str
    """Its class."""
    parameters: int
    dtype: str
    device: str


@dataclass(frozen=True)
class EncoderInfo:
    """A text encoder that is read."""

    name: str
    kind: str
    layers: int
    width: int | None
    """Channels of a token's state."""
    tokenizer: str
    """Its class."""
    window: int | None
    """Tokens that the tokenizer pads or cuts a text to; None where it states no length."""


@dataclass(frozen=True)
class Examination:
    """What was found of a checkpoint."""

    model: str
    pipeline: str
    dtype: str
    device: str
    components: tuple[ComponentInfo, ...]
    encoders: tuple[EncoderInfo, ...]
    steps: int | None
    guidance_scale: float | None
    size: tuple[int, int] | None
    """Height and width of the images."""
    denoiser: Mapping[str, Any] | None
    """Its layout, as in a run's manifest."""
    notes: tuple[str, ...]
    problem: str | None
    """Why an audit would be refused; None if it would not."""
