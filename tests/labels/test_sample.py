"""The sample that is worth labelling."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2i_audit.labels.sample import Candidate, draw


def candidates(prompts: int, seeds: int = 2, wrong: int = 5) -> list[Candidate]:
    return [
        Candidate(f"p{prompt}", seed, ("colour",), prompt >= wrong, disputed=False)
        for prompt in range(prompts)
        for seed in range(seeds)
    ]


@given(st.integers(1, 30), st.integers(1, 4), st.integers(1, 150), st.integers(0, 9))
def test_a_sample_has_the_size_asked_for_and_no_image_twice(
    prompts: int, seeds: int, count: int, seed: int
) -> None:
    own = candidates(prompts, seeds)

    drawn = draw(own, count, rng=np.random.default_rng(seed))

    assert len(drawn) == len({each.index for each in drawn}) == min(count, len(own))
    assert all(each.weight >= 1 for each in drawn)
    per_prompt = Counter(own[each.index].prompt_id for each in drawn)
    assert max(per_prompt.values()) <= -(-count // prompts)


def test_rare_verdicts_are_drawn_more_often_than_they_occur() -> None:
    own = candidates(100, seeds=1)

    drawn = draw(own, 20, rng=np.random.default_rng(0))

    assert Counter(own[each.index].verdict for each in drawn) == {False: 5, True: 15}


def test_weighted_shares_are_right_on_average() -> None:
    """Of 40 x 2 images, those of 5 prompts are wrong by the judge: 1/8."""
    own = candidates(40)
    rng = np.random.default_rng(0)

    shares = []
    for _ in range(400):
        drawn = draw(own, 12, rng=rng)
        wrong = sum(each.weight for each in drawn if not own[each.index].verdict)
        shares.append(wrong / sum(each.weight for each in drawn))

    assert np.mean(shares) == pytest.approx(1 / 8, abs=0.005)


def test_the_seed_decides_the_sample_and_its_order() -> None:
    own = candidates(30)

    first, same, other = (draw(own, 10, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))

    assert first == same != other
