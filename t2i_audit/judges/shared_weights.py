"""Whether a judge has the weights of the audited model's text encoder.

Such a judge reads a prompt as the model does, so that what the encoder confuses the judge confuses
too, and the error stays unseen. The usual case is Stable Diffusion 1.5, whose text encoder is the
text tower of OpenAI's CLIP ViT-L/14. The libraries name and split the tensors differently, so
that contents are compared and not names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from t2i_audit.pipelines.text_encoders import TextEncoder

# bfloat16 has 8 significant bits: rounding changes a number by at most this share of it.
RELATIVE = 2.0**-8
ABSOLUTE = 1e-6  # half precision's numbers near 0 are this far apart


def encoders_shared_with(judge: object, encoders: Sequence[TextEncoder]) -> tuple[str, ...]:
    """The names of the `encoders` whose weights are in the judge's network.

    An encoder counts as shared if its table of token embeddings and a matrix of its first block
    are tensors of the judge, up to the rounding of half precision. Weights that are not in memory
    (with ``--offload sequential``) are not compared.

    Args:
        judge: any judge; one without a network in `model` shares nothing.
        encoders: of the audited pipeline.
    """
    by_shape: dict[tuple[int, ...], list[torch.Tensor]] = {}
    for tensor in _matrices(getattr(judge, "model", None)):
        by_shape.setdefault(tuple(tensor.shape), []).append(tensor)
    if not by_shape:
        return ()

    def is_known(tensors: Iterator[torch.Tensor]) -> bool:
        return any(
            _equal(tensor, other)
            for tensor in tensors
            for other in by_shape.get(tuple(tensor.shape), ())
        )

    return tuple(
        encoder.name
        for encoder in encoders
        if encoder.blocks
        and any(is_known(_matrices(table)) for table in encoder.tables)
        and is_known(_matrices(encoder.blocks[0]))
    )


def _matrices(module: Any) -> Iterator[torch.Tensor]:
    from torch import nn

    if isinstance(module, nn.Module):
        for tensor in module.parameters():
            if tensor.ndim == 2 and tensor.is_floating_point() and not tensor.is_meta:
                yield tensor.detach()


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    # The first row differs already in almost every other pair.
    return all(_close(one[rows], other[rows]) for rows in (slice(1), slice(None)))


def _close(one: torch.Tensor, other: torch.Tensor) -> bool:
    import torch

    first, second = one.float().cpu(), other.float().cpu()
    return torch.allclose(first, second, rtol=RELATIVE, atol=ABSOLUTE)
