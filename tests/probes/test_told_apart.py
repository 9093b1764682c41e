"""Values that a VAE makes look alike are named, and no others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.structure import Prompt
from prompts.suite import load_suite
from t2i_audit.probes.codes import bags_of_codes
from t2i_audit.probes.rows import Rows
from t2i_audit.probes.told_apart import _consistent, lost_in_blocks, told_apart
from t2i_audit.results.interval import Interval
from t2i_audit.results.told_apart import ToldApart

PROMPTS = load_suite("world-relations").prompts[:240]
COLOURS = sorted({p.value for prompt in PROMPTS for p in prompt.constituents if p.kind == "colour"})
MERGED = ("blue", "red")


def patches(
    prompts: tuple[Prompt, ...], rng: np.random.Generator, *, merged: Sequence[str] = ()
) -> np.ndarray:
    """Sixteen patches an image, three of each object's colour and the others of the background."""
    place = {colour: np.eye(len(COLOURS))[row] * 4 for row, colour in enumerate(COLOURS)}
    if merged:
        place |= dict.fromkeys(merged, sum(place[each] for each in merged) / len(merged))
    images = np.zeros((len(prompts), 16, len(COLOURS)))
    for image, prompt in zip(images, prompts, strict=True):
        spots = rng.permutation(16)
        own = [part.value for part in prompt.constituents if part.kind == "colour"]
        for index, colour in enumerate(own):
            image[spots[3 * index : 3 * index + 3]] = place[colour]
    return images + rng.normal(0, 0.3, images.shape)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_two_values_that_are_merged_are_the_only_ones_named(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = told_apart(
        PROMPTS, patches(PROMPTS, rng), patches(PROMPTS, rng, merged=MERGED), seed=seed
    )
    (lost,) = (pair for pair in found if pair.lost)

    assert (lost.kind, lost.values) == ("colour", MERGED)
    assert lost.before.lower > 0.9
    assert lost.behind.lower < 0.5 < lost.behind.upper
    assert lost.loss.estimate == pytest.approx(lost.before.estimate - lost.behind.estimate)


def test_of_three_values_that_are_merged_all_pairs_are_named() -> None:
    rng = np.random.default_rng(0)
    three = ("blue", "purple", "red")
    found = told_apart(PROMPTS, patches(PROMPTS, rng), patches(PROMPTS, rng, merged=three), seed=0)

    lost = {pair.values for pair in found if pair.lost}
    assert lost == {("blue", "purple"), ("blue", "red"), ("purple", "red")}


def test_a_value_that_looks_like_another_does_not_look_like_that_ones_neighbour() -> None:
    """Blue is drawn as red, which is hard to tell from orange: blue and orange are not alike."""
    pairs = [
        _pair("blue", "red", loss=0.5),
        _pair("blue", "orange", loss=0.3),
        _pair("green", "purple", loss=0.2),
    ]

    assert [pair.values for pair in _consistent(pairs)] == [("blue", "red"), ("green", "purple")]


def _pair(first: str, second: str, *, loss: float) -> ToldApart:
    share = Interval(0.5, 0.4, 0.6, 100)
    own = Interval(loss, loss - 0.1, loss + 0.1, 100)
    return ToldApart("colour", (first, second), share, share, own, True)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_nothing_is_lost_where_nothing_changes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = told_apart(PROMPTS, patches(PROMPTS, rng), patches(PROMPTS, rng), seed=seed)

    assert len(found) == 30  # pairs of six colours and of six shapes
    assert not any(pair.lost for pair in found)


def test_what_the_latents_do_not_hold_cannot_be_lost() -> None:
    """Images that show something else than their prompts are no fault of the VAE."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(PROMPTS))
    others = tuple(PROMPTS[row] for row in order)
    found = told_apart(PROMPTS, patches(others, rng), patches(others, rng, merged=MERGED), seed=0)

    assert not any(pair.lost for pair in found)


def test_too_few_prompts_of_a_value_are_not_tested() -> None:
    rng = np.random.default_rng(0)
    few = PROMPTS[:12]

    assert told_apart(few, patches(few, rng), patches(few, rng), seed=0) == ()


def states(rng: np.random.Generator, *, width: int, merged: Sequence[str] = ()) -> Rows:
    """Of each prompt, in which colour one object or the other has, turned at random and noisy."""
    place = dict(zip(COLOURS, np.eye(len(COLOURS)), strict=True))
    if merged:
        mean = np.array([place[each] for each in merged]).mean(axis=0)
        place |= dict.fromkeys(merged, mean)
    rows = np.zeros((len(PROMPTS), width))
    for row, prompt in zip(rows, PROMPTS, strict=True):
        own = [part.value for part in prompt.constituents if part.kind == "colour"]
        row[: len(COLOURS)] = sum(place[each] for each in own)
    turn = np.linalg.qr(rng.normal(size=(width, width)))[0]
    noise = rng.normal(0, 0.1, rows.shape) / np.sqrt(width / len(COLOURS))
    return Rows.all(100 * (rows @ turn + noise))


# More channels than prompts are read by another way.
@pytest.mark.parametrize("width", [16, 400])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_block_at_which_two_values_become_alike_is_named(width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    way = {
        "down": states(rng, width=width),
        "mid": states(rng, width=width),
        "up": states(rng, width=width, merged=MERGED),
        "last": states(rng, width=width, merged=MERGED),
    }
    seen: list[None] = []
    found, pairs = lost_in_blocks(
        PROMPTS, {0: way, 3: way}, seed=seed, on_block=lambda: seen.append(None)
    )

    assert [(each.step, each.before, each.block) for each in found] == [
        (0, "mid", "up"),
        (3, "mid", "up"),
    ]
    assert {(each.pair.kind, each.pair.values) for each in found} == {("colour", MERGED)}
    assert all(each.pair.before.lower > 0.9 and each.pair.behind.lower < 0.5 for each in found)
    assert pairs == 30
    assert len(seen) == 8


def test_blocks_that_lose_nothing_are_not_named() -> None:
    rng = np.random.default_rng(0)
    way = {name: states(rng, width=16) for name in "abcdef"}

    assert lost_in_blocks(PROMPTS, {0: way}, seed=0)[0] == ()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 9), st.integers(1, 4))
def test_a_bag_of_codes_does_not_know_where_a_patch_is(seed: int, n: int, p: int, c: int) -> None:
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(n, p, c))
    # The patches from which codes are found keep their order; each image's own are turned round.
    bags = bags_of_codes(np.concatenate([images, images[:, ::-1]]), seed=0)

    np.testing.assert_allclose(bags[:n], bags[n:], atol=1e-9)
    np.testing.assert_allclose((bags**2).sum(axis=1), 1)


def test_images_of_a_single_grey_are_a_bag_of_one_code() -> None:
    np.testing.assert_array_equal(bags_of_codes(np.ones((3, 4, 2)), seed=0), np.ones((3, 1)))
