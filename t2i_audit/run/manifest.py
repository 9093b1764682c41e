"""A run's manifest: what was asked for, with which versions, and how far each stage is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal

from t2i_audit import __version__
from t2i_audit.io import to_json
from t2i_audit.run.changes import file_differences, without_files

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

SCHEMA_VERSION = 1
IN_MEMORY = "in_memory"
"""The setting that is true for a run of a pipeline that was in memory, and absent for others."""
JUDGE_DEVICE = "judge_device"
"""The setting that names the kind of the judges' device, absent if it is the checkpoint's."""
# Distributions that a run's numbers can depend on.
LIBRARIES = (
    "accelerate",
    "beautifulsoup4",
    "diffusers",
    "ftfy",
    "numpy",
    "open-clip-torch",
    "peft",
    "pillow",
    "pyarrow",
    "safetensors",
    "scikit-learn",
    "scipy",
    "sentencepiece",
    "timm",
    "tokenizers",
    "torch",
    "torchvision",
    "transformers",
)

State = Literal["pending", "running", "done"]


@dataclass(frozen=True)
class StageState:
    """How far one stage is."""

    state: State = "pending"
    done: int = 0
    """Items done, in the stage's own unit (prompts, images)."""
    total: int | None = None
    """Items in all; None before the stage has counted them."""


@dataclass(frozen=True)
class Manifest:
    """The contents of ``manifest.json``."""

    created: str
    """When the run was begun, ISO 8601 in UTC."""
    settings: Mapping[str, Any]
    """All that the run's results depend on: model, weights' hash, suite's hash, seeds, sampler,
    judge and so on, in JSON's own types; nested objects are allowed."""
    versions: Mapping[str, str]
    """Versions of Python, of this package and of the libraries."""
    stages: Mapping[str, StageState]
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each file that the run has made, by its path in the run directory, once all are
    made; the record of a batch in turn holds those of its images."""
    flaws: Mapping[str, int] = field(default_factory=dict)
    """How many images were left out for each flaw, a safety checker's intervention among them."""
    use: tuple[Mapping[str, Any], ...] = ()
    """What images were drawn anew under which changes, once that is finished: kind, slot, site and
    number of prompts of each."""
    schema: int = SCHEMA_VERSION

    @property
    def complete(self) -> bool:
        """Whether every stage is done."""
        return all(stage.state == "done" for stage in self.stages.values())

    def with_stage(self, name: str, stage: StageState) -> Manifest:
        """This manifest with the state of one stage replaced."""
        return replace(self, stages={**self.stages, name: stage})


def new_manifest(
    settings: Mapping[str, object],
    *,
    created: str,
    stages: Sequence[str] = (),
    versions: Mapping[str, str] | None = None,
) -> Manifest:
    """The manifest of a run that has not started; `versions` are this machine's if None."""
    return Manifest(
        created=created,
        settings=to_json(settings),
        versions=library_versions() if versions is None else dict(versions),
        stages={name: StageState() for name in stages},
    )


def manifest_from_json(value: Any) -> Manifest:
    """Read what `to_json` made of a manifest.

    Raises:
        ValueError: `value` is no manifest, or one of another schema.
    """
    from pydantic import ValidationError

    if not isinstance(value, dict) or "settings" not in value or "stages" not in value:
        raise ValueError("it is not a manifest of t2i-audit")
    if value.get("schema") != SCHEMA_VERSION:
        raise ValueError(
            f"its schema is {value.get('schema')!r} and this version reads {SCHEMA_VERSION}, so "
            "audit again into a new folder"
        )
    try:
        manifest = _adapter().validate_python(value)
    except ValidationError as err:
        raise ValueError(f"it is not a manifest of t2i-audit ({first_fault(err)})") from err
    outside = [name for name in manifest.files if not _is_inside(name)]
    if outside:
        raise ValueError(f"it names {outside[0]!r}, which is no file of the run directory")
    return manifest


@cache
def _adapter() -> TypeAdapter[Manifest]:
    from pydantic import TypeAdapter

    return TypeAdapter(Manifest)


def _is_inside(name: str) -> bool:
    """Whether `name`, from a file, is a plain path below the run directory."""
    # A run has many files and a leaderboard many runs, for which pathlib would be too slow.
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return (
        bool(parts)
        and not name.startswith("/")
        and ".." not in parts
        and not set(name) & set("\\:\0")
    )


def first_fault(error: ValidationError) -> str:
    """The first thing that is wrong with a value, as ``stages.images.done: ...``."""
    fault = error.errors(include_url=False)[0]
    place = ".".join(map(str, fault["loc"]))
    return f"{place}: {fault['msg']}" if place else fault["msg"]


def remembered_batch_size(manifest: Manifest | None) -> int | None:
    """The batch size that an earlier process found for a run; None where none is recorded."""
    size = None if manifest is None else manifest.settings.get("batch_size")
    # Any other difference is reported later as a difference of the settings.
    return size if isinstance(size, int) and size > 0 else None


def differences(there: Mapping[str, Any], asked: Mapping[str, Any]) -> tuple[str, ...]:
    """What differs between two settings, each as ``seeds is 2 there and 4 here``.

    Nested settings are named by their path, ``sampler.steps``.
    """
    asked = to_json(asked)
    old, new = _flat(without_files(there)), _flat(without_files(asked))
    others = tuple(
        f"{name} is {_shown(old, name)} there and {_shown(new, name)} here"
        for name in dict.fromkeys([*new, *old])
        if old.get(name, _ABSENT) != new.get(name, _ABSENT)
    )
    return others + file_differences(there, asked)


def library_versions() -> dict[str, str]:
    """Versions of Python, this package and the libraries a run's numbers can depend on."""
    import platform

    versions = {"python": platform.python_version(), "t2i-audit": __version__}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


_ABSENT = object()


def _shown(values: Mapping[str, Any], name: str) -> str:
    return repr(values[name]) if name in values else "not set"


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat.update(_flat(item, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = item
    return flat
