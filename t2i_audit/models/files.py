"""Which files of a checkpoint are loaded, so that a run can record their contents.

A folder holds more than is read: cards, images, weights in other formats and variants, shards that
no index names. Only what diffusers and transformers read of each component counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from t2i_audit.io import read_json, sha256_of
from t2i_audit.models.builtin import PIPELINE_INDEX
from t2i_audit.settings import GGUF, SAFE

Checkpoint = Mapping[str, Mapping[str, str]]
"""SHA-256 of each file that is loaded, by component and by name within the component's folder."""

# The files that belong to no component: the pipeline's index, or a checkpoint in a single file.
WHOLE = "."

# Names that the two libraries give to the weights of a network.
DIFFUSERS_WEIGHTS = "diffusion_pytorch_model"
TRANSFORMERS_WEIGHTS = "model"
# Files that a network is built from, beside its weights.
NETWORK_SETTINGS = ("config.json", "generation_config.json", "adapter_config.json")
ADAPTER_WEIGHTS = "adapter_model.safetensors"
# Files of tokenizers, schedulers and processors.
SETTINGS_SUFFIXES = (".json", ".jinja", ".model", ".tiktoken", ".spm")
VOCABULARIES = ("merges.txt", "vocab.txt")
TEMPLATES = "additional_chat_templates"
# It is unknown what the code of a component reads, so only these files are excluded there.
NEVER_READ = (
    ".md", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".bin", ".ckpt", ".pt", ".pth", ".pkl",
    ".msgpack", ".h5", ".onnx", ".pyc",
)  # fmt: skip


def pipeline_files(
    path: Path,
    components: Mapping[str, Any],
    *,
    variant: str | None = None,
    own_code: Collection[str] = (),
    with_weights: Collection[str] | None = None,
) -> dict[str, dict[str, Path]]:
    """The files that are loaded of the pipeline in `path`, by component and name.

    Args:
        path: the pipeline's folder.
        components: the loaded components by name; None for one that was not read.
        variant: of the weights, as the user asked for it.
        own_code: components that bring code which was run; `WHOLE` for the pipeline's own class.
        with_weights: components whose weights were read from the folder; all of them if None.
    """
    files = {WHOLE: {PIPELINE_INDEX: path / PIPELINE_INDEX}}
    if WHOLE in own_code:
        files[WHOLE] |= {file.name: file for file in sorted(path.glob("*.py"))}
    for name, part in sorted(components.items()):
        folder = path / name
        if part is None or not folder.is_dir():
            continue
        found = component_files(folder, part, variant=variant, own_code=name in own_code)
        if with_weights is not None and name not in with_weights:
            found = {key: file for key, file in found.items() if not _is_weights(key)}
        files[name] = found
    return {name: found for name, found in files.items() if found}


def component_files(
    folder: Path, part: Any, *, variant: str | None = None, own_code: bool = False
) -> dict[str, Path]:
    """The files that are loaded of the component `part` in `folder`, by name within it."""
    from torch import nn

    if own_code:
        others = set(folder.rglob("*")) - set(_weight_candidates(folder))
        chosen = {
            file
            for file in others
            if file.suffix not in NEVER_READ and not file.name.startswith(".")
        }
        chosen |= set(weight_files(folder, variant, transformers=_is_transformers(part)))
    elif isinstance(part, nn.Module):
        chosen = {folder / name for name in NETWORK_SETTINGS}
        chosen |= set(weight_files(folder, variant, transformers=_is_transformers(part)))
    else:
        chosen = set(settings_files(folder, part))
    return {file.relative_to(folder).as_posix(): file for file in sorted(chosen) if file.is_file()}


def settings_files(folder: Path, part: Any) -> Iterator[Path]:
    """The files in `folder` from which a tokenizer, a scheduler or a processor is read."""
    # A processor consists of a tokenizer and other processors.
    parts = (part, getattr(part, "tokenizer", None), getattr(part, "image_processor", None))
    named = set(VOCABULARIES)
    for each in parts:
        named |= set(getattr(type(each), "vocab_files_names", {}).values())
    for file in folder.iterdir():
        listed = file.suffix in SETTINGS_SUFFIXES or file.name in named
        if listed and not _is_weights(file.name):
            yield file
    yield from (folder / TEMPLATES).glob("*.jinja")


