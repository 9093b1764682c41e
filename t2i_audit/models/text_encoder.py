"""A text encoder by itself, so that one can be chosen before a model is trained on it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompts.errors import first_line
from t2i_audit.errors import ModelError
from t2i_audit.models.builtin import JUDGE_CONFIG, NETWORK_CONFIG, PIPELINE_INDEX
from t2i_audit.models.devices import DeviceName, DtypeName, choose_device, choose_dtype
from t2i_audit.models.files import (
    NETWORK_SETTINGS,
    component_files,
    hash_files,
    hash_of,
    settings_files,
)
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.models.quantize import check_library, saved_in
from t2i_audit.models.resolve import CONVERT, WEIGHT_FILES
from t2i_audit.models.shards import check_weights, with_indices
from t2i_audit.pipelines.components import UNLIMITED
from t2i_audit.pipelines.workarounds import quiet_libraries
from t2i_audit.settings import SAFE

if TYPE_CHECKING:
    import torch

OPEN_CLIP = "local-dir:"
TOKENIZER_FILES = ("tokenizer_config.json", "tokenizer.json", "vocab.json", "spiece.model")
# Weights on which no token's state depends; language models are saved without them.
UNREAD = "pooler"


class TextPipeline:
    """A pipeline that consists of a text encoder and its tokenizer.

    Prompts are padded on the right to the longest of a batch, and the padding is masked. If the
    tokenizer makes no mask, they are padded to the encoder's window. Only the states of tokens are
    returned: whether a pooled output is used depends on the pipeline around an encoder.
    """

    def __init__(self, text_encoder: Any, tokenizer: Any, tokenizer_sha256: str) -> None:
        self.text_encoder = text_encoder
        self.tokenizer = tokenizer
        self._tokenizer_sha256 = tokenizer_sha256

    @property
    def components(self) -> dict[str, Any]:
        """As a diffusers pipeline has them."""
        return {"text_encoder": self.text_encoder, "tokenizer": self.tokenizer}

    @property
    def identity(self) -> dict[str, str]:
        """What a run's manifest records in addition to the weights."""
        return {
            "text_encoder": type(self.text_encoder).__name__,
            "tokenizer_sha256": self._tokenizer_sha256,
        }

    def encode_prompt(self, prompt: list[str]) -> torch.Tensor:
        """The last states of the tokens ``(b, s, d)``, or the output of an encoder without any."""
        masked = "attention_mask" in self.tokenizer.model_input_names
        limit = self._window()
        inputs = self.tokenizer(
            prompt,
            padding="longest" if masked else "max_length",
            max_length=limit,
            truncation=limit is not None,
            return_tensors="pt",
        )
        names = ("input_ids", "attention_mask") if masked else ("input_ids",)
        device = self.text_encoder.device
        output = self.text_encoder(**{name: inputs[name].to(device) for name in names})
        states: torch.Tensor = getattr(output, "last_hidden_state", output)
        return states

    def _window(self) -> int | None:
        config = self.text_encoder.config.get_text_config()
        limits = (self.tokenizer.model_max_length, getattr(config, "max_position_embeddings", None))
        known = [int(limit) for limit in limits if limit is not None and 0 < limit < UNLIMITED]
        return min(known, default=None)


