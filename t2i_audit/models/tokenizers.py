"""A checkpoint's tokenizers alone, without its weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from t2i_audit.errors import ModelError
from t2i_audit.models.resolve import check_pipeline, fetch_from_hub, resolve_model
from t2i_audit.pipelines.components import UNLIMITED
from t2i_audit.pipelines.workarounds import quiet_libraries
from t2i_audit.printable import first_line
from t2i_audit.settings import ModelOptions


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
