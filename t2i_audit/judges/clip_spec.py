"""The open_clip model that a judge's name on the command line stands for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t2i_audit.errors import JudgeError
from t2i_audit.io import read_json
from t2i_audit.judges.reasons import reason_of
from t2i_audit.models.builtin import JUDGE_CONFIG, builtin_folder
from t2i_audit.settings import BUILTIN_PREFIX

BUILTIN = "clip-judge"
BUILTIN_NAME = f"{BUILTIN_PREFIX}{BUILTIN}"
LOCAL = "local-dir:"
CONFIG, WEIGHTS = JUDGE_CONFIG, "open_clip_model.safetensors"


@dataclass(frozen=True)
class ClipSpec:
    """An open_clip model, as open_clip identifies it."""

    given: str
    """As the user wrote it."""
    model: str
    """An architecture's name, or ``local-dir:PATH``."""
    tag: str
    """Tag of its pretrained weights; empty for a folder."""
    folder: Path | None

    @property
    def is_builtin(self) -> bool:
        """Whether it is the judge that ships with the package."""
        return self.folder == builtin_folder(BUILTIN)

    @property
    def short(self) -> str:
        """The model's name without its folder's path."""
        return BUILTIN if self.is_builtin else (self.folder or Path(self.model)).name

    @property
    def name(self) -> str:
        """Its name in results: as on the command line, without a folder's path."""
        if self.is_builtin:
            return "clip"
        return f"clip:{LOCAL}{self.short}" if self.folder else f"clip:{self.short}/{self.tag}"

    def failure(self, part: str, error: Exception) -> JudgeError:
        """The error for the user, if a library cannot load a `part` of this model."""
        reason = reason_of(error)
        remedy = (
            f"the folder should hold {CONFIG}, {WEIGHTS} and the tokenizer, as open_clip saves them"
            if self.folder is not None
            else f"check the name and the network, or give a local folder as clip:{LOCAL}PATH"
        )
        return JudgeError(f"judge {self.given!r} cannot load its {part}: {reason}; {remedy}")


def parse_clip(spec: str) -> ClipSpec:
    """Parse ``clip:builtin:clip-judge`` or ``clip`` (both are the built-in judge),
    ``clip:local-dir:PATH`` or ``clip:MODEL/TAG``.

    Raises:
        JudgeError: a file of the folder is missing, or open_clip has no such model.
    """
    import open_clip

    chosen = spec.removeprefix("clip").removeprefix(":")
    if chosen in ("", BUILTIN_NAME):
        chosen = LOCAL + str(builtin_folder(BUILTIN))
    if chosen.startswith(LOCAL):
        folder = Path(chosen.removeprefix(LOCAL)).expanduser()
        for name in (CONFIG, WEIGHTS):
            if not (folder / name).is_file():
                raise JudgeError(
                    f"judge {spec!r} cannot load: {folder} has no {name}; name the folder of an "
                    "open_clip model"
                )
        return ClipSpec(spec, f"{LOCAL}{folder}", "", folder)
    name, _, tag = chosen.partition("/")
    tags = open_clip.list_pretrained_tags_by_model(name)
    if tag not in tags:
        known = ", ".join(tags[:5])
        hint = f"its tags are {known}" if known else "no such model; see open_clip.list_models()"
        raise JudgeError(f"judge {spec!r} cannot load: {hint} (clip:MODEL/TAG)")
    return ClipSpec(spec, name, tag, None)


def text_config(spec: ClipSpec) -> dict[str, Any]:
    """The part of the model's configuration that concerns texts.

    Raises:
        ValueError: it is no configuration of open_clip.
        OSError: it cannot be read.
    """
    import open_clip

    if spec.folder is None:
        config = open_clip.get_model_config(spec.model)
    else:
        known = read_json(spec.folder / CONFIG)
        config = known.get("model_cfg") if isinstance(known, dict) else None
    if not isinstance(config, dict) or not isinstance(config.get("text_cfg"), dict):
        raise ValueError(f"{CONFIG} has no model_cfg with a text_cfg")
    text: dict[str, Any] = config["text_cfg"]
    return text
