"""Which variants of its weights a checkpoint has, by the names of its files."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from t2i_audit.errors import ModelError
from t2i_audit.printable import listed

STEM, SHARD, END = "(?:diffusion_pytorch_)?model", r"(?:-\d{5}-of-\d{5})?", r"\.safetensors"
# E.g. model.safetensors and model-00001-of-00002.safetensors
PLAIN = re.compile(f"{STEM}{SHARD}{END}")
# E.g. model.fp16.safetensors, model.fp16-00001-of-00002.safetensors and, in the older form,
# model-00001-of-00002.fp16.safetensors
VARIANT = re.compile(rf"{STEM}{SHARD}\.([^.]+?){SHARD}{END}")


def check_variant(files: Mapping[str, Collection[str]], model: str, variant: str | None) -> None:
    """Refuse a checkpoint that has its weights only in another variant than the requested one.

    A component without files of `variant` is read from its plain files.

    Args:
        files: names of each component's files.
        model: its name on the command line.
        variant: the requested one.

    Raises:
        ModelError: the variant does not exist, or another one must be requested.
    """
    found = {name: _variants(names) for name, names in files.items()}
    known = sorted(set().union(*found.values()))
    if variant is not None and variant not in known:
        advice = f"it has {', '.join(known)}" if known else "leave --variant out"
        raise ModelError(f"{model!r} has no weights of the variant {variant}; {advice}.")
    # Components with plain weights can be loaded with any variant.
    bound = {
        name: each for name, each in sorted(found.items()) if each and not _has_plain(files[name])
    }
    if all(variant in each for each in bound.values()):
        return
    common = set.intersection(*bound.values())
    if common:
        only = min(common)
        raise ModelError(
            f"{model!r} has the weights of {listed([*bound])} only as the variant {only}; give "
            f"--variant {only}."
        )
    apart = [f"{name} only as {'/'.join(sorted(each))}" for name, each in bound.items()]
    raise ModelError(
        f"{model!r} has the weights of {listed([*apart])}, which cannot be loaded together; give a "
        "checkpoint that has all of them plain or in one variant."
    )


def names_in(path: Path, components: Iterable[str]) -> dict[str, list[str]]:
    """Names of the files in each component's folder of the pipeline in `path`."""
    return {
        name: [file.name for file in (path / name).iterdir()]
        for name in components
        if (path / name).is_dir()
    }


def names_among(files: Iterable[str], components: Collection[str]) -> dict[str, list[str]]:
    """The same for a repository's `files`, given by their paths in it."""
    found: dict[str, list[str]] = {}
    for folder, _, name in (file.rpartition("/") for file in files):
        if folder in components:
            found.setdefault(folder, []).append(name)
    return found


def _variants(names: Iterable[str]) -> set[str]:
    return {match[1] for match in map(VARIANT.fullmatch, names) if match}


def _has_plain(names: Iterable[str]) -> bool:
    return any(map(PLAIN.fullmatch, names))
