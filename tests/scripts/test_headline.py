"""The rule by which a measure of decodability becomes the headline figure."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from scripts.headline import Cell, association, headline, line, score, separation

SLOTS = ("colour", "shape")


def cells(
    own: Mapping[str, tuple[float, ...]],
    random: Mapping[str, tuple[float, ...]],
    success: tuple[float, ...] = (0.95, 0.92, 0.97, 0.91, 0.99),
) -> list[Cell]:
    """One cell for each checkpoint, station and slot; figures by measure and checkpoint."""
    return [
        Cell(
            f"model {number}",
            station,
            slot,
            success[number],
            {name: values[number] for name, values in own.items()},
            tuple({name: value for name, (*_, value) in random.items()} for _ in range(2)),
        )
        for number in range(len(success))
        for station in ("text_encoder", "denoiser")
        for slot in SLOTS
    ]


def test_what_ties_counts_one_half_and_what_is_not_drawn_right_does_not_count() -> None:
    # Against 0.9: one below, one tie, one above, and two that the network need not hold.
    found = cells(
        {"balanced_accuracy": (0.8, 0.904, 0.95, 0.1, 0.1)},
        {"balanced_accuracy": (0.9,)},
        success=(0.9, 0.95, 1.0, 0.89, 0.2),
    )

    assert separation(found, "balanced_accuracy") == pytest.approx((0 + 0.5 + 1) / 3)


def test_the_score_is_the_mean_of_separation_and_association() -> None:
    # All tie. Ranks 2 1 4 3 5 against success 3 2 4 1 5: differences 1 1 0 2 0, so that
    # rho = 1 - 6 * 6 / (5 * 24) = 0.7, and S = (0.5 + 0.85) / 2.
    found = cells(
        {"balanced_accuracy": (0.902, 0.901, 0.9035, 0.903, 0.904)},
        {"balanced_accuracy": (0.9,)},
    )

    assert association(found, "balanced_accuracy") == pytest.approx(0.7)
    assert score(found, "balanced_accuracy") == pytest.approx((0.5 + 0.85) / 2)


ALIKE = (0.98, 0.99, 0.97, 1.0, 0.96)


def test_a_measure_that_separates_where_accuracy_does_not_is_the_headline() -> None:
    rising = (0.6, 0.5, 0.7, 0.4, 0.8)
    found = cells(
        {"balanced_accuracy": ALIKE, "r2": rising}, {"balanced_accuracy": (1.0,), "r2": (0.1,)}
    )

    assert line(found, "r2").beats
    assert headline(found) == "r2"


def test_a_measure_that_is_no_better_leaves_accuracy_the_headline() -> None:
    figures = {"balanced_accuracy": ALIKE, "r2": ALIKE}
    found = cells(figures, {"balanced_accuracy": (1.0,), "r2": (1.0,)})

    assert not line(found, "r2").beats
    assert headline(found) == "balanced_accuracy"


def test_of_two_that_beat_it_alike_the_simpler_one_is_the_headline() -> None:
    rising = (0.6, 0.5, 0.7, 0.4, 0.8)
    found = cells(
        {"balanced_accuracy": ALIKE, "code_length": rising, "shared_readout": rising},
        {"balanced_accuracy": (1.0,), "code_length": (0.1,), "shared_readout": (0.1,)},
    )

    assert line(found, "shared_readout").beats
    assert headline(found) == "code_length"
