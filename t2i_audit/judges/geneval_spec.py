"""The models that a GenEval judge's name on the command line stands for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from t2i_audit.errors import JudgeError
from t2i_audit.judges.clip_spec import LOCAL, ClipSpec, parse_clip
from t2i_audit.judges.reasons import reason_of
from t2i_audit.models.builtin import (
    COLOUR_FOLDER,
    JUDGE_CONFIG,
    NETWORK_CONFIG,
    PREFIX,
    builtin_folder,
)

KIND = "geneval"
BUILTIN = "detector"
DEFAULT_COLOURS = "ViT-L-14/openai"  # GenEval's
FORM = "geneval:DETECTOR or geneval:DETECTOR#CLIP"


@dataclass(frozen=True)
class GenEvalSpec:
    """A detector of transformers, and the open_clip model that names colours."""

    given: str
    """As the user wrote it."""
    detector: str
    """A hub id or a folder's path."""
    folder: Path | None
    """The detector's folder; None for a hub id."""
    colours: str
    """The open_clip model as it stands behind ``clip:``."""

    @property
    def is_builtin(self) -> bool:
        """Whether the detector is the one that ships with the package."""
        return self.folder == builtin_folder(BUILTIN)

    @property
    def name(self) -> str:
        """Its name in results: as on the command line, without a folder's path."""
        if self.is_builtin:
            return KIND
        return f"{KIND}:{self.folder.name if self.folder else self.detector}"

    @property
    def clip(self) -> ClipSpec:
        """The open_clip model.

        Raises:
            JudgeError: there is no such model.
        """
        return replace(parse_clip(f"clip:{self.colours}"), given=self.given)

    def failure(self, part: str, error: Exception) -> JudgeError:
        """The error for the user, if a library cannot load or run a `part` of the detector."""
        reason = reason_of(error)
        remedy = (
            "the folder should hold a detector as transformers saves it, its weights as safetensors"
            if self.folder is not None
            else "check the name and the network, or give a local folder as geneval:PATH; weights "
            "are read only as safetensors"
        )
        return JudgeError(f"judge {self.given!r} cannot load its {part}: {reason}; {remedy}")


def parse_geneval(spec: str) -> GenEvalSpec:
    """Parse ``geneval`` (the built-in detector), ``geneval:DETECTOR`` or ``geneval:DETECTOR#CLIP``.

    DETECTOR is ``builtin:detector``, a folder or a hub id; CLIP is what may stand behind ``clip:``.
    Without it colours are named by the open_clip model in the detector's folder ``colour``, or else
    by `DEFAULT_COLOURS`.

    Raises:
        JudgeError: the folder is no model's folder, or there is no such built-in.
    """
    chosen, _, colours = spec.removeprefix(KIND).removeprefix(":").partition("#")
    chosen = chosen or PREFIX + BUILTIN
    folder: Path | None = None
    if chosen.startswith(PREFIX):
        folder = builtin_folder(chosen)
        if chosen != PREFIX + BUILTIN:
            raise JudgeError(
                f"judge {spec!r} cannot load: {chosen} is no detector; the built-in one is "
                f"{PREFIX}{BUILTIN}"
            )
    elif Path(chosen).expanduser().is_dir():
        folder = Path(chosen).expanduser()
    elif chosen.count("/") != 1 or chosen.startswith((".", "/", "~")):
        raise JudgeError(
            f"judge {spec!r} cannot load: there is no folder {chosen!r}, and it is no hub id "
            "(OWNER/NAME)"
        )
    if folder is not None and not (folder / NETWORK_CONFIG).is_file():
        raise JudgeError(
            f"judge {spec!r} cannot load: {folder} has no {NETWORK_CONFIG}; name the "
            "folder of a detector of transformers"
        )
    if not colours:
        own = folder / COLOUR_FOLDER if folder is not None else None
        has_own = own is not None and (own / JUDGE_CONFIG).is_file()
        colours = f"{LOCAL}{own}" if has_own else DEFAULT_COLOURS
    return GenEvalSpec(spec, chosen, folder, colours)
