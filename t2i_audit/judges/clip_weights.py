"""The weights of a CLIP judge, loaded by open_clip from safetensors alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from t2i_audit.errors import JudgeError
from t2i_audit.judges.clip_spec import CONFIG, LOCAL, WEIGHTS, ClipSpec
from t2i_audit.pipelines.workarounds import quiet_libraries


def load_weights(spec: ClipSpec, device: str) -> tuple[Any, Any]:
    """The model and its image preprocessing, as open_clip creates them."""
    import open_clip

    if spec.folder is None:
        _require_safe_weights(spec)
    # open_clip only warns if the architecture's name does not state the activation with which its
    # weights were trained, as for ViT-L-14/openai.
    weights = open_clip.get_pretrained_cfg(spec.model, spec.tag) if spec.tag else {}
    with quiet_libraries():
        model, _, preprocess = open_clip.create_model_and_transforms(
            spec.model,
            pretrained=spec.tag or None,
            device=device,
            force_quick_gelu=bool(weights.get("quick_gelu")),
        )
    return model.eval(), preprocess


def _require_safe_weights(spec: ClipSpec) -> None:
    """Fetch the weights of a model on open_clip's list as safetensors, if they are not cached.

    open_clip prefers them, but reads a pickle if there are none.

    Raises:
        JudgeError: there are none.
        OSError: they are not in the local cache, and the hub cannot be reached.
    """
    import open_clip
    from huggingface_hub import _CACHED_NO_EXIST, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    place = str(open_clip.get_pretrained_cfg(spec.model, spec.tag).get("hf_hub", ""))
    repository, _, file = place.rpartition("/")
    safe = f"{Path(file).stem}.safetensors" if file else WEIGHTS
    try:
        if try_to_load_from_cache(repository, safe) is _CACHED_NO_EXIST:
            raise EntryNotFoundError
        hf_hub_download(repository, safe)
    except LocalEntryNotFoundError:
        raise
    except EntryNotFoundError as error:
        raise JudgeError(
            f"judge {spec.given!r} is not read: its weights exist only as a pickle, which can "
            "run code when it is read; where you trust them, load them with open_clip, save them "
            f"with safetensors as {WEIGHTS} beside {CONFIG}, and give clip:{LOCAL}FOLDER"
        ) from error


def vocabulary_size(model: Any) -> int | None:
    """Size of the text tower's vocabulary; None if it cannot be found."""
    text = getattr(model, "text", model)
    embedding = getattr(text, "token_embedding", None)
    if embedding is None and hasattr(text, "transformer"):
        embedding = getattr(text.transformer, "get_input_embeddings", lambda: None)()
    return getattr(embedding, "num_embeddings", None)
