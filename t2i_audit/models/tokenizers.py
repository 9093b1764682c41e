"""A checkpoint's tokenizers alone, without its weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from t2i_audit.errors import ModelError
from t2i_audit.models.quiet import quiet_libraries
from t2i_audit.models.resolve import check_pipeline, fetch_from_hub, resolve_model
from t2i_audit.reporter import Reporter
from t2i_audit.settings import ModelOptions

# Tokenizers without a limit of their own say so by a number beyond any encoder.
UNLIMITED = 1_000_000


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """One tokenizer of a pipeline, and how many tokens its encoder reads."""

    name: str
    """Its folder in the pipeline, e.g. ``tokenizer_2``."""
    limit: int | None
    """Ends included; None without a limit."""
    tokenizer: Any = field(repr=False)

    def length(self, text: str) -> int:
        """Tokens of `text`, those at its ends included."""
        return len(self.tokenizer(text, truncation=False, verbose=False)["input_ids"])


def limit_tokenizers(pipeline: Any, reporter: Reporter) -> None:
    """Give tokenizers of `pipeline` that state no limit the number of their encoders' positions.

    A ``tokenizer_config.json`` without ``model_max_length`` leaves a number to which no text can be
    padded. The user is told.
    """
    components = pipeline.components
    for name, encoder in components.items():
        tokenizer = components.get(name.replace("text_encoder", "tokenizer"))
        stated = getattr(tokenizer, "model_max_length", None)
        if "text_encoder" not in name or encoder is None or stated is None or stated < UNLIMITED:
            continue
        config = encoder.config.get_text_config()
        positions = getattr(config, "max_position_embeddings", None)
        if positions is None:
            continue
        assert tokenizer is not None
        tokenizer.model_max_length = int(positions)
        reporter.note(
            f"the tokenizer of {name} states no model_max_length; the {positions} positions of "
            f"{name} are taken"
        )
        # Some pipelines keep the limit of their first tokenizer when they are made.
        if getattr(pipeline, "tokenizer_max_length", 0) >= UNLIMITED:
            pipeline.tokenizer_max_length = int(positions)


def load_tokenizers(name: str) -> dict[str, Tokenizer]:
    """The tokenizers of the pipeline `name`, by their folders.

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
        # Damaged files surface as nearly any type.
        except Exception as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise ModelError(f"{name!r}: {folder.name} does not load: {reason[0]}") from error
        limit = tokenizer.model_max_length
        found[folder.name] = Tokenizer(
            folder.name, int(limit) if limit < UNLIMITED else None, tokenizer
        )
    if not found:
        raise ModelError(f"{name!r} has no tokenizer; name a pipeline with a text encoder")
    return found
