"""Which component of a pipeline is its denoiser, and which of its blocks are recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError
from t2i_audit.pipelines.components import denoiser_name

if TYPE_CHECKING:
    from torch import nn

# Lists of blocks that process only the text, or the image before it meets the text.
SIDE_STACKS = ("refiner", "text", "context", "caption", "controlnet")
TRANSFORMER_BLOCKS = 4  # blocks recorded of a transformer, spread evenly over its depth


def denoiser_blocks(pipeline: Any) -> tuple[str, dict[str, nn.Module]]:
    """The denoiser's component name and the blocks to record, by module path in order of depth.

    These are all top-level blocks of a UNet and the last block of each quarter of a transformer.

    Raises:
        ModelError: the pipeline has no denoiser whose blocks are known.
    """
    from torch import nn

    name = denoiser_name(pipeline)
    if name is not None:
        denoiser = without_compilation(pipeline.components[name])
        paths: list[str] = []
        if is_unet(denoiser):
            paths += [f"down_blocks.{i}" for i in range(len(denoiser.down_blocks))]
            paths += ["mid_block"] if getattr(denoiser, "mid_block", None) is not None else []
            paths += [f"up_blocks.{i}" for i in range(len(denoiser.up_blocks))]
        else:
            every = list(stacked_blocks(denoiser))
            count = min(TRANSFORMER_BLOCKS, len(every))
            paths = [every[(i + 1) * len(every) // count - 1] for i in range(count)]
        if paths:
            blocks = ((path, denoiser.get_submodule(path)) for path in paths)
            # A ModuleList is never called itself: its output is that of its last entry.
            return name, {
                path: block[-1] if isinstance(block, nn.ModuleList) else block
                for path, block in blocks
            }
    raise ModelError(
        f"{type(pipeline).__name__} has no denoiser whose blocks are known; "
        "give --no-denoiser-station"
    )


def stacked_blocks(denoiser: nn.Module) -> Iterator[str]:
    """Paths of a transformer's blocks that have attention, in order of depth."""
    from torch import nn

    for name, stack in denoiser.named_children():
        if not isinstance(stack, nn.ModuleList) or any(side in name for side in SIDE_STACKS):
            continue
        for index, block in enumerate(stack):
            if any("attn" in path or "attention" in path for path, _ in block.named_modules()):
                yield f"{name}.{index}"


def is_unet(denoiser: Any) -> bool:
    """Whether the blocks of `denoiser` work on feature maps, and the text stays outside of them."""
    return hasattr(denoiser, "down_blocks") and hasattr(denoiser, "up_blocks")


def without_compilation(denoiser: Any) -> Any:
    """The module itself where `denoiser` is what ``torch.compile`` returned for it."""
    return getattr(denoiser, "_orig_mod", denoiser)
