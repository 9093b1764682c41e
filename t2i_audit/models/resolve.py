"""From the name of a model on the command line to the folder that holds its pipeline.

A model is ``builtin:NAME``, a local folder in diffusers' layout, or a hub id ``OWNER/NAME``.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from t2i_audit.errors import ModelError
from t2i_audit.models.builtin import (
    NETWORK_CONFIG,
    PIPELINE_INDEX,
    PREFIX,
    builtin_folder,
    builtin_names,
    is_detector,
    is_judge,
)
from t2i_audit.models.files import WHOLE
from t2i_audit.models.variants import check_variant, names_among
from t2i_audit.pipelines.moved_modules import is_pipeline_folder
from t2i_audit.pipelines.workarounds import quiet_libraries
from t2i_audit.settings import GGUF, SAFE, ModelOptions

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
WEIGHT_FILES = "*.safetensors"

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
CONVERT = (
    "Convert it where you trust it: load it with diffusers' from_pretrained or from_single_file "
    "and save it with save_pretrained(FOLDER, safe_serialization=True), then give FOLDER."
)

# Libraries whose classes a pipeline may name without bringing code of its own.
LIBRARIES = ("diffusers", "transformers")

Source = Literal["builtin", "folder", "file", "hub", "memory"]


@dataclass(frozen=True)
class ResolvedModel:
    """A model whose folder is known; of a hub id the folder is fetched only when it is loaded."""

    name: str
    """As the user wrote it."""
    source: Source
    path: Path | None
    """The pipeline's folder; None for a hub id."""


def resolve_model(
    name: str, *, builtin: Path | None = None, trusted: bool = False, single: bool = False
) -> ResolvedModel:
    """Find `name`, and check the index and components of a local pipeline; nothing is loaded.

    Args:
        name: ``builtin:NAME``, a local folder, or a hub id.
        builtin: folder of the shipped checkpoints; the package's if None.
        trusted: whether code that comes with it may run.
        single: whether it may be a single file of weights.

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
        check_pipeline(path, name, trusted=trusted)
        return ResolvedModel(name, "folder", path)
    if path.suffix in PICKLES:
        raise ModelError(f"{name!r} is a pickle, which can run code when it is read. {CONVERT}")
    if single and path.is_file() and path.suffix in (SAFE, GGUF):
        return ResolvedModel(name, "file", path)
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


def fetch_from_hub(name: str, options: ModelOptions) -> Path:
    """The local snapshot of the hub's pipeline `name`, downloaded if need be (safetensors only).

    Raises:
        ModelError: it is neither cached nor can be fetched, or brings code that is not trusted.
    """
    from diffusers import DiffusionPipeline
    from huggingface_hub import hf_hub_download

    trusted = options.trust_remote_code == name
    try:
        with quiet_libraries():
            # The index first: fetching the rest already imports a pipeline class that it names.
            index = Path(
                hf_hub_download(
                    name,
                    PIPELINE_INDEX,
                    revision=options.revision,
                    local_files_only=options.local_files_only,
                )
            )
            _, components = read_index(index.parent, name, trusted=trusted)
            try:
                return Path(
                    DiffusionPipeline.download(
                        name,
                        use_safetensors=True,
                        revision=index.parent.name,
                        variant=options.variant,
                        local_files_only=options.local_files_only,
                        trust_remote_code=trusted,
                    )
                )
            except OSError:
                # If there are no plain weights, its message does not say what to do.
                listed = _listed_on_hub(name, index.parent.name, options)
                if listed:
                    check_variant(names_among(listed, components), name, options.variant)
                raise
    except ModelError:
        raise
    # The hub's client, its HTTP library and diffusers each raise errors of their own types.
    except Exception as error:
        cause = error.__cause__ or error.__context__ or error
        reason = str(cause).strip().splitlines()[0] if str(cause).strip() else repr(cause)
        raise ModelError(
            f"{name!r} could not be fetched from the hub and is not in the local cache "
            f"({reason.rstrip('.')}); check the name and the network, or give a local folder."
        ) from error


def _listed_on_hub(name: str, commit: str, options: ModelOptions) -> list[str]:
    """Paths of the files in the hub's repository `name`; empty if the hub cannot be reached."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if options.local_files_only:
        return []
    try:
        return list(HfApi().list_repo_files(name, revision=commit))
    except (OSError, HfHubHTTPError, OfflineModeIsEnabled):
        return []


