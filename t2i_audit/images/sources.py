"""The list ``sources.json`` of a run: where each image came from, and which were left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import RunDirectoryError
from t2i_audit.images.check import Checked
from t2i_audit.images.listing import LeftOut
from t2i_audit.io import read_json, to_json, write_json
from t2i_audit.settings import Layout

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SOURCES = "sources.json"
SUITE = "suite.jsonl"


@dataclass(frozen=True)
class Missing:
    """A prompt with fewer images than another."""

    prompt_id: str
    images: int
    """How many it has; with 0 it has no result."""


@dataclass(frozen=True)
class Sources:
    """What was found in a folder of images."""

    layout: Layout
    images: tuple[Checked, ...]
    """By seed index, then in the order of the suite."""
    left_out: tuple[LeftOut, ...]
    missing: tuple[Missing, ...]
    beyond: int = 0
    """Images of prompts beyond ``--limit``, which are none of the run's."""
    notes: tuple[str, ...] = ()
    """What was detected when the metadata were read."""

    @property
    def n_seeds(self) -> int:
        """One more than the largest seed index."""
        return max(image.placed.seed for image in self.images) + 1


def missing_of(prompt_ids: Sequence[str], images: Sequence[Checked]) -> tuple[Missing, ...]:
    """The prompts with fewer images than the one with most."""
    counts = dict.fromkeys(prompt_ids, 0)
    for image in images:
        counts[image.placed.prompt_id] += 1
    most = max(counts.values())
    return tuple(Missing(each, count) for each, count in counts.items() if count < most)


def write_sources(run: Path, sources: Sources) -> None:
    """Write the list into the run directory `run`."""
    write_json(run / SOURCES, sources)


def read_sources(run: Path) -> Sources:
    """Read what `write_sources` wrote.

    Raises:
        RunDirectoryError: the list is missing or cannot be used.
    """
    path = run / SOURCES
    try:
        value: Any = read_json(path)
        return _adapter().validate_python(value)
    except (OSError, ValueError) as err:
        raise RunDirectoryError(f"{path} cannot be used: {err}") from err


def sources_identity(sources: Sources) -> dict[str, Any]:
    """What the results depend on, for the manifest: which images, of which prompts and seeds.

    Their size stands where the manifest of an audit has it, if all have the same.
    """
    import hashlib
    import json

    from t2i_audit.images.decode import RULES

    content = [(each.placed.prompt_id, each.placed.seed, each.sha256) for each in sources.images]
    digest = hashlib.sha256(json.dumps(to_json(content)).encode()).hexdigest()
    images = {
        "layout": sources.layout,
        "count": len(sources.images),
        "left_out": len(sources.left_out),
        "sha256": digest,
        "decoding": RULES,
    }
    sizes = {(image.height, image.width) for image in sources.images}
    if len(sizes) > 1:
        return {"images": images}
    ((height, width),) = sizes
    return {"images": images, "sampler": {"height": height, "width": width}}


@cache
def _adapter() -> TypeAdapter[Sources]:
    from pydantic import TypeAdapter

    return TypeAdapter(Sources)
