"""From what the user calls a model to the folder that holds its pipeline.

A model is ``builtin:NAME``, a local folder in diffusers' layout, or a hub id ``OWNER/NAME``.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from t2i_audit.errors import ModelError
from t2i_audit.models.builtin import (
    JUDGE_CONFIG,
    PIPELINE_INDEX,
    PREFIX,
    builtin_folder,
    builtin_names,
)
from t2i_audit.models.quiet import quiet_libraries

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
# Every network is saved with this file; tokenizers and schedulers have theirs under other names.
NETWORK_CONFIG = "config.json"
WEIGHT_FILES = "*.safetensors"

Source = Literal["builtin", "folder", "hub"]


@dataclass(frozen=True)
class ResolvedModel:
    """A model whose folder is known; of a hub id the folder is fetched only when it is loaded."""

    name: str
    """As the user wrote it."""
    source: Source
    path: Path | None
    """The pipeline's folder; None for a hub id."""


def resolve_model(name: str, *, builtin: Path | None = None) -> ResolvedModel:
    """Find `name`; a local pipeline's index and components are checked, nothing is loaded.

    Args:
        name: ``builtin:NAME``, a local folder, or a hub id.
        builtin: folder of the shipped checkpoints, if not the package's own.

    Raises:
        ModelError: no such model (the nearest names are offered), a folder that is no pipeline,
            or a component that is missing (named).
    """
    if name.startswith(PREFIX):
        path = builtin_folder(name, folder=builtin)
        if path.name != name.removeprefix(PREFIX) or not path.is_dir():
            raise ModelError(f"There is no model {name!r}. {_nearest(name, builtin)}")
        check_pipeline(path, name)
        return ResolvedModel(name, "builtin", path)
    path = Path(name).expanduser()
    if path.is_dir():
        check_pipeline(path, name)
        return ResolvedModel(name, "folder", path)
    if path.exists():
        raise ModelError(
            f"{name!r} is a file; a model is a folder in diffusers' layout "
            f"(with {PIPELINE_INDEX} in it)."
        )
    if HUB_ID.fullmatch(name):
        return ResolvedModel(name, "hub", None)
    if name.startswith(("/", "./", "../", "~")):
        raise ModelError(f"There is no folder {name!r}.")
    raise ModelError(
        f"There is no model {name!r}: it is neither a built-in one, nor a local folder, nor a hub "
        f"id (OWNER/NAME). {_nearest(name, builtin)}"
    )


def fetch_from_hub(name: str) -> Path:
    """The local snapshot of the hub's pipeline `name`, downloaded if need be (safetensors only).

    Raises:
        ModelError: it is neither cached nor to be had.
    """
    from diffusers import DiffusionPipeline

    try:
        with quiet_libraries():
            return Path(DiffusionPipeline.download(name, use_safetensors=True))
    # The hub's client, its HTTP library and diffusers each raise their own types for "no".
    except Exception as error:
        cause = error.__cause__ or error.__context__ or error
        reason = str(cause).strip().splitlines()[0] if str(cause).strip() else repr(cause)
        raise ModelError(
            f"{name!r} could not be fetched from the hub and is not in the local cache "
            f"({reason.rstrip('.')}); check the name and the network, or give a local folder."
        ) from error


def check_pipeline(path: Path, name: str) -> None:
    """Check that `path` holds a pipeline with all the components its index names.

    Raises:
        ModelError: one sentence that names what is missing.
    """
    index_path = path / PIPELINE_INDEX
    if not index_path.is_file():
        if (path / JUDGE_CONFIG).is_file():
            raise ModelError(f"{name!r} is a judge, not a generator; give it as --judge.")
        raise ModelError(f"{name!r} is no diffusers pipeline: {PIPELINE_INDEX} is missing in it.")
    try:
        index: dict[str, Any] = json.loads(index_path.read_text(encoding="utf-8"))
        components = {
            key
            for key, value in index.items()
            if isinstance(value, list) and len(value) == 2 and value[1] is not None
        }
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{PIPELINE_INDEX} of {name!r} cannot be read: {error}.") from error
    for component in sorted(components):
        folder = path / component
        if not folder.is_dir() or not any(folder.iterdir()):
            raise ModelError(f"The component {component!r} of {name!r} is missing: no {folder}.")
        if (folder / NETWORK_CONFIG).is_file() and not any(folder.glob(WEIGHT_FILES)):
            raise ModelError(
                f"The component {component!r} of {name!r} has no weights in safetensors format "
                "(other formats can run code and are not read)."
            )


def absent_components(path: Path) -> tuple[str, ...]:
    """The components that a pipeline was saved without; loading it must say so again."""
    index = json.loads((path / PIPELINE_INDEX).read_text(encoding="utf-8"))
    return tuple(key for key, value in index.items() if value == [None, None])


def _nearest(name: str, builtin: Path | None) -> str:
    known = builtin_names("generator", folder=builtin)
    bare = {known_name.removeprefix(PREFIX): known_name for known_name in known}
    close = difflib.get_close_matches(name.removeprefix(PREFIX), bare, n=3, cutoff=0.4)
    if close:
        return "Nearest: " + ", ".join(bare[match] for match in close) + "."
    return "Built-in models: " + (", ".join(known) if known else "none") + "."