def weight_files(
    folder: Path, variant: str | None = None, *, transformers: bool | None = None
) -> list[Path]:
    """The weights of a network that are loaded from `folder`, with the index of its shards.

    If the component has no files of `variant`, its plain ones are read, as diffusers does.

    Args:
        folder: the component's folder.
        variant: of the weights, as the user asked for it.
        transformers: whether transformers reads them rather than diffusers; None decides by their
            names.
    """
    if variant is not None and not has_variant(folder, variant):
        variant = None
    dotted = "" if variant is None else f".{variant}"
    if transformers is None:
        transformers = not any(folder.glob(f"{DIFFUSERS_WEIGHTS}*"))
    explicit = _explicit_weights(folder) if transformers else None
    if explicit is not None:
        return [explicit] if explicit.suffix == SAFE else _shards(explicit)
    stem = TRANSFORMERS_WEIGHTS if transformers else DIFFUSERS_WEIGHTS
    single = folder / f"{stem}{dotted}{SAFE}"
    index = folder / f"{stem}{SAFE}.index{dotted}.json"
    if not index.is_file():
        index = folder / f"{stem}{SAFE}{dotted}.index.json"  # the older form of the name
    adapter = folder / ADAPTER_WEIGHTS
    adapted = transformers and (folder / "adapter_config.json").is_file()
    extra = [adapter] if adapted else []
    # Where both exist, the libraries choose differently.
    candidates = (single, index) if transformers else (index, single)
    chosen = next((file for file in candidates if file.is_file()), None)
    if chosen is None:
        # A class with a format of its own may read any of them.
        return [*sorted(_weight_candidates(folder)), *extra]
    return [*([chosen] if chosen == single else _shards(chosen)), *extra]


def has_variant(folder: Path, variant: str) -> bool:
    """Whether diffusers finds weights of `variant` in a component's `folder`."""
    names = (file.name.split(".") for file in folder.iterdir())
    return any(len(parts) > 1 and parts[1].startswith(variant) for parts in names)


def hash_files(files: Mapping[str, Mapping[str, Path]]) -> dict[str, dict[str, str]]:
    """SHA-256 of each file's contents; links are followed."""
    return {
        group: {name: sha256_of(file) for name, file in sorted(members.items())}
        for group, members in files.items()
    }


def hash_of(hashes: Mapping[str, str]) -> str:
    """One SHA-256 over names and hashes, sorted by name."""
    digest = hashlib.sha256()
    for name, each in sorted(hashes.items()):
        digest.update(f"{name} {each}\n".encode())
    return digest.hexdigest()


def weights_sha256(checkpoint: Checkpoint, path: Path) -> str:
    """One SHA-256 over the files of weights that were loaded of the checkpoint in `path`.

    Of a folder it covers the files' names within it and their contents. Of a single file it is the
    file's own, joined with those of the folders that the file's missing components came from.
    """
    weights = {
        f"{group}/{name}": digest
        for group, members in checkpoint.items()
        for name, digest in members.items()
        if name.endswith((SAFE, GGUF))
    }
    if path.is_dir():
        return hash_of(weights)
    own = weights.pop(f"{WHOLE}/{path.name}")
    folders: dict[str, dict[str, str]] = {}
    for key, digest in weights.items():
        folder, name = key.split("/", 1)
        folders.setdefault(folder, {})[name] = digest
    parts = [f"{folder} {hash_of(hashes)}" for folder, hashes in folders.items()]
    return hashlib.sha256("\n".join([own, *parts]).encode()).hexdigest() if parts else own


def _is_weights(name: str) -> bool:
    return name.endswith(SAFE) or ".index." in name


def _weight_candidates(folder: Path) -> Iterator[Path]:
    return (file for file in folder.iterdir() if _is_weights(file.name))


def _is_transformers(part: Any) -> bool:
    from transformers import PreTrainedModel

    return isinstance(part, PreTrainedModel)


def _explicit_weights(folder: Path) -> Path | None:
    """The file of weights that a transformers configuration names; None if it names none."""
    config = folder / "config.json"
    named = read_json(config).get("transformers_weights") if config.is_file() else None
    return folder / named if isinstance(named, str) and named else None


def _shards(index: Path) -> list[Path]:
    named = read_json(index).get("weight_map", {})
    return [index, *sorted({index.parent / str(file) for file in named.values()})]
