"""What has changed in the files that a run was begun with, in sentences that name each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

CHECKPOINT = "checkpoint"
# Files that a user adds to a checkpoint, by the option that adds them.
ADDED = ("lora", "embedding")
# These follow from the files, or only say where they came from; the files are what is compared.
DERIVED = ("weights_sha256", "tokenizer_sha256", "commit")
SHOWN = 8  # hexadecimal digits of a hash


def changed_files(there: Mapping[str, Any], asked: Mapping[str, Any]) -> tuple[str, ...]:
    """The files that are not as they were, each as ``vae/config.json of the checkpoint``.

    Args:
        there: the settings in a run's manifest.
        asked: those of the command that is to go on with it.
    """
    return (
        *(f"{name} of the checkpoint" for name, _, _ in _checkpoint(there, asked)),
        *(name for key in ADDED for name in _replaced(there, asked, key)),
    )


def file_differences(there: Mapping[str, Any], asked: Mapping[str, Any]) -> tuple[str, ...]:
    """The same for two runs, each as ``NAME is 12ab34cd there and 56ef78ab here``, by hash."""
    return tuple(
        f"{name} of the checkpoint is {_shown(old)} there and {_shown(new)} here"
        for name, old, new in _checkpoint(there, asked)
    ) + tuple(
        f"--{key} is {_listed(there.get(key))} there and {_listed(asked.get(key))} here"
        for key in ADDED
        if _identities(there.get(key)) != _identities(asked.get(key))
    )


def without_files(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` without what `file_differences` compares."""
    compared = {CHECKPOINT, *ADDED}
    if CHECKPOINT in settings:
        compared |= set(DERIVED)
    return {key: value for key, value in settings.items() if key not in compared}


def _checkpoint(
    there: Mapping[str, Any], asked: Mapping[str, Any]
) -> Iterator[tuple[str, str | None, str | None]]:
    """Name, and both hashes, of each file of the checkpoint that differs; None where it is not."""
    old, new = (_by_path(each.get(CHECKPOINT) or {}) for each in (there, asked))
    for name in dict.fromkeys([*new, *old]):
        if old.get(name) != new.get(name):
            yield name, old.get(name), new.get(name)


def _by_path(checkpoint: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {
        name if group == "." else f"{group}/{name}": digest
        for group, members in checkpoint.items()
        for name, digest in members.items()
    }


def _replaced(there: Mapping[str, Any], asked: Mapping[str, Any], key: str) -> Iterator[str]:
    """Files added under the same name as before, that are other files now."""
    old, new = ({each.get("file"): each for each in side.get(key) or ()} for side in (there, asked))
    for name in old.keys() & new.keys():
        if old[name].get("sha256") != new[name].get("sha256"):
            yield f"{name} of --{key}"


def _identities(added: Any) -> list[tuple[Any, ...]]:
    """What counts of files that were added: contents, weight and token, and not their names."""
    return [tuple(each.get(key) for key in ("sha256", "weight", "token")) for each in added or ()]


def _listed(added: Any) -> str:
    if not added:
        return "not given"
    return ", ".join(
        f"{each.get('file', 'a file')}:{each.get('weight', each.get('token'))}" for each in added
    )


def _shown(digest: str | None) -> str:
    return "absent" if digest is None else digest[:SHOWN]
