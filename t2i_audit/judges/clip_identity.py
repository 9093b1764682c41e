"""What the verdicts of a CLIP judge depend on: its files, and the versions of the libraries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompts.foils.rivals import RULE
from t2i_audit.io import sha256_of
from t2i_audit.judges.clip_spec import CONFIG, WEIGHTS, ClipSpec

if TYPE_CHECKING:
    import torch

    from t2i_audit.judges.clip_text import ClipText

CHOICE = "the caption beats all its rivals by cosine similarity, ties undecided"
# Patterns of the files from which a transformers tokenizer may be read.
TOKENIZER_FILES = ("*.json", "*.txt", "*.model")
# Libraries that clean texts, prepare images or build the towers.
LIBRARIES = ("ftfy", "regex", "tokenizers", "transformers", "pillow", "torchvision", "timm")


def fingerprint_of(text: ClipText, model: torch.nn.Module) -> dict[str, str]:
    """The identity of a judge; judges that differ in it may give different verdicts.

    Args:
        text: its text side, with a tokenizer that has not run yet.
        model: its weights.
    """
    spec = text.spec
    folder = spec.folder
    return {
        "judge": "clip",
        "model": spec.short,
        "pretrained": spec.tag,
        "config_sha256": sha256_of(folder / CONFIG) if folder else _hash_of_config(spec),
        "tokenizer_sha256": _hash_of_tokenizer(text.tokenizer, folder),
        "weights_sha256": sha256_of(folder / WEIGHTS) if folder else hash_of_weights(model),
        **_other_config(model),
        "open_clip": metadata.version("open-clip-torch"),
        **{name: metadata.version(name) for name in LIBRARIES},
        "choice": CHOICE,
        "rivals": RULE,
    }


def _hash_of_config(spec: ClipSpec) -> str:
    """Hash of the entries of a model and its weights in open_clip's lists."""
    import open_clip

    known = (
        open_clip.get_model_config(spec.model),
        open_clip.get_pretrained_cfg(spec.model, spec.tag),
    )
    return hash_of_lines([json.dumps(known, sort_keys=True, default=str)])


def _hash_of_tokenizer(tokenizer: Any, folder: Path | None) -> str:
    words = getattr(tokenizer, "tokenizer", None)
    if words is None:  # open_clip's own tokenizer, whose merges are in a file of the library
        return hash_of_lines(map(str, tokenizer.encoder.items()))
    if folder is not None:
        files = {file for pattern in TOKENIZER_FILES for file in folder.glob(pattern)}
        own = sorted(files - {folder / CONFIG})
        return hash_of_lines(f"{file.name} {sha256_of(file)}" for file in own)
    backend = getattr(words, "backend_tokenizer", None)
    read = str(sorted(words.get_vocab().items())) if backend is None else backend.to_str()
    ends = str(sorted(words.special_tokens_map.items()))
    return hash_of_lines([read, ends, words.padding_side, words.truncation_side])


def _other_config(model: torch.nn.Module) -> dict[str, str]:
    """Hash of the configuration that a text tower of transformers has in addition."""
    config = getattr(getattr(model, "text", None), "config", None)
    if config is None:
        return {}
    return {"text_config_sha256": hash_of_lines([config.to_json_string()])}


def hash_of_weights(model: torch.nn.Module) -> str:
    """SHA-256 over the names and bytes of a model's tensors, for weights from the hub."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def hash_of_lines(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
