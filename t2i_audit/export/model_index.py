"""A run's figures as the ``model-index`` of a model card.

Each figure is a metric with its interval and its `n` among the arguments:

=================== ================================== =========================================
type                config                             value
=================== ================================== =========================================
success             none                               share of right images; with a split, of it
slot_success        kind of the slots, e.g. ``colour`` share of right slots of that kind
corrected_success   none                               success corrected for the judge's errors
decodability        station, e.g. ``denoiser``         mean decodability of the weakest slots
=================== ================================== =========================================

See https://github.com/huggingface/hub-docs/blob/main/modelcard.md for the format.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from t2i_audit.analysis.board_rows import by_kind
from t2i_audit.analysis.measure import as_key
from t2i_audit.results.interval import Interval
from t2i_audit.results.outcomes import OutcomeReader
from t2i_audit.results.run import Run

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

TOOL = "t2i-audit"  # what the name of our results' source begins with
METHOD = "https://arxiv.org/abs/2507.07207"
"""Where the method is described, in the place of a page of the run's own."""
TASK = {"task_type": "text-to-image", "task_name": "Text-to-Image"}
DIGITS = 4
LEVEL = 0.95  # of all intervals of a run


def model_index(run: Run, *, source: str | None = None) -> list[dict[str, Any]]:
    """The ``model-index`` of a card with the figures of `run`; undefined ones are left out.

    Args:
        run: any finished run; one without images has its decodability alone.
        source: the address of a page about the run.
    """
    from huggingface_hub.repocard_data import eval_results_to_model_index

    name = model_name(run.summary.model)
    return eval_results_to_model_index(name, eval_results(run, source=source))


def eval_results(run: Run, *, source: str | None = None) -> list[EvalResult]:
    """The figures of `run` as the library `huggingface_hub` holds them."""
    from huggingface_hub import EvalResult

    summary, settings = run.summary, run.manifest.settings
    given: dict[str, Any] = {"prompts": summary.n_prompts}
    if summary.success is not None:
        given |= {
            "seeds": summary.n_seeds,
            "judge": summary.judge,
            "judge_sha256": as_key(settings.get("judge")),
        }
    about: dict[str, Any] = {
        **TASK,
        "dataset_type": summary.suite,
        "dataset_name": summary.suite,
        "dataset_revision": settings.get("suite_sha256"),
        "dataset_args": given,
        "source_name": f"{TOOL} {run.manifest.versions.get(TOOL, '')}".strip(),
        "source_url": source or METHOD,
    }
    return [
        EvalResult(**about, **metric, metric_value=rate["value"], metric_args=rate["args"])
        for metric, interval, unit in _figures(run)
        for rate in _defined(interval, unit)
    ]


def is_ours(result: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two results of cards are audits of one suite by one judge.

    Args:
        result: from a card, of whatever tool.
        other: made by `model_index`.
    """
    source = result.get("source")
    name = source.get("name") if isinstance(source, dict) else None
    return isinstance(name, str) and name.split()[:1] == [TOOL] and _what(result) == _what(other)


def _what(result: Mapping[str, Any]) -> tuple[Any, Any]:
    dataset = result.get("dataset")
    dataset = dataset if isinstance(dataset, dict) else {}
    given = dataset.get("args")
    return dataset.get("type"), given.get("judge") if isinstance(given, dict) else None


def model_name(model: str) -> str:
    """The name under which a card lists a model: of one on this machine, that of its folder.

    >>> model_name("builtin:sound"), model_name("OWNER/NAME"), model_name("/home/me/mine")
    ('builtin:sound', 'OWNER/NAME', 'mine')
    """
    path = PurePath(model)
    is_local = path.is_absolute() or model.startswith((".", "~")) or len(path.parts) > 2
    return path.name if is_local and path.name else model


Figure = tuple[dict[str, Any], Interval, str]
"""The metric's fields, its estimate, and what its `n` counts."""


def _figures(run: Run) -> Iterator[Figure]:
    summary = run.summary
    if summary.success is not None:
        success = {"metric_type": "success", "metric_name": "Success"}
        yield success, summary.success.overall, "images"
        for kind, rate in slot_kind_rates(run).items():
            named = {"metric_config": kind, "metric_name": f"Success of slots of kind {kind}"}
            yield {"metric_type": "slot_success", **named}, rate, "slots"
        if summary.corrected is not None:
            named = {"metric_name": "Success, corrected for the judge's errors"}
            corrected = summary.corrected.overall.rate
            yield {"metric_type": "corrected_success", **named}, corrected, "labels"
    for station, found in summary.stations.items():
        words = station.replace("_", " ")
        named = {"metric_config": station, "metric_name": f"Decodability at the {words}"}
        yield {"metric_type": "decodability", **named}, found.decodability, "prompts"
    if summary.success is not None:
        for split, rate in summary.success.by_split.items():
            yield {**success, "dataset_split": split}, rate, "images"


def _defined(interval: Interval, unit: str) -> Iterator[dict[str, Any]]:
    """The value and the arguments of a metric; none where it is undefined.

    JSON, which the hub makes of the metadata, has no NaN.
    """
    if not interval.is_defined:
        return
    ends = {"lower": interval.lower, "upper": interval.upper}
    known = {name: round(end, DIGITS) for name, end in ends.items() if math.isfinite(end)}
    level = {"level": LEVEL} if known else {}
    yield {
        "value": round(interval.estimate, DIGITS),
        "args": {**known, **level, "n": interval.n, "unit": unit},
    }


def slot_kind_rates(run: Run) -> dict[str, Interval]:
    """By kind, the share of the judged slots of that kind that are right; `n` counts slots.

    The intervals are over compositions, as those of the single slots are.
    """
    outcomes = OutcomeReader().read(run)
    return {} if outcomes is None else by_kind(outcomes)