def check_pipeline(path: Path, name: str, *, trusted: bool = False) -> None:
    """Check that `path` holds a pipeline with all the components its index names.

    Raises:
        ModelError: one sentence that names what is missing.
    """
    index, components = read_index(path, name, trusted=trusted)
    _require_installed(index.get("_class_name"), name)
    for component in sorted(components):
        folder = path / component
        if not folder.is_dir() or not any(folder.iterdir()):
            raise ModelError(f"The component {component!r} of {name!r} is missing: no {folder}.")
        if (folder / NETWORK_CONFIG).is_file() and not any(folder.glob(WEIGHT_FILES)):
            raise ModelError(
                f"The component {component!r} of {name!r} has no weights in safetensors format; "
                f"other formats can run code when they are read. {CONVERT}"
            )


def read_index(path: Path, name: str, *, trusted: bool = False) -> tuple[dict[str, Any], set[str]]:
    """The index of the pipeline in `path`, and the names of its components.

    Raises:
        ModelError: `path` holds no pipeline, or one that brings code and is not `trusted`.
    """
    index_path = path / PIPELINE_INDEX
    if not index_path.is_file():
        if is_judge(path):
            raise ModelError(f"{name!r} is a judge, not a generator; give it as --judge.")
        if is_detector(path):
            raise ModelError(
                f"{name!r} is a detector, not a generator; give it as --judge geneval:{name}."
            )
        raise ModelError(f"{name!r} is no diffusers pipeline: {PIPELINE_INDEX} is missing in it.")
    try:
        index: dict[str, Any] = json.loads(index_path.read_text(encoding="utf-8"))
        components = {
            key
            for key, value in index.items()
            if isinstance(value, list)
            and len(value) == 2
            and value[1] is not None
            and not key.startswith("_")
        }
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{PIPELINE_INDEX} of {name!r} cannot be read: {error}.") from error
    own = own_code(path, index, components)
    if own and not trusted:
        named = ", ".join("the pipeline itself" if each == WHOLE else each for each in own)
        raise ModelError(
            f"{name!r} brings code of its own ({named}), which is not run; if you have "
            f"read it and trust it, give --trust-remote-code {name}."
        )
    return index, components


def _require_installed(class_name: Any, name: str) -> None:
    """Refuse a class that diffusers leaves out because a library that it needs is missing."""
    import diffusers
    from diffusers.utils import DummyObject

    kind = getattr(diffusers, class_name, None) if isinstance(class_name, str) else None
    if isinstance(kind, DummyObject):
        needed = [each for each in kind._backends if find_spec(each) is None] or kind._backends
        raise ModelError(
            f"{name!r} is a {class_name}, which needs {', '.join(needed)}; install that first."
        )


def own_code(path: Path, index: dict[str, Any], components: set[str]) -> list[str]:
    """The components whose class the checkpoint brings; `WHOLE` for the pipeline's own class."""
    own = [key for key in sorted(components) if _is_own(str(index[key][0]), path / key)]
    return [*own, WHOLE] if isinstance(index.get("_class_name"), list) else own


def _is_own(library: str, folder: Path) -> bool:
    # Some components are defined in their pipeline's package of diffusers; and a file of a
    # library's name in the component's folder takes precedence over the library.
    known = library in LIBRARIES or is_pipeline_folder(library)
    return not known or (folder / f"{library}.py").is_file()


def absent_components(path: Path) -> tuple[str, ...]:
    """The components that a pipeline was saved without; loading must state them again."""
    index = json.loads((path / PIPELINE_INDEX).read_text(encoding="utf-8"))
    return tuple(key for key, value in index.items() if value == [None, None])


def _nearest(name: str, builtin: Path | None) -> str:
    known = builtin_names("generator", folder=builtin)
    bare = {known_name.removeprefix(PREFIX): known_name for known_name in known}
    close = difflib.get_close_matches(name.removeprefix(PREFIX), bare, n=3, cutoff=0.4)
    if close:
        return "Nearest: " + ", ".join(bare[match] for match in close) + "."
    return "Built-in models: " + (", ".join(known) if known else "none") + "."
