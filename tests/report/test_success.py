"""The table of what is drawn right."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from rich.console import Console

from t2i_audit.analysis.success import success_rates
from t2i_audit.report.success import print_success
from t2i_audit.results.judge_facts import GuessRates
from t2i_audit.results.success import SuccessRates

PAIRS = [[f"colour:{i % 6} shape:{i % 5}"] for i in range(60)]


def rates(pairs: list[list[str]] | None) -> SuccessRates:
    return success_rates(
        (np.random.default_rng(0).random((60, 2)) < 0.6).astype(float),
        np.arange(60),
        types=["relation"] * 60,
        splits=["held_out" if i % 6 == 0 else "seen" for i in range(60)],
        pairs=pairs,
    )


def shown(success: SuccessRates, guessing: GuessRates | None = None) -> list[str]:
    screen = Console(file=io.StringIO(), width=200)
    print_success(screen, success, guessing=guessing, corrected=None)
    assert isinstance(screen.file, io.StringIO)
    return [line.rstrip() for line in screen.file.getvalue().splitlines()]


def row(lines: list[str], name: str) -> str:
    return next(line for line in lines if line.startswith(name))


def test_other_pairs_have_a_column_of_their_own_and_the_number_of_pairs_is_said() -> None:
    success = rates(PAIRS)
    lines = shown(success)

    assert success.pairs is not None
    assert row(lines, "images").endswith("for other pairs")
    for name, rate, general in (
        ("all", success.overall, success.pairs.overall),
        ("split held out", success.by_split["held_out"], success.pairs.by_split["held_out"]),
        ("seen less held out", success.gap, success.pairs.gap),
    ):
        assert str(rate) in row(lines, name)
        assert f"[{general.lower:.2f}, {general.upper:.2f}]" in row(lines, name)
    legend = " ".join(" ".join(lines).split())
    assert "than these 30 pairs, of which 5 are held out" in legend
    assert "about the same pairs of values" in legend


def test_without_pairs_there_is_no_such_column() -> None:
    assert not any("pairs" in line for line in shown(rates(None)))


def test_too_few_pairs_say_so() -> None:
    success = rates([["one"]] * 60)

    assert row(shown(success), "all").endswith("too few")


def test_the_gap_has_no_figure_by_guessing() -> None:
    guessing = GuessRates(0.5, {}, {"relation": 0.5}, {"seen": 0.5, "held_out": 0.5}, {})
    lines = shown(rates(PAIRS), guessing)

    assert row(lines, "split seen").endswith("0.50")
    assert row(lines, "seen less held out").endswith("]")
    assert all(not line.endswith("nan") for line in lines)


def test_a_run_without_a_split_has_no_gap() -> None:
    success = replace(
        rates(None), by_split={}, gap=SuccessRates(rates(None).overall, {}, {}, {}).gap
    )

    assert not any(line.startswith("seen less") for line in shown(success))
