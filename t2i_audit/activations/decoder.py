"""What a pipeline's VAE is given to decode, and what it reads in the image that it made of it.

The latents at the end of sampling are decoded to an image, and the image is encoded again by the
same VAE. Both are vectors of the same kind, so what differs in the first and not in the second was
lost on the way through the VAE.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from t2i_audit.models.out_of_memory import is_out_of_memory
from t2i_audit.pipelines.workarounds import replaced_method
from t2i_audit.run.features import Key

if TYPE_CHECKING:
    import torch

LATENTS, AGAIN = "latents", "decoded again"
"""The layers of the VAE's places."""
POSITION = "grid"
SIDE = 16  # positions a side that are kept of the latents


@dataclass(eq=False)
class DecoderStates:
    """What was recorded of `r` images of one batch."""

    features: dict[Key, torch.Tensor] = field(default_factory=dict)
    """``(r, 256 * c)``: the channels of each position, one position after the other."""


def image_decoder(pipeline: Any) -> tuple[str, Any] | None:
    """The component that decodes latents to images and encodes images, with its name.

    None where there is none, as in pipelines that sample pixels.
    """
    found = [
        (name, each)
        for name, each in pipeline.components.items()
        if callable(getattr(each, "decode", None))
        and callable(getattr(each, "encode", None))
        # Tokenizers have both as well.
        and hasattr(each, "parameters")
    ]
    return found[0] if len(found) == 1 else None


@contextmanager
def recording_decoder(pipeline: Any, rows: Sequence[int], batch: int) -> Iterator[DecoderStates]:
    """Within the block, record the pipeline's call for a `batch` of images in some `rows`.

    Images are not changed by it. What is not the latents of an image is passed over: then nothing
    is recorded.
    """
    states = DecoderStates()
    found = image_decoder(pipeline)
    if found is None or not rows:
        yield states
        return
    name, decoder = found
    reader = _Reader(name, decoder, frozenset(rows))
    with replaced_method(decoder, "decode", partial(reader.decode, decoder.decode)):
        yield states
    # A pipeline may decode a batch in several calls; what it decodes besides is something else.
    if reader.done == batch and len(reader.latents) == len(rows):
        import torch

        for layer, own in ((LATENTS, reader.latents), (AGAIN, reader.again)):
            states.features[name, layer, POSITION] = torch.stack(own)


class _Reader:
    def __init__(self, name: str, decoder: Any, rows: frozenset[int]) -> None:
        self._name, self._decoder, self._rows = name, decoder, rows
        self.done = 0
        """Images that were decoded."""
        self.latents: list[torch.Tensor] = []
        self.again: list[torch.Tensor] = []

    def decode(self, decode: Any, latents: Any, *args: Any, **kwargs: Any) -> Any:
        decoded = decode(latents, *args, **kwargs)
        try:
            self._read(latents, decoded[0])
        # Autoencoders differ in what they take and return; images do not depend on it.
        except Exception as error:
            if isinstance(error, MemoryError) or (
                isinstance(error, RuntimeError) and is_out_of_memory(error)
            ):
                raise
            self.latents, self.again, self.done = [], [], -len(self._rows)
        return decoded

    def _read(self, latents: torch.Tensor, images: torch.Tensor) -> None:
        import torch

        for row in range(len(latents)):
            if self.done + row not in self._rows:
                continue
            # One by one, so that it needs no more memory than the decoding did.
            with torch.no_grad():
                image = images[row : row + 1].clamp(-1, 1)
                again = _encoded(self._decoder.encode(image))
            own = latents[row : row + 1]
            if again.shape != own.shape:
                raise ValueError("The latents of an image are of another shape than those given")
            self.latents.append(_pooled(own))
            self.again.append(_pooled(again))
        self.done += len(latents)


def _encoded(output: Any) -> torch.Tensor:
    """The latents in what an autoencoder's ``encode`` returns."""
    if hasattr(output, "latent_dist"):
        mode: torch.Tensor = output.latent_dist.mode()
        return mode
    first: torch.Tensor = output[0]
    return first


def _pooled(latents: torch.Tensor) -> torch.Tensor:
    """One image's latents ``(1, c, h, w)``, or of one frame, as ``(256 * c,)`` on the CPU."""
    from torch.nn import functional

    flat = latents.float()
    if flat.ndim == 5:
        flat = flat.squeeze(2)
    pooled = functional.adaptive_avg_pool2d(flat, SIDE)
    return pooled.flatten(2)[0].T.flatten().cpu()
