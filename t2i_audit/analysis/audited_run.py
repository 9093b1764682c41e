"""A finished audit: what its success is measured with, and what it was made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from t2i_audit.analysis.measure import SHORT, Measure, as_key, scalar
from t2i_audit.results.cost import Cost
from t2i_audit.results.leaderboard import Scalar, Setup
from t2i_audit.results.outcomes import Outcomes
from t2i_audit.results.summary import RunSummary
from t2i_audit.results.use import Use

# Names only: the same checkpoint or suite may go by another one.
NAMES = ("model", "suite", "variant", "commit", "revision")


# What success is measured with, not what is measured.
MEASURING = (
    "command",
    "suite_sha256",
    "prompts",
    "sample",
    "seeds",
    "judge",
    "more_judges",
    "denoiser_station",
    "denoiser_layout",
    "probe_version",
)


# How images are made of a checkpoint. Each setting is in the leaderboard's columns or changes
# images by rounding alone.
SAMPLING = (
    "seed",
    "sampler",
    "dtype",
    "quantization",
    "device",
    "batch_size",
    "attention_slicing",
    "vae_tiling",
    "device_map",
    "compile",
    "attention",
    "channels_last",
    "images",
)


@dataclass(frozen=True)
class AuditedRun:
    """A finished audit, as read from its directory."""

    directory: str
    summary: RunSummary
    settings: Mapping[str, Any]
    """Of its manifest; any may be absent in a run of an earlier version."""
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    """When it was begun, ISO 8601 in UTC."""
    outcomes: Outcomes | None = None
    """Its verdicts, prompt by prompt; without them it has no rank."""
    cost: Cost | None = None
    use: Use | None = None
    """What interventions showed; None where none were made."""

    @cached_property
    def measure(self) -> Measure:
        """What its success is measured with."""
        settings, judge = self.settings, self.settings.get("judge")
        return Measure(
            suite=self.summary.suite,
            judge=self.summary.judge or "",
            suite_sha256=str(settings.get("suite_sha256") or ""),
            judge_sha256=as_key(judge),
            fingerprint=judge if isinstance(judge, Mapping) else {"judge": judge},
            prompts=scalar(settings.get("prompts", self.summary.n_prompts)),
            seeds=scalar(settings.get("seeds", self.summary.n_seeds)),
        )

    @cached_property
    def setup(self) -> Setup:
        """What it was made with."""
        settings, sampler = self.settings, self.settings.get("sampler")
        sampler = sampler if isinstance(sampler, Mapping) else {}
        return Setup(
            steps=scalar(sampler.get("steps")),
            guidance_scale=scalar(sampler.get("guidance_scale")),
            scheduler=scalar(sampler.get("scheduler")),
            height=scalar(sampler.get("height")),
            width=scalar(sampler.get("width")),
            dtype=scalar(settings.get("dtype")),
            quantization=_quantization(settings.get("quantization")),
            device=scalar(settings.get("device")),
            lora=_additions(settings.get("lora")),
            embedding=_additions(settings.get("embedding") or settings.get("embeddings")),
            base_seed=scalar(settings.get("seed")),
            negative_prompt=scalar(sampler.get("negative_prompt")),
            commit=scalar(settings.get("commit")),
            t2i_audit=scalar(self.versions.get("t2i-audit")),
            probe_version=scalar(settings.get("probe_version")),
        )

    @cached_property
    def checkpoint(self) -> str:
        """What runs of one checkpoint share, whatever is sampled from it and by which name."""
        return self._key_without((*NAMES, *MEASURING, *SAMPLING), ("scheduler",))

    @cached_property
    def identity(self) -> str:
        """What runs share whose results should be equal."""
        return self._key_without((*NAMES, "more_judges"))

    def _key_without(self, names: Sequence[str], components: Sequence[str] = ()) -> str:
        kept = {name: value for name, value in self.settings.items() if name not in names}
        if not self.settings.get("weights_sha256"):
            kept["model"] = self.summary.model
        files = self.settings.get("checkpoint")
        if isinstance(files, Mapping):
            # A checkpoint in one file may have been renamed; only what is in it counts.
            kept["checkpoint"] = {
                name: sorted(map(str, each.values())) if isinstance(each, Mapping) else each
                for name, each in files.items()
                if name not in components
            }
        loras = self.settings.get("lora")
        if isinstance(loras, list):
            kept["lora"] = [
                {**each, "file": None} if isinstance(each, Mapping) else each for each in loras
            ]
        return as_key(kept)


def _quantization(kept: Any) -> Scalar:
    """How the weights of each component are kept, as ``transformer: gguf Q4_K``."""
    if not isinstance(kept, Mapping):
        return scalar(kept)
    return "; ".join(f"{name}: {kind}" for name, kind in kept.items()) or None


def _additions(entries: Any) -> Scalar:
    """The LoRAs or embeddings of a manifest, each as ``style.safetensors:0.8 (3f2a9c01)``."""
    if not isinstance(entries, list):
        return scalar(entries)
    return "; ".join(map(_addition, entries)) or None


def _addition(entry: Any) -> str:
    if not isinstance(entry, Mapping):
        return str(scalar(entry))
    name = next((str(entry[key]) for key in ("name", "file", "path") if entry.get(key)), "")
    weight = "" if entry.get("weight") is None else f":{scalar(entry['weight'])}"
    digest = f" ({str(entry['sha256'])[:SHORT]})" if entry.get("sha256") else ""
    return f"{name}{weight}{digest}".strip(": ")
