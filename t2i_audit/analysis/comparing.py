"""What two runs must share to be compared, what they are made with, and where they differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

from t2i_audit.errors import AuditError
from t2i_audit.io import to_json
from t2i_audit.results.cost import Cost
from t2i_audit.results.leaderboard import LeaderboardRow, Scalar, Setup
from t2i_audit.results.outcomes import Outcomes
from t2i_audit.results.summary import RunSummary

Allowed = Literal["suite", "judge", "prompts", "seeds"]
"""What parts runs into groups, and a user may choose to ignore."""
ALLOWED: tuple[Allowed, ...] = get_args(Allowed)
WHAT: dict[Allowed, str] = {
    "suite": "suite",
    "judge": "judge",
    "prompts": "number of prompts",
    "seeds": "number of seeds",
}

SHORT = 8  # digits of a hash that are shown
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
)
# How images are made of a checkpoint. Each setting is in the leaderboard's columns or changes
# images by rounding alone.
SAMPLING = (
    "seed",
    "sampler",
    "dtype",
    "device",
    "batch_size",
    "attention_slicing",
    "vae_tiling",
    "device_map",
    "images",
)
# Said of the runs of one group where they differ, with what they are called.
NOTED = {
    "size": "image size",
    "dtype": "dtype",
    "device": "device",
    "base_seed": "base seed",
    "negative_prompt": "negative prompt",
    "t2i_audit": "version of t2i-audit",
}


@dataclass(frozen=True)
class Measure:
    """What success is measured with; runs of unequal measures are not compared."""

    suite: str
    judge: str
    suite_sha256: str
    judge_sha256: str
    """Of the judge's fingerprint."""
    prompts: Scalar
    seeds: Scalar
    fingerprint: Mapping[str, Any] = field(default_factory=dict)
    """Of the judge; empty for a row whose run is gone."""

    @classmethod
    def of_row(cls, row: LeaderboardRow) -> Measure:
        """As far as a row of a board says."""
        return cls(
            row.suite,
            row.judge,
            row.suite_sha256,
            row.judge_sha256,
            row.prompts_asked,
            row.n_seeds,
        )

    @property
    def contents(self) -> str:
        """What distinguishes suites: the same one may go by several names."""
        return self.suite_sha256 or self.suite

    def key(self, allow: Sequence[Allowed] = ()) -> str:
        """Equal where two measures are, or differ only in what is in `allow`."""
        parts: dict[Allowed, Any] = {
            "suite": self.contents,
            "judge": [self.judge, self.judge_sha256],
            "prompts": self.prompts,
            "seeds": self.seeds,
        }
        return as_key([value for name, value in parts.items() if name not in allow])


def check_allowed(names: Sequence[str]) -> tuple[Allowed, ...]:
    """`names` in a fixed order, each once.

    Raises:
        AuditError: one of them is nothing that can be ignored.
    """
    unknown = next((name for name in names if name not in ALLOWED), None)
    if unknown is not None:
        raise AuditError(
            f"--allow {unknown} is not known; give one of {', '.join(ALLOWED)}, each with an "
            "--allow of its own"
        )
    return tuple(name for name in ALLOWED if name in names)


def name_of(measures: Sequence[Measure]) -> str:
    """What the runs of a group are measured with, for a heading."""
    # The same suite may go by several names.
    suites = dict.fromkeys({each.contents: each.suite for each in reversed(measures)}.values())
    judges = dict.fromkeys(each.judge for each in measures)
    prompts = _counted((each.prompts for each in measures), "prompt")
    seeds = _counted((each.seeds for each in measures), "seed")
    return f"{_listed([*suites])}, {prompts} x {seeds}, judged by {_listed([*judges])}"


