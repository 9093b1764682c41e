"""A pipeline in memory, with everything that identifies it in a run's manifest."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.models.files import Checkpoint
from t2i_audit.models.quantize import quantization_of
from t2i_audit.models.resolve import Source
from t2i_audit.pipelines.adapter import PipelineAdapter, adapt
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.settings import Placement

if TYPE_CHECKING:
    import torch

    from t2i_audit.models.embedding import AddedEmbedding
    from t2i_audit.models.lora import AddedLora


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A pipeline ready to run."""

    name: str
    """As the user wrote it."""
    source: Source
    path: Path | None
    """The folder it was loaded from; None if it was in memory."""
    pipeline: Any = field(repr=False)
    """A `diffusers.DiffusionPipeline` on `device`, in evaluation mode."""
    dtype: torch.dtype
    device: torch.device
    checkpoint: Checkpoint
    """Every file that was loaded, or what it is made of if it was in memory."""
    weights_sha256: str
    """See `t2i_audit.models.files.weights_sha256`, and `in_memory_identity.weights_of`."""
    commit: str | None = None
    """The commit that was loaded, if `name` is a hub id."""
    placement: Placement = field(default_factory=Placement)
    """As the user asked for it."""
    loras: tuple[AddedLora, ...] = ()
    embeddings: tuple[AddedEmbedding, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences on how it was changed, for the reader of its results."""
    reporter: Reporter = field(default=SILENT, repr=False)
    """Learns when memory runs short and networks leave the device."""
    adapter: PipelineAdapter = field(init=False, repr=False)
    """What is known of `pipeline`; made anew for every other pipeline, also by `replace`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "adapter", adapt(self.pipeline))

    @cached_property
    def quantization(self) -> dict[str, str]:
        """How the weights of each quantised component are kept; see `quantization_of`."""
        return quantization_of(self.pipeline)

    @property
    def dtype_name(self) -> str:
        """E.g. ``float32``."""
        return str(self.dtype).removeprefix("torch.")