def load_text_encoder(
    name: str,
    *,
    tokenizer: Path | None = None,
    dtype: DtypeName = "auto",
    device: DeviceName = "auto",
) -> LoadedModel:
    """Load the text encoder `name` as a `TextPipeline`.

    Only safetensors weights are read, and no code from the folder runs.

    Args:
        name: folder of a transformers text model, or ``local-dir:PATH`` of an open_clip model.
        tokenizer: folder of its tokenizer; if None, the encoder's folder or, in a pipeline, the
            ``tokenizer`` beside its ``text_encoder``.
        dtype: as `load_model` takes it.
        device: as `load_model` takes it.

    Raises:
        ModelError: a folder or a part of it is missing or does not load.
    """
    chosen_device = choose_device(device)
    chosen_dtype = choose_dtype(dtype, chosen_device)
    path = Path(name.removeprefix(OPEN_CLIP)).expanduser()
    try:
        with quiet_libraries():
            if name.startswith(OPEN_CLIP):
                from t2i_audit.models.open_clip_text import WEIGHTS, load_open_clip_text

                model, words, folder = load_open_clip_text(path, tokenizer, chosen_dtype)
                of_model = {each: path / each for each in (JUDGE_CONFIG, WEIGHTS)}
            else:
                _check_folder(path)
                folder = _tokenizer_folder(path, tokenizer)
                words = _load_tokenizer(folder)
                model = _load_transformers(path, chosen_dtype)
                of_model = component_files(path, model)
    except ModelError:
        raise
    # Damaged files surface as errors of nearly any type, from three libraries.
    except Exception as error:
        raise ModelError(f"--text-encoder {name} does not load: {first_line(error)}") from error
    of_words = () if folder is None else settings_files(folder, words)
    others = {*of_model, *NETWORK_SETTINGS}  # where the two share a folder
    tokenizer_files = {file.name: file for file in of_words if file.name not in others}
    checkpoint = hash_files({"text_encoder": of_model, "tokenizer": tokenizer_files})
    weights = {k: each for k, each in checkpoint["text_encoder"].items() if k.endswith(SAFE)}
    tokenizer_sha256 = hash_of(checkpoint["tokenizer"])
    return LoadedModel(
        name=name,
        source="folder",
        path=path,
        pipeline=TextPipeline(model.to(chosen_device).eval(), words, tokenizer_sha256),
        dtype=chosen_dtype,
        device=chosen_device,
        checkpoint=checkpoint,
        weights_sha256=hash_of(weights),
    )


def _check_folder(path: Path) -> None:
    if not path.is_dir():
        raise ModelError(f"--text-encoder {path}: there is no such folder.")
    if (path / PIPELINE_INDEX).is_file():
        raise ModelError(
            f"--text-encoder {path} is a whole pipeline; give it as MODEL, or name the folder of "
            "its text encoder."
        )
    if (path / JUDGE_CONFIG).is_file() and not (path / NETWORK_CONFIG).is_file():
        raise ModelError(
            f"--text-encoder {path} is an open_clip model; give it as {OPEN_CLIP}{path}."
        )
    if not (path / NETWORK_CONFIG).is_file():
        raise ModelError(
            f"--text-encoder {path} is no transformers model: {NETWORK_CONFIG} is missing in it."
        )
    if not any(path.glob(WEIGHT_FILES)):
        raise ModelError(
            f"--text-encoder {path} has no weights in safetensors format; other formats can run "
            f"code when they are read. {CONVERT}"
        )
    check_weights(path, f"--text-encoder {path}")
    library = saved_in(path)
    if library is not None:
        check_library(library, f"--text-encoder {path}")


def _load_transformers(path: Path, dtype: torch.dtype) -> Any:
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING

    config = transformers.AutoConfig.from_pretrained(
        path, local_files_only=True, trust_remote_code=False
    )
    text = config.get_text_config()
    if str(text.model_type).endswith("_text_model"):  # CLIP's half of a model of two
        config = text
    # If the model has a decoder as well, only its encoder is loaded.
    encodes = type(config) in MODEL_FOR_TEXT_ENCODING_MAPPING
    kind: Any = transformers.AutoModelForTextEncoding if encodes else transformers.AutoModel
    with with_indices(path) as shown:
        model, info = kind.from_pretrained(
            shown,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    # The library initialises missing weights at random.
    missing = sorted(key for key in info["missing_keys"] if UNREAD not in key)
    if missing:
        raise ModelError(
            f"--text-encoder {path} lacks {len(missing)} of the weights of a "
            f"{type(model).__name__}, e.g. {missing[0]}."
        )
    return model


def _tokenizer_folder(path: Path, given: Path | None) -> Path:
    if given is not None:
        if not _has_tokenizer(given):
            raise ModelError(f"--tokenizer {given} is no folder with a tokenizer in it.")
        return given
    beside = path.resolve()
    beside = beside.with_name(beside.name.replace("text_encoder", "tokenizer"))
    for folder in (path, beside):
        if _has_tokenizer(folder):
            return folder
    raise ModelError(f"--text-encoder {path} has no tokenizer in it; give --tokenizer DIR.")


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in TOKENIZER_FILES)


def _load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    tokenizer: Any = copy.deepcopy(
        AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    )
    # Padding on the left would move the prompt along absolute positions.
    tokenizer.padding_side = "right"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer
