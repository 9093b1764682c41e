"""Options for loading that have no meaning for the checkpoint that is given."""

from __future__ import annotations

from pathlib import Path

from t2i_audit.errors import ModelError
from t2i_audit.models.quantize import refuse_lora
from t2i_audit.models.resolve import ResolvedModel, own_code, read_index
from t2i_audit.settings import GGUF, ModelOptions


def refuse_unused(resolved: ResolvedModel, options: ModelOptions) -> None:
    """Refuse an option that would be ignored, so that nobody believes it had an effect.

    Raises:
        ModelError: one sentence that names the option.
    """
    name, source = resolved.name, resolved.source
    if source != "hub":
        for option, given in (
            ("--revision", options.revision is not None),
            ("--local-files-only", options.local_files_only),
        ):
            if given:
                raise ModelError(f"{option} is for a hub id, and {name!r} is none; leave it out.")
    if source == "builtin" and options.variant is not None:
        raise ModelError("--variant means nothing for a built-in checkpoint; leave it out.")
    if source != "file" and options.config is not None:
        raise ModelError(
            f"--config is for a checkpoint in a single file, and {name!r} is none; leave it out."
        )
    if source == "file" and options.quantize is not None:
        raise ModelError(
            f"--quantize is for a folder or a hub id, and {name!r} is a single file; leave it out."
        )
    if name.endswith(GGUF) and source == "file" and options.lora:
        refuse_lora(repr(name))
    trusted = options.trust_remote_code
    if trusted is None:
        return
    if trusted != name:
        raise ModelError(
            f"--trust-remote-code names {trusted!r}, and MODEL is {name!r}; give it the same name "
            "or leave it out."
        )
    if resolved.path is not None and not _brings_code(resolved.path, name):
        raise ModelError(
            f"--trust-remote-code means nothing for {name!r}, which brings no code of its own; "
            "leave it out."
        )


def _brings_code(path: Path, name: str) -> bool:
    if path.is_file():
        return False
    index, components = read_index(path, name, trusted=True)
    return bool(own_code(path, index, components))
