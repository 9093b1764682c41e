"""Where runs differ that stand side by side, and what may be ignored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from t2i_audit.analysis.measure import ALLOWED, SHORT, Allowed, Measure, scalar
from t2i_audit.errors import AuditError
from t2i_audit.printable import listed
from t2i_audit.results.leaderboard import LeaderboardRow, Scalar

WHAT: dict[Allowed, str] = {
    "suite": "suite",
    "judge": "judge",
    "prompts": "number of prompts",
    "seeds": "number of seeds",
}


PROBES = "probe_version"
# Said of the runs of one group where they differ, with what they are called.
NOTED = {
    "size": "image size",
    "dtype": "dtype",
    "quantization": "quantization",
    "device": "device",
    "base_seed": "base seed",
    "negative_prompt": "negative prompt",
    "t2i_audit": "version of t2i-audit",
    PROBES: "version of the probes, so that decodability is not comparable",
}


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
    return f"{listed([*suites])}, {prompts} x {seeds}, judged by {listed([*judges])}"


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
        runs = listed([row.run for row in own])
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
    probed = [row for row in rows if any(d.is_defined for d in row.decodability.values())]
    for name, what in NOTED.items():
        concerned = probed if name == PROBES else rows
        values = dict.fromkeys(_shown(getattr(row.setup, name)) for row in concerned)
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
    texts = (_shown(scalar(value)) for value in (one, other))
    first, second = (text[:SHORT] if len(text) == 64 else text for text in texts)
    return first, second


def _shown(value: Scalar) -> str:
    return "none" if value is None or value == "" else str(value)