def ignored(measures: Sequence[Measure], allow: Sequence[Allowed]) -> tuple[str, ...]:
    """Sentences on what the runs of one group differ in because the user chose to ignore it."""
    values: dict[Allowed, list[str]] = {
        "suite": [f"{each.suite} ({each.contents[:SHORT]})" for each in measures],
        "judge": [f"{each.judge} ({each.judge_sha256[:SHORT]})" for each in measures],
        "prompts": [str(each.prompts) for each in measures],
        "seeds": [str(each.seeds) for each in measures],
    }
    return tuple(
        f"These runs differ in {WHAT[name]} ({'; '.join(_in_order(values[name]))}), which "
        f"--allow {name} ignores."
        for name in allow
        if len(set(values[name])) > 1
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
            prompts=_scalar(settings.get("prompts", self.summary.n_prompts)),
            seeds=_scalar(settings.get("seeds", self.summary.n_seeds)),
        )

    @cached_property
    def setup(self) -> Setup:
        """What it was made with."""
        settings, sampler = self.settings, self.settings.get("sampler")
        sampler = sampler if isinstance(sampler, Mapping) else {}
        return Setup(
            steps=_scalar(sampler.get("steps")),
            guidance_scale=_scalar(sampler.get("guidance_scale")),
            scheduler=_scalar(sampler.get("scheduler")),
            height=_scalar(sampler.get("height")),
            width=_scalar(sampler.get("width")),
            dtype=_scalar(settings.get("dtype")),
            device=_scalar(settings.get("device")),
            lora=_additions(settings.get("lora")),
            embedding=_additions(settings.get("embedding") or settings.get("embeddings")),
            base_seed=_scalar(settings.get("seed")),
            negative_prompt=_scalar(sampler.get("negative_prompt")),
            commit=_scalar(settings.get("commit")),
            t2i_audit=_scalar(self.versions.get("t2i-audit")),
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


def as_key(value: object) -> str:
    """A SHA-256 of `value` as JSON: equal for equal values."""
    text = json.dumps(to_json(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def stands_apart(
    measure: Measure, first: Measure, count: int, allow: Sequence[Allowed] = ()
) -> tuple[str, ...]:
    """Why the `count` runs of `measure` cannot be compared with those of the `first` group; what is
    in `allow` is no reason."""
    subject, their = f"These {count} runs stand", "their"
    if count == 1:
        subject, their = "This run stands", "its"
    found: list[tuple[str, Scalar, Scalar]] = []
    if measure.contents != first.contents and "suite" not in allow:
        if measure.suite != first.suite:
            found.append(("suite", measure.suite, first.suite))
        elif measure.prompts == first.prompts:
            here, there = _short(measure.contents, first.contents)
            found.append(("suite", f"{measure.suite} with contents {here}", there))
    if measure.prompts != first.prompts and "prompts" not in allow:
        found.append((WHAT["prompts"], measure.prompts, first.prompts))
    if "judge" not in allow:
        found += _judges_apart(measure, first)
    if measure.seeds != first.seeds and "seeds" not in allow:
        found.append((WHAT["seeds"], measure.seeds, first.seeds))
    reasons = (f"{their} {what} differs ({here}, not {there})" for what, here, there in found)
    return (f"{subject} apart from group 1: {'; '.join(reasons)}.",)


def _judges_apart(measure: Measure, first: Measure) -> list[tuple[str, Scalar, Scalar]]:
    if measure.judge != first.judge:
        return [("judge", measure.judge, first.judge)]
    found: list[tuple[str, Scalar, Scalar]] = []
    if measure.fingerprint and first.fingerprint:
        for name, pair in _unequal(measure.fingerprint, first.fingerprint).items():
            here, there = _short(*pair)
            found.append(("judge", f"{name} {here}", there))
    elif measure.judge_sha256 != first.judge_sha256:
        here, there = _short(measure.judge_sha256, first.judge_sha256)
        found.append(("judge", f"fingerprint {here}", there))
    return found


def repeats(rows: Sequence[LeaderboardRow]) -> tuple[str, ...]:
    """Sentences on the rows of one group: which are of one checkpoint, and where they differ."""
    notes = []
    for checkpoint in dict.fromkeys(row.checkpoint for row in rows):
        own = [row for row in rows if row.checkpoint == checkpoint]
        runs = _listed([row.run for row in own])
        if len(own) > 1 and len({row.identity for row in own}) == 1:
            notes.append(
                f"{runs} are the same audit of one checkpoint ({own[0].model}); in the ranks and "
                "in a correlation they count once."
            )
        elif len(own) > 1:
            notes.append(
                f"{runs} are of one checkpoint ({own[0].model}); each different audit has a rank "
                "of its own, and in a correlation their mean counts once."
            )
    for name, what in NOTED.items():
        values = dict.fromkeys(_shown(getattr(row.setup, name)) for row in rows)
        if len(values) > 1:
            notes.append(f"These runs differ in {what}: {'; '.join(values)}.")
    counts = {row.n_prompts for row in rows}
    if len(counts) > 1:
        notes.append(
            f"Success is over {min(counts)} to {max(counts)} prompts: some runs leave prompts out."
        )
    return tuple(notes)


def _unequal(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = [name for name in dict.fromkeys([*one, *other]) if one.get(name) != other.get(name)]
    return {name: (one.get(name), other.get(name)) for name in names}


def _in_order(values: Iterable[str]) -> list[str]:
    """Different values, numbers by their size."""
    return sorted(set(values), key=lambda value: (len(value) if value.isdecimal() else 0, value))


def _counted(values: Iterable[Scalar], noun: str) -> str:
    different = sorted(set(values), key=lambda value: (str(type(value)), value))
    return f"{' or '.join(map(str, different))} {noun}{'' if different == [1] else 's'}"


def _short(one: Any, other: Any) -> tuple[str, str]:
    """Two values as text, hashes cut to what distinguishes them at a glance."""
    texts = (_shown(_scalar(value)) for value in (one, other))
    first, second = (text[:SHORT] if len(text) == 64 else text for text in texts)
    return first, second


def _shown(value: Scalar) -> str:
    return "none" if value is None or value == "" else str(value)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def _scalar(value: Any) -> Scalar:
    """`value` for one cell of a table; what is no scalar becomes JSON."""
    if value is None or isinstance(value, str | int | float):
        return value
    return json.dumps(to_json(value), sort_keys=True, ensure_ascii=False)


def _additions(entries: Any) -> Scalar:
    """The LoRAs or embeddings of a manifest, each as ``style.safetensors:0.8 (3f2a9c01)``."""
    if not isinstance(entries, list):
        return _scalar(entries)
    return "; ".join(map(_addition, entries)) or None


def _addition(entry: Any) -> str:
    if not isinstance(entry, Mapping):
        return str(_scalar(entry))
    name = next((str(entry[key]) for key in ("name", "file", "path") if entry.get(key)), "")
    weight = "" if entry.get("weight") is None else f":{_scalar(entry['weight'])}"
    digest = f" ({str(entry['sha256'])[:SHORT]})" if entry.get("sha256") else ""
    return f"{name}{weight}{digest}".strip(": ")
