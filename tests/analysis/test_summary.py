"""The summary of a run as JSON."""

from __future__ import annotations

import json

import numpy as np

from t2i_audit.analysis.association import associate
from t2i_audit.analysis.attribution import attribute, attribution_shares
from t2i_audit.analysis.notes import standing_notes
from t2i_audit.analysis.repeatability import repeatability
from t2i_audit.analysis.success import success_rates
from t2i_audit.io import dump_json, to_json
from t2i_audit.results import (
    Interval,
    RunSummary,
    SlotDecoding,
    SlotEstimates,
    StationSummary,
    undefined,
)
from t2i_audit.results.summary import summary_from_json


def whole_summary() -> RunSummary:
    """The summary of a small run in which no image is wrong."""
    rng = np.random.default_rng(0)
    success, clusters, types = np.ones((4, 2)), np.arange(4), ["t"] * 4
    ceiling = repeatability(success, clusters, types=types)
    attribution = attribute(success, {"relation": [True] * 4}, {})
    nothing = undefined()
    read = SlotEstimates(Interval(1.0, 0.9, 1.0, 4), nothing, nothing, nothing, nothing)
    return RunSummary(
        model="builtin:sound",
        suite="tiny",
        judge="oracle",
        n_prompts=4,
        n_seeds=2,
        n_images=8,
        n_excluded=0,
        stations={
            "text_encoder": StationSummary(
                Interval(0.8, 0.7, 0.9, 4),
                {"relation": SlotDecoding(read, "kept")},
            )
        },
        success=success_rates(success, clusters, types=types, splits=["seen"] * 4),
        repeatability=ceiling,
        associations={
            "text_encoder": associate(
                np.linspace(0, 1, 4),
                success,
                clusters,
                types=types,
                repeatability=ceiling,
                rng=rng,
            )
        },
        attribution=attribution_shares(attribution, success, clusters, rng=rng),
    )


def test_a_summary_is_plain_json_with_undefined_as_null() -> None:
    record = to_json(whole_summary())

    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["associations"]["text_encoder"]["auroc"]["estimate"] is None


def test_a_summary_that_is_written_and_read_back_is_the_same() -> None:
    summary = whole_summary()

    read = summary_from_json(json.loads(dump_json(summary)))

    assert dump_json(read) == dump_json(summary)
    assert np.isnan(read.associations["text_encoder"].auroc.estimate)  # type: ignore[index]


def test_every_estimate_carries_its_ends_and_its_count() -> None:
    bare = []

    def visit(value: object) -> None:
        if isinstance(value, dict):
            if "estimate" in value and set(value) != {"estimate", "lower", "upper", "n"}:
                bare.append(value)
            for item in value.values():
                visit(item)

    visit(to_json(whole_summary()))

    assert bare == []


def test_a_run_without_images_has_no_success() -> None:
    summary = RunSummary("m", "s", None, 4, 0, 0, 0, {})

    assert to_json(summary)["success"] is None


def test_one_seed_is_noted_as_unable_to_tell_chance() -> None:
    notes = standing_notes(
        n_seeds=1, n_images=4, n_excluded=0, stations=["text_encoder", "denoiser"]
    )

    assert len(notes) == 1 and "With one seed" in notes[0]


def test_a_full_run_with_nothing_left_out_needs_no_note() -> None:
    assert not standing_notes(
        n_seeds=2, n_images=8, n_excluded=0, stations=["text_encoder", "denoiser"]
    )
