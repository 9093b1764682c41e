"""The figure shows, for each slot, what was read at every stop, beside its controls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from t2i_audit.report.where_lost import _figure
from t2i_audit.stats.interval import Interval

WAY = [
    ("text_encoder", "text_encoder", "embeddings"),
    ("text_encoder", "text_encoder", "block_1"),
    ("denoiser", "unet", "mid_block@step_0"),
    ("denoiser", "unet", "mid_block@step_4"),
]
SLOTS = ("object_1.colour", "object_1.shape", "relation")


def probes() -> list[dict[str, Any]]:
    """Two positions at every stop; the second is always read better."""
    return [
        {
            "station": station, "encoder": encoder, "layer": layer, "slot": slot,
            "position": position, "balanced_accuracy": 0.2 * stop + gain,
            "balanced_accuracy_lower": 0.2 * stop + gain - 0.1,
            "balanced_accuracy_upper": 0.2 * stop + gain + 0.1,
            "random_weights_balanced_accuracy": 0.3, "presence_balanced_accuracy": 0.4,
            "chance": 0.25,
        }
        for stop, (station, encoder, layer) in enumerate(WAY)
        for slot in SLOTS
        for position, gain in (("eos", 0.1), ("mean", 0.2))
    ]  # fmt: skip


@pytest.fixture(scope="module")
def figure() -> Any:
    return _figure(probes(), SLOTS, {"relation": Interval(0.7, 0.6, 0.8, 48)})


def test_each_slot_has_a_panel_with_its_best_reading_and_every_control(figure: Any) -> None:
    panels = [axes for axes in figure.axes if axes.axison]

    assert [panel.get_title(loc="left") for panel in panels] == list(SLOTS)
    for panel in panels:
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
        "embeddings", "block_1", "mid_block", "mid_block", "image"
    ]  # fmt: skip
    assert [each.get_text() for each in last.texts] == [
        "text_encoder",
        "unet, step 0",
        "unet, step 4",
    ]
    assert last.get_ylabel() == "balanced accuracy"


def test_the_legend_names_the_drawn_share_although_one_slot_alone_has_it(figure: Any) -> None:
    (legend,) = figure.legends

    assert "drawn right, 95% interval" in [each.get_text() for each in legend.get_texts()]
    assert len(figure.axes[2].containers) == 1
    assert not figure.axes[0].containers
