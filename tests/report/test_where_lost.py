"""The figure shows, for each slot, what was decoded at every stop, beside its controls."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from t2i_audit.report.where_lost import draw_where_lost
from t2i_audit.results import Interval, Place, SuccessRates
from t2i_audit.results.readings import ProbeReading

WAY = [
    ("text_encoder", "text_encoder", "embeddings"),
    ("text_encoder", "text_encoder", "block_1"),
    ("denoiser", "unet", "mid_block@step_0"),
    ("denoiser", "unet", "mid_block@step_4"),
]
SLOTS = ("object_1.colour", "object_1.shape", "relation")
SUCCESS = SuccessRates(
    Interval(0.5, 0.4, 0.6, 48), {"relation": Interval(0.7, 0.6, 0.8, 48)}, {}, {}
)


def probes() -> list[ProbeReading]:
    """Two positions at every stop; the second is always decoded better."""
    return [
        ProbeReading(
            station, Place.parse(encoder, layer, position), slot,
            masked=0, n_classes=4, chance=0.25, r2=0.0,
            balanced_accuracy=Interval(
                0.2 * stop + gain, 0.2 * stop + gain - 0.1, 0.2 * stop + gain + 0.1, 48
            ),
            shuffled_balanced_accuracy=0.25,
            random_weights_balanced_accuracy=0.3, presence_balanced_accuracy=0.4,
        )
        for stop, (station, encoder, layer) in enumerate(WAY)
        for slot in SLOTS
        for position, gain in (("eos", 0.1), ("mean", 0.2))
    ]  # fmt: skip


@pytest.fixture(scope="module")
def figure() -> Any:
    return draw_where_lost(probes(), SUCCESS)


def panels(figure: Any) -> list[Any]:
    return [axes for axes in figure.axes if axes.axison]


def legend_of(figure: Any) -> list[str]:
    (legend,) = figure.legends
    return [each.get_text() for each in legend.get_texts()]


def test_each_slot_has_a_panel_with_its_best_reading_and_every_control(figure: Any) -> None:
    for panel, slot in zip(panels(figure), SLOTS, strict=False):
        assert panel.get_title(loc="left") == slot
        lines = {line.get_label(): line for line in panel.get_lines()}
        assert {
            "decoded, 95% band", "random weights (control)", "words alone (baseline)", "chance"
        } <= lines.keys()  # fmt: skip
        read = lines["decoded, 95% band"].get_ydata()
        np.testing.assert_allclose(read, [0.2, 0.4, 0.6, 0.8])
        (band,) = (each for each in panel.collections if each.get_alpha() == 0.25)
        edges = band.get_paths()[0].vertices
        assert {(0, 0.1), (0, 0.3), (3, 0.7), (3, 0.9)} <= {
            (round(float(x), 6), round(float(y), 6)) for x, y in edges
        }


def test_layers_components_and_steps_are_named_under_the_last_panels(figure: Any) -> None:
    last = figure.axes[2]

    assert [each.get_text() for each in last.get_xticklabels()] == [
        "embeddings", "block_1", "mid_block", "mid_block"
    ]  # fmt: skip
    assert [each.get_text() for each in last.texts] == [
        "text_encoder",
        "unet, step 0",
        "unet, step 4",
    ]
    assert last.get_ylabel() == "balanced accuracy"


def test_success_has_a_panel_of_its_own_because_it_is_no_balanced_accuracy(figure: Any) -> None:
    *of_slots, success = panels(figure)

    assert len(of_slots) == len(SLOTS)
    assert not any(panel.containers for panel in of_slots)
    assert (success.get_title(loc="left"), success.get_ylabel()) == (
        "Drawn right",
        "share of images",
    )
    assert [each.get_text() for each in success.get_xticklabels()] == ["all images", "relation"]
    assert list(success.containers[0][0].get_ydata()) == [0.5, 0.7]
    assert "drawn right, 95% interval" in legend_of(figure)


def test_a_judge_without_slots_leaves_no_empty_column() -> None:
    *of_slots, success = panels(draw_where_lost(probes(), replace(SUCCESS, by_slot={})))

    assert [each.get_text() for each in success.get_xticklabels()] == ["all images"]
    for panel in of_slots:
        assert panel.get_xlim() == (-0.5, len(WAY) - 0.5)


def test_a_run_without_images_has_no_panel_of_success() -> None:
    figure = draw_where_lost(probes(), None)

    assert len(panels(figure)) == len(SLOTS)
    assert "drawn right, 95% interval" not in legend_of(figure)


def test_a_control_that_was_not_run_says_so(figure: Any) -> None:
    without = [replace(each, random_weights_balanced_accuracy=math.nan) for each in probes()]

    assert "random weights (control)" in legend_of(figure)
    assert "random weights (control): not run" in legend_of(draw_where_lost(without, SUCCESS))


def test_the_title_claims_no_more_than_is_drawn(figure: Any) -> None:
    assert "lost" not in figure.get_suptitle()
