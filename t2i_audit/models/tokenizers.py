"""A checkpoint's tokenizers: their limits, and loading them without the weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from prompts.errors import first_line
from t2i_audit.errors import ModelError
from t2i_audit.models.resolve import check_pipeline, fetch_from_hub, resolve_model
from t2i_audit.pipelines.components import UNLIMITED, encoder_tokenizers
from t2i_audit.pipelines.workarounds import quiet_libraries
from t2i_audit.settings import ModelOptions


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """One tokenizer of a pipeline, and the number of tokens that its encoder reads."""

    name: str
    """Its folder in the pipeline, e.g. ``tokenizer_2``."""
    limit: int | None
    """Begin and end tokens included; None without a limit."""
    tokenizer: Any = field(repr=False)

    def length(self, text: str) -> int:
        """Number of tokens of `text`, begin and end tokens included."""
        return len(self.tokenizer(text, truncation=False, verbose=False)["input_ids"])


def limit_tokenizers(pipeline: Any) -> tuple[str, ...]:
    """Set the limit of tokenizers that state none to their encoders' number of positions.

    A ``tokenizer_config.json`` without ``model_max_length`` leaves a number to which no text can be
    padded.

    Returns:
        A sentence for each tokenizer that was changed.
    """
    notes = []
    for name, encoder, tokenizer in encoder_tokenizers(pipeline):
        stated = getattr(tokenizer, "model_max_length", None)
        if stated is None or stated < UNLIMITED:
            continue
        positions = getattr(encoder.config.get_text_config(), "max_position_embeddings", None)
        if positions is None:
            continue
        tokenizer.model_max_length = int(positions)
        notes.append(
            f"The tokenizer of {name} states no model_max_length; the {positions} positions of "
            f"{name} are taken as its limit."
        )
        # Some pipelines keep the limit of their first tokenizer when they are made.
        if getattr(pipeline, "tokenizer_max_length", 0) >= UNLIMITED:
            pipeline.tokenizer_max_length = int(positions)
    return tuple(notes)


def load_tokenizers(name: str) -> dict[str, Tokenizer]:
    """The tokenizers of the pipeline `name`, by folder name.

    Raises `ModelError` when the pipeline cannot be found or has no tokenizer that loads.
    """
    resolved = resolve_model(name)
    path = resolved.path
    if path is None:
        path = fetch_from_hub(name, ModelOptions())
        check_pipeline(path, name)
    from transformers import AutoTokenizer

    found = {}
    for folder in sorted(path.glob("tokenizer*")):
        try:
            with quiet_libraries():
                tokenizer = AutoTokenizer.from_pretrained(
                    folder, local_files_only=True, trust_remote_code=False
                )
        # Damaged files surface as errors of nearly any type.
        except Exception as error:
            raise ModelError(
                f"{name!r}: {folder.name} does not load: {first_line(error)}"
            ) from error
        limit = tokenizer.model_max_length
        found[folder.name] = Tokenizer(
            folder.name, int(limit) if limit < UNLIMITED else None, tokenizer
        )
    if not found:
        raise ModelError(f"{name!r} has no tokenizer; name a pipeline with a text encoder")
    return found
