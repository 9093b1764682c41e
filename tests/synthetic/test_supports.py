"""Supports against brute force on few modules."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.support import is_compositional, is_connected
from synthetic.streams import stream
from synthetic.tasks.supports import (
    all_compositions,
    draw_support,
    largest_held_out,
    masks,
)
from t2i_audit.errors import AuditError

REDRAWN = ("random", "balanced", "popular", "unpopular")


@pytest.mark.parametrize(("modules", "active"), [(2, 2), (3, 2), (4, 2), (4, 3), (3, 3)])
def test_the_largest_held_out_part_is_that_of_an_exhaustive_search(
    modules: int, active: int
) -> None:
    compositions = all_compositions(modules, active)
    fewest = next(
        size
        for size in range(1, len(compositions) + 1)
        for train in combinations(compositions, size)
        if is_compositional(train, range(modules)) and is_connected(train)
    )

    assert largest_held_out(compositions, modules) == len(compositions) - fewest


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(REDRAWN),
    modules=st.integers(3, 7),
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_every_possible_fraction_gives_a_compositional_and_connected_support(
    kind: str, modules: int, share: float, seed: int
) -> None:
    compositions = all_compositions(modules, 2)
    most = largest_held_out(compositions, modules)
    held_out = 1 + round(share * (most - 1))
    support = draw_support(
        kind,  # type: ignore[arg-type]
        compositions,
        modules,
        held_out / len(compositions),
        stream(seed, "support"),
    )

    assert len(support.held_out) == held_out
    assert sorted(support.train + support.held_out) == sorted(compositions)
    assert support.is_compositional
    assert support.is_connected


def test_a_fraction_too_large_is_refused_with_the_largest_that_is_not() -> None:
    compositions = all_compositions(8, 2)
    # 7 pairs join 8 modules, so 29 of 36 can be held out: 0.805.
    with pytest.raises(AuditError, match=r"largest .* is 0\.805 \(--train-fraction 0\.195\)"):
        draw_support("random", compositions, 8, 0.9, stream(0, "support"))

    assert draw_support("random", compositions, 8, 0.805, stream(0, "support")).is_connected


def test_single_modules_can_never_be_connected() -> None:
    with pytest.raises(AuditError, match="--active"):
        draw_support("random", all_compositions(4, 1), 4, 0.25, stream(0, "support"))


@pytest.mark.parametrize(
    ("train_fraction", "apart", "trained"),
    [
        # Up to 3 of 8 modules make 92 compositions. One module and the other 7 occur together in
        # 7 + 21 = 28 of them, two halves in 16 + 48 = 64.
        (0.75, 1, 92 - 28),
        (28 / 92, 4, 28),
        # Halves, and some of the remaining 28 are held out as well.
        (0.25, 4, 23),
    ],
)
def test_a_disconnected_support_never_joins_its_groups(
    train_fraction: float, apart: int, trained: int
) -> None:
    compositions = all_compositions(8, 3)
    support = draw_support("disconnected", compositions, 8, 1 - train_fraction, stream(0, "s"))

    assert support.is_compositional
    assert not support.is_connected
    assert all(max(one) < apart or min(one) >= apart for one in support.train)
    assert len(support.train) == trained
    assert sorted(support.train + support.held_out) == sorted(compositions)


@pytest.mark.parametrize(
    ("modules", "active", "part"), [(1, 1, "at least 2 modules"), (4, 1, "no disconnected support")]
)
def test_a_disconnected_support_that_cannot_be_is_refused(
    modules: int, active: int, part: str
) -> None:
    with pytest.raises(AuditError, match=part):
        draw_support(
            "disconnected", all_compositions(modules, active), modules, 0.5, stream(0, "support")
        )


def test_a_non_compositional_support_lacks_one_module() -> None:
    support = draw_support(
        "non-compositional", all_compositions(6, 3), 6, 0.25, stream(0, "support")
    )

    assert not support.is_compositional
    assert all(5 in one for one in support.held_out)


def frequencies(kind: str, seed: int) -> np.ndarray:
    """In how many of 69 trained compositions each of 8 modules occurs, the rarest first."""
    support = draw_support(kind, all_compositions(8, 3), 8, 0.25, stream(seed, "support"))  # type: ignore[arg-type]
    return np.sort(masks(support.train, 8).sum(axis=0))


def test_the_frequencies_of_modules_are_as_the_supports_names_say() -> None:
    mean = {
        kind: np.mean([frequencies(kind, seed) for seed in range(20)], axis=0) for kind in REDRAWN
    }

    def spread(kind: str) -> float:
        return float(mean[kind][-1] - mean[kind][0])

    assert spread("balanced") < spread("random")
    # A module occurs in 1 + 7 + 21 = 29 compositions. Those with one of 3 modules are
    # 92 - (5 + 10 + 10) = 67 and are all trained.
    assert mean["popular"][-3:].tolist() == [29, 29, 29]
    # 7 modules make 7 + 21 + 35 = 63 compositions, each of them in 1 + 6 + 15 = 22; that leaves 6
    # for the rarest module.
    assert mean["unpopular"][0] == 6
    assert mean["unpopular"][1] >= 22


def test_more_active_modules_than_there_are_is_refused() -> None:
    with pytest.raises(AuditError, match="between 1 and all 3 modules, not 4"):
        all_compositions(3, 4)
