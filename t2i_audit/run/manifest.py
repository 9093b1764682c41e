"""A run's manifest: what was asked for, with which versions, and how far each stage is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from typing import Any, Literal

from t2i_audit import __version__
from t2i_audit.io import to_json
from t2i_audit.run.changes import file_differences, without_files

SCHEMA_VERSION = 1
STATES = ("pending", "running", "done")
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
    """SHA-256 of each table and of the summary, once they are written."""
    flaws: Mapping[str, int] = field(default_factory=dict)
    """How many images were left out for each flaw, a safety checker's intervention among them."""
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
    if not isinstance(value, dict) or "settings" not in value or "stages" not in value:
        raise ValueError("it is not a manifest of t2i-audit")
    if value.get("schema") != SCHEMA_VERSION:
        raise ValueError(
            f"its schema is {value.get('schema')!r} and this version reads {SCHEMA_VERSION}"
        )
    try:
        stages = {name: StageState(**stage) for name, stage in value["stages"].items()}
        if any(stage.state not in STATES for stage in stages.values()):
            raise ValueError("it holds an unknown stage state")
        return Manifest(
            created=str(value["created"]),
            settings=dict(value["settings"]),
            versions=dict(value["versions"]),
            stages=stages,
            files=dict(value.get("files", {})),
            flaws=dict(value.get("flaws", {})),
        )
    except (AttributeError, KeyError, TypeError) as err:
        raise ValueError("it is not a manifest of t2i-audit") from err


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
