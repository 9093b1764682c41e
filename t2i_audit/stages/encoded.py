"""What the text encoders made of a suite, kept so that a run that goes on does not encode it anew.

Beside the states of each encoding lies a record, ``encoded.json``, which is written last: where
each prompt was found, and the checksums of the other files. It holds for the versions of the
libraries that it was made with; all else that states depend on is the same for the whole run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit import storage
from t2i_audit.activations.text.encode import EncodedSuite
from t2i_audit.activations.text.positions import EncoderReading, PromptTokens
from t2i_audit.io import read_json, sha256_of_all, write_json
from t2i_audit.run.features import INDEX, open_features
from t2i_audit.run.manifest import library_versions
from t2i_audit.stages.damage import found_sums, is_untouched

if TYPE_CHECKING:
    from pydantic import TypeAdapter

ENCODED = "encoded.json"


@dataclass(frozen=True)
class _Found:
    """Where one encoder found each of the suite's `n` prompts."""

    eos: tuple[int, ...]
    reading: tuple[EncoderReading, ...]
    located: tuple[bool, ...]


@dataclass(frozen=True)
class _Record:
    versions: Mapping[str, str]
    encoders: Mapping[str, _Found]
    cut: Mapping[str, Mapping[str, bool]]
    files: Mapping[str, str]
    """SHA-256 by the path in the run directory."""


def keep_encoded(run: Path, folder: Path, encoded: EncodedSuite) -> None:
    """Write the record of an encoding whose states lie in `folder`, a folder of the run `run`."""
    files = [folder / INDEX, *sorted(folder.glob("[0-9]*.npy"))]
    sums = sha256_of_all(files)
    record = _Record(
        versions=library_versions(),
        encoders={
            name: _Found(
                tuple(each.eos for each in own),
                tuple(each.reading for each in own),
                tuple(each.located for each in own),
            )
            for name, own in encoded.tokens.items()
        },
        cut=encoded.cut,
        files={
            path.relative_to(run).as_posix(): str(digest)
            for path, digest in zip(files, sums, strict=True)
        },
    )
    write_json(folder / ENCODED, record)


def kept_encoded(run: Path, folder: Path, prompts: int) -> EncodedSuite | None:
    """The encoding of so many `prompts` that an earlier process left in `folder`.

    Of its prompts' tokens only the last one is known.

    Returns:
        None where there is none, where it is damaged, or where other versions made it.
    """
    path = folder / ENCODED
    try:
        record = _adapter().validate_python(read_json(path))
        features = open_features(folder) if _holds(run, path, record) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    counts = {len(found.eos) for found in record.encoders.values()}
    if features is None or counts != {prompts}:
        return None
    tokens = {
        name: tuple(
            PromptTokens(eos, (), {}, reading, located)
            for eos, reading, located in zip(own.eos, own.reading, own.located, strict=True)
        )
        for name, own in record.encoders.items()
    }
    cut = {name: dict(own) for name, own in record.cut.items()}
    return EncodedSuite(features, tokens, cut)


def _holds(run: Path, path: Path, record: _Record) -> bool:
    """Whether the files are as the record says, and would be made by the versions that run."""
    folder = path.parent.relative_to(run).as_posix()
    # A record must not lead to another folder.
    if any(name.rpartition("/")[0] != folder for name in record.files):
        return False
    if record.versions != library_versions():
        return False
    if storage.store_of(run) is None and is_untouched(run, path, tuple(record.files)):
        return True
    found = found_sums(run, {path: tuple(record.files)})
    return found == dict(record.files)


@cache
def _adapter() -> TypeAdapter[_Record]:
    from pydantic import TypeAdapter

    return TypeAdapter(_Record)
