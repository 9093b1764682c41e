"""The image-text-to-text model that a VQA judge's name on the command line stands for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from t2i_audit.errors import JudgeError
from t2i_audit.judges.reasons import reason_of
from t2i_audit.models.builtin import NETWORK_CONFIG, PREFIX, builtin_folder
from t2i_audit.models.resolve import HUB_ID, WEIGHT_FILES
from t2i_audit.pipelines.workarounds import quiet_libraries

BUILTIN = "vqa-judge"
FORM = "vqa:OWNER/NAME, vqa:OWNER/NAME@REVISION, vqa:FOLDER or vqa:builtin:vqa-judge"
# Everything that a processor may be read from, and nothing that can run code.
TEXT_FILES = ("*.json", "*.jinja", "*.txt", "*.model")


@dataclass(frozen=True)
class VqaSpec:
    """A model of transformers that answers questions on images."""

    given: str
    """As the user wrote it."""
    model: str
    """Hub id or folder."""
    revision: str
    """Branch, tag or commit on the hub; empty for the default, and for a folder."""
    folder: Path | None
    """None for a model on the hub."""

    @property
    def is_builtin(self) -> bool:
        """Whether it is the judge that ships with the package."""
        return self.folder == builtin_folder(BUILTIN)

    @property
    def short(self) -> str:
        """The model's name without its folder's path."""
        return BUILTIN if self.is_builtin else self.folder.name if self.folder else self.model

    @property
    def name(self) -> str:
        """Its name in results: as on the command line, without a folder's path."""
        if self.is_builtin:
            return "vqa"
        return f"vqa:{self.short}{'@' if self.revision else ''}{self.revision}"

    def failure(self, part: str, error: Exception) -> JudgeError:
        """The error for the user, if transformers cannot load or run a `part` of this model."""
        reason = reason_of(error)
        remedy = (
            "give the folder of an image-text-to-text model as transformers saves it, with its "
            "processor"
            if self.folder is not None
            else "check the name and the network, or give a local folder as vqa:FOLDER"
        )
        return JudgeError(f"judge {self.given!r} cannot load its {part}: {reason}; {remedy}")


def parse_vqa(spec: str) -> VqaSpec:
    """Parse ``vqa`` (the built-in judge) or one of the forms in `FORM`.

    Raises:
        JudgeError: there is no such folder, it has no weights in safetensors format, or the name
            is no hub id.
    """
    chosen = spec.removeprefix("vqa").removeprefix(":") or PREFIX + BUILTIN
    if chosen.startswith(PREFIX):
        if chosen != PREFIX + BUILTIN:
            raise JudgeError(
                f"there is no judge {spec!r}; the built-in one is vqa:{PREFIX}{BUILTIN}"
            )
        return _local(spec, builtin_folder(BUILTIN))
    folder = Path(chosen).expanduser()
    if folder.is_dir():
        return _local(spec, folder)
    model, _, revision = chosen.partition("@")
    if HUB_ID.fullmatch(model):
        return VqaSpec(spec, model, revision, None)
    raise JudgeError(f"judge {spec!r} names neither a folder nor a model on the hub ({FORM})")


def _local(spec: str, folder: Path) -> VqaSpec:
    if not (folder / NETWORK_CONFIG).is_file():
        raise JudgeError(
            f"judge {spec!r} cannot load: {folder} has no {NETWORK_CONFIG}; give the folder of an "
            "image-text-to-text model of transformers"
        )
    require_weights(spec, folder)
    return VqaSpec(spec, str(folder), "", folder)


def require_weights(spec: str, folder: Path) -> None:
    """Refuse a folder without weights in safetensors format.

    Raises:
        JudgeError: it has none.
    """
    if not any(folder.glob(WEIGHT_FILES)):
        raise JudgeError(
            f"judge {spec!r} cannot load: it has no weights in safetensors format; other formats "
            "can run code when they are read: where you trust them, load them with transformers, "
            "save them with save_pretrained and give vqa:FOLDER"
        )


def fetch(spec: VqaSpec, *, weights: bool) -> Path:
    """The model's folder, fetched from the hub if need be: its text files, and its `weights`.

    Raises:
        JudgeError: it is neither cached nor can be fetched, or has no weights in safetensors
            format.
    """
    if spec.folder is not None:
        return spec.folder
    from huggingface_hub import snapshot_download

    patterns = [*TEXT_FILES, WEIGHT_FILES] if weights else list(TEXT_FILES)
    try:
        with quiet_libraries():
            found = snapshot_download(
                spec.model, revision=spec.revision or None, allow_patterns=patterns
            )
    except Exception as error:  # the hub's client and its HTTP library raise errors of many types
        raise spec.failure("files", error) from error
    folder = Path(found)
    if weights:
        require_weights(spec.given, folder)
    return folder
