"""What is declared of the families of denoisers that are audited most.

One row for each class of denoiser: in which argument each text encoder's states are, and how far
they are shifted there, against their positions in the encoder's input. Which output of a block is
the image and which the text is declared by diffusers itself, for each class of block.

A row saves the search and is checked by value all the same: one that does not hold is an error.
Families without a row are searched (`t2i_audit.activations.denoiser.following`). To add one, look
at `docs/pipeline-families.md` for what the search finds, and at the pipeline's `encode_prompt` for
why it is so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CLIP_WINDOW = 77  # tokens; those of T5 come behind them in Stable Diffusion 3
QWEN_TEMPLATE = 34  # tokens of the chat template before the prompt, which Qwen-Image cuts off
TEXT = "encoder_hidden_states"


@dataclass(frozen=True)
class TextFacts:
    """Where one text encoder's states are among the denoiser's arguments."""

    argument: str = TEXT
    shift: int = 0
    """Position there minus position in the encoder's input."""


@dataclass(frozen=True)
class FamilyFacts:
    """What is declared of one class of denoiser."""

    families: str
    """For messages and the docs."""
    text: Mapping[str, TextFacts]
    """By the name of the text encoder; those that a checkpoint lacks are passed over."""
    joined: frozenset[str] = field(default_factory=frozenset)
    """Lists of blocks whose only sequence is the text followed by the image."""


@dataclass(frozen=True)
class BlockFacts:
    """What diffusers declares of a class of block."""

    image_output: int
    text_output: int | None
    image_argument: str
    text_argument: str


FAMILIES: Mapping[str, FamilyFacts] = {
    "UNet2DConditionModel": FamilyFacts(
        families="Stable Diffusion 1, 2 and XL",
        text={"text_encoder": TextFacts(), "text_encoder_2": TextFacts()},
    ),
    "SD3Transformer2DModel": FamilyFacts(
        families="Stable Diffusion 3 and 3.5",
        text={
            "text_encoder": TextFacts(),
            "text_encoder_2": TextFacts(),
            "text_encoder_3": TextFacts(shift=CLIP_WINDOW),
        },
    ),
    "FluxTransformer2DModel": FamilyFacts(
        families="FLUX.1",
        text={"text_encoder_2": TextFacts()},
    ),
    "Flux2Transformer2DModel": FamilyFacts(
        families="FLUX.2",
        text={"text_encoder": TextFacts()},
        joined=frozenset({"single_transformer_blocks"}),
    ),
    "QwenImageTransformer2DModel": FamilyFacts(
        families="Qwen-Image",
        text={"text_encoder": TextFacts(shift=-QWEN_TEMPLATE)},
    ),
    "PixArtTransformer2DModel": FamilyFacts(
        families="PixArt alpha and sigma",
        text={"text_encoder": TextFacts()},
    ),
}


def block_facts(kind: type) -> BlockFacts | None:
    """What diffusers declares of the class of block `kind`; None where it declares nothing."""
    try:
        from diffusers.hooks._helpers import TransformerBlockRegistry
    except ImportError:  # an older diffusers
        return None
    try:
        facts = TransformerBlockRegistry.get(kind)
    except ValueError:
        return None
    if facts.return_hidden_states_index is None:
        return None
    return BlockFacts(
        facts.return_hidden_states_index,
        facts.return_encoder_hidden_states_index,
        getattr(facts, "hidden_states_argument_name", "hidden_states"),
        getattr(facts, "encoder_hidden_states_argument_name", TEXT),
    )
