"""What two runs must share to be compared, and what they do not share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from t2i_audit.analysis.audited_run import AuditedRun
from t2i_audit.analysis.comparing import NOTED
from t2i_audit.analysis.measure import SHORT, Measure, as_key
from t2i_audit.analysis.paired.rates import PairedImages
from t2i_audit.errors import AuditError
from t2i_audit.printable import counted, listed

# Settings of sampling in which two runs may differ, with what they are called.
DIFFERING = {
    "steps": "steps",
    "guidance_scale": "guidance scale",
    "scheduler": "scheduler",
    **NOTED,
}


def require_comparable(base: AuditedRun, candidate: AuditedRun) -> None:
    """Refuse runs whose success is not one quantity.

    Raises:
        AuditError: their suites or judges differ.
    """
    own, other = base.measure, candidate.measure
    differs = ""
    if own.contents != other.contents:
        differs = f"suite ({_contents(other)}, not {_contents(own)})"
    elif own.judge != other.judge:
        differs = f"judge ({other.judge}, not {own.judge})"
    elif as_key(own.fingerprint) != as_key(other.fingerprint):
        differs = f"judge, which is {own.judge} with another {listed(_unlike(own, other))}"
    if differs:
        raise AuditError(
            f"{candidate.directory} cannot be compared with {base.directory}: it differs in its "
            f"{differs}; give two runs of one suite and judge"
        )


def same_noise(base: AuditedRun, candidate: AuditedRun) -> bool:
    """Whether an image of one prompt and seed began from the same noise in both runs.

    The noise depends on the prompt, the seed and what is asked for here
    (`t2i_audit.generation.noise`); of images made elsewhere nothing is known.
    """

    def source(run: AuditedRun) -> list[Any]:
        settings, setup = run.settings, run.setup
        made = settings.get("command") if settings.get("command") == "audit" else None
        return [made, settings.get("pipeline"), setup.base_seed, setup.dtype, setup.size]

    own = source(base)
    return None not in own and own == source(candidate)


def notes_on(base: AuditedRun, candidate: AuditedRun, images: PairedImages) -> Iterator[str]:
    """Sentences on what the runs do not share, and on what the differences rest on."""
    seeds = images.base.shape[1]
    counts = base.summary.n_seeds, candidate.summary.n_seeds
    if counts[0] != counts[1]:
        yield (
            f"The base has {counted(counts[0], 'seed')} and the candidate {counts[1]}; the first "
            f"{seeds} of each are compared."
        )
    both = images.both
    if not both.all():
        prompts = int((~both.any(axis=1)).sum())
        also = f", among them all of {counted(prompts, 'prompt')}" if prompts else ""
        yield (
            f"{counted(int((~both).sum()), 'image')} of {both.size:,} left out{also}: one of the "
            "runs has no verdict there."
        )
    setups = base.setup, candidate.setup
    pairs = {name: [getattr(each, field) for each in setups] for field, name in DIFFERING.items()}
    unequal = [f"{name} ({new}, not {old})" for name, (old, new) in pairs.items() if new != old]
    if unequal:
        yield f"The candidate differs from the base in {listed(unequal)}."
    if seeds == 1:
        yield "With one seed it is not known what more seeds would show."
    if any(run.summary.corrected is not None for run in (base, candidate)):
        yield (
            "The differences rest on the judge's verdicts as they are, not on the corrected rates."
        )


def _contents(measure: Measure) -> str:
    digest = measure.suite_sha256[:SHORT]
    return f"{measure.suite} with contents {digest}" if digest else measure.suite


def _unlike(own: Measure, other: Measure) -> list[str]:
    names = dict.fromkeys([*own.fingerprint, *other.fingerprint])
    return [
        str(name)
        for name in names
        if as_key(own.fingerprint.get(name)) != as_key(other.fingerprint.get(name))
    ]
