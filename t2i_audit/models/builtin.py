"""The checkpoints that ship with the package."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PREFIX = "builtin:"
FOLDER = Path(__file__).resolve().parents[1] / "builtin"
CARD = "README.md"
PIPELINE_INDEX = "model_index.json"
JUDGE_CONFIG = "open_clip_config.json"
# Every network is saved with this file; those of tokenizers and schedulers have other names.
NETWORK_CONFIG = "config.json"
# Beside the configuration of a transformers model that reads images.
PROCESSOR_CONFIGS = ("processor_config.json", "preprocessor_config.json")
DETECTOR_SUFFIX = "ForObjectDetection"  # of the class that a detector's configuration names
COLOUR_FOLDER = "colour"  # within a detector's folder, the open_clip model that names colours

ModelKind = Literal["generator", "judge", "detector"]


@dataclass(frozen=True)
class ModelInfo:
    """One shipped checkpoint."""

    name: str
    """As the command line takes it, e.g. ``builtin:sound``."""
    kind: ModelKind
    class_name: str
    """The class that its index or configuration names, or ``open_clip``."""
    summary: str
    """First sentence or line of its model card; empty where it has none."""
    path: Path
    size: int
    """Bytes on disk."""


def builtin_folder(name: str, *, folder: Path | None = None) -> Path:
    """Folder of the built-in `name` (with or without ``builtin:``), whether it exists or not."""
    return (FOLDER if folder is None else folder) / name.removeprefix(PREFIX)


def builtin_names(kind: ModelKind | None = None, *, folder: Path | None = None) -> tuple[str, ...]:
    """Names of the shipped checkpoints with their ``builtin:``, sorted."""
    return tuple(
        info.name for info in list_models(folder=folder) if kind is None or info.kind == kind
    )


def list_models(*, folder: Path | None = None) -> tuple[ModelInfo, ...]:
    """The checkpoints in the package's folder (or in `folder`), sorted by name."""
    folder = FOLDER if folder is None else folder
    if not folder.is_dir():
        return ()
    infos = (_describe(path) for path in sorted(folder.iterdir()) if path.is_dir())
    return tuple(info for info in infos if info is not None)


def is_judge(path: Path) -> bool:
    """Whether the folder holds a model that reads images, rather than a pipeline."""
    if is_detector(path):
        return False
    reads_images = any((path / name).is_file() for name in PROCESSOR_CONFIGS)
    return (path / JUDGE_CONFIG).is_file() or (reads_images and (path / NETWORK_CONFIG).is_file())


def is_detector(path: Path) -> bool:
    """Whether the folder holds a detector of objects, of which the judge ``geneval`` makes use."""
    return architecture_of(path).endswith(DETECTOR_SUFFIX)


def _describe(path: Path) -> ModelInfo | None:
    if (path / PIPELINE_INDEX).is_file():
        kind: ModelKind = "generator"
        index = json.loads((path / PIPELINE_INDEX).read_text(encoding="utf-8"))
        class_name = str(index.get("_class_name", ""))
    elif (path / JUDGE_CONFIG).is_file():
        kind, class_name = "judge", "open_clip"
    elif is_detector(path):
        kind, class_name = "detector", architecture_of(path)
    elif is_judge(path):
        kind, class_name = "judge", architecture_of(path)
    else:
        return None
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return ModelInfo(PREFIX + path.name, kind, class_name, _summary(path / CARD), path, size)


def architecture_of(path: Path) -> str:
    """The class of transformers that a model's configuration names; empty if there is none."""
    if not (path / NETWORK_CONFIG).is_file():
        return ""
    config = json.loads((path / NETWORK_CONFIG).read_text(encoding="utf-8"))
    return str(next(iter(config.get("architectures") or ()), ""))


def _summary(card: Path) -> str:
    """First sentence of the card's first paragraph, past its metadata and headings."""
    if not card.is_file():
        return ""
    text = card.read_text(encoding="utf-8")
    if text.startswith("---\n"):
        text = text.partition("\n---\n")[2]
    for paragraph in text.split("\n\n"):
        words = " ".join(
            line for line in paragraph.strip().splitlines() if not line.startswith("#")
        )
        if words:
            sentence, full_stop, _ = words.partition(". ")
            return sentence + ("." if full_stop else "")
    return ""
