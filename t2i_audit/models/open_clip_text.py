"""The text tower of an open_clip model as a transformers model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import PretrainedConfig, PreTrainedModel

from t2i_audit.errors import ModelError
from t2i_audit.io import read_json
from t2i_audit.models.builtin import JUDGE_CONFIG
from t2i_audit.pipelines.workarounds import mask_as_long_as

WEIGHTS = "open_clip_model.safetensors"
TOWER = "text."


class OpenClipTextConfig(PretrainedConfig):
    """An open_clip ``model_cfg``, with the sizes under the names that transformers gives them."""

    model_type = "open_clip_text"

    def __init__(self, model_cfg: dict[str, Any] | None = None, **others: Any) -> None:
        super().__init__(**others)
        self.model_cfg = model_cfg or {}
        text = self.model_cfg.get("text_cfg", {})
        self.vocab_size = int(text.get("vocab_size", 49408))
        self.num_hidden_layers = int(text.get("layers", 12))
        self.max_position_embeddings = int(text.get("context_length", 77))


class OpenClipText(PreTrainedModel):
    """open_clip's text tower; initialised as open_clip does it."""

    config_class = OpenClipTextConfig

    def __init__(self, config: OpenClipTextConfig) -> None:
        super().__init__(config)
        from open_clip.model import _build_text_tower

        self.tower = _build_text_tower(
            config.model_cfg["embed_dim"],
            config.model_cfg["text_cfg"],
            config.model_cfg.get("quick_gelu", False),
        )

    def forward(self, input_ids: torch.Tensor) -> Any:
        """The tower's pooled output ``(b, d)`` for token ids ``(b, s)``."""
        with mask_as_long_as(self.tower, input_ids.shape[1]):
            return self.tower(input_ids)


def load_open_clip_text(
    path: Path, tokenizer: Path | None, dtype: torch.dtype
) -> tuple[OpenClipText, Any, Path | None]:
    """The text tower of the open_clip model in `path`, its tokenizer, and the tokenizer's folder.

    For a folder without tokenizer files, open_clip's built-in tokenizer of CLIP is used, and the
    folder is None.

    Raises:
        ModelError: the folder holds no open_clip model, or its tower is a transformers model.
    """
    for name in (JUDGE_CONFIG, WEIGHTS):
        if not (path / name).is_file():
            raise ModelError(f"--text-encoder local-dir:{path}: there is no {name} in it.")
    model_cfg = read_json(path / JUDGE_CONFIG)["model_cfg"]
    if model_cfg["text_cfg"].get("hf_model_name"):
        raise ModelError(
            f"--text-encoder local-dir:{path} has the text tower "
            f"{model_cfg['text_cfg']['hf_model_name']}, a transformers model; give its folder."
        )
    if model_cfg["text_cfg"].get("embed_cls"):
        raise ModelError(
            f"--text-encoder local-dir:{path} appends a token of its own to every text, as CoCa "
            "does, which is not supported; give another model."
        )
    config = OpenClipTextConfig(model_cfg)
    model = OpenClipText(config)
    model.tower.load_state_dict(_tower_weights(path / WEIGHTS, set(model.tower.state_dict())))
    words, folder = _tokenizer(path, tokenizer, config)
    return model.to(dtype), words, folder


def _tower_weights(file: Path, wanted: set[str]) -> dict[str, torch.Tensor]:
    """The text tower's tensors; some models have ``text.`` before their names."""
    from safetensors import safe_open

    with safe_open(file, framework="pt") as weights:
        keys = set(weights.keys())
        prefix = TOWER if any(key.startswith(TOWER) for key in keys) else ""
        return {key: weights.get_tensor(prefix + key) for key in wanted if prefix + key in keys}


def _tokenizer(
    path: Path, given: Path | None, config: OpenClipTextConfig
) -> tuple[Any, Path | None]:
    from transformers import AutoTokenizer, CLIPTokenizer

    folder = path if given is None else given
    from_files = any(folder.glob("tokenizer*.json"))
    if from_files:
        tokenizer: Any = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    elif given is not None:
        raise ModelError(f"--tokenizer {given} is no folder with a tokenizer in it.")
    else:
        import open_clip

        own = open_clip.SimpleTokenizer()
        merges = sorted(own.bpe_ranks, key=own.bpe_ranks.__getitem__)
        begin, end = (own.decoder[index] for index in own.all_special_ids)
        tokenizer = CLIPTokenizer(
            vocab=own.encoder,
            merges=merges,
            bos_token=begin,
            eos_token=end,
            unk_token=end,
            # open_clip pads with zeros.
            pad_token=own.decoder[0],
        )
    # The tower takes only token ids, always as many as its context is long.
    tokenizer.model_input_names = ["input_ids"]
    tokenizer.model_max_length = config.max_position_embeddings
    tokenizer.padding_side = "right"
    return tokenizer, folder if from_files else None
