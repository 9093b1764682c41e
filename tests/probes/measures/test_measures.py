"""What the measures say of networks whose code is known, because it was planted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from prompts.structure import Prompt
from prompts.suite import load_suite
from t2i_audit.activations.readable import targets_at
from t2i_audit.probes import probe_station
from t2i_audit.probes.features import FeatureBlock, presence_block, slot_targets
from t2i_audit.probes.measures import StationMeasures
from t2i_audit.probes.measures.code_length import code_lengths
from t2i_audit.probes.measures.dual import STRENGTHS, centred_kernel, fit_dual
from t2i_audit.probes.measures.figure import Resamples
from t2i_audit.probes.measures.partners import halves, numbered, partner_values
from t2i_audit.probes.opened import OpenedBlock
from t2i_audit.probes.rows import Rows
from t2i_audit.results.measures import Measure
from t2i_audit.results.place import Place, Position

WIDTH = 64
COLOURS = ("object_1.colour", "object_2.colour")


@pytest.fixture(scope="module")
def prompts() -> tuple[Prompt, ...]:
    return load_suite("world-relations").limited(240).prompts


def value(prompt: Prompt, slot: str) -> str:
    part = prompt.constituent(slot)
    assert part is not None
    return part.value


def block(
    prompts: Sequence[Prompt], values: np.ndarray, position: Position, layer: str = "block_1"
) -> FeatureBlock:
    targets = targets_at(prompts, position, station="text_encoder")
    place = Place("text_encoder", layer, None, position)
    return FeatureBlock("text_encoder", place, values, np.ones(len(prompts), dtype=bool), targets)


def at_nouns(
    prompts: Sequence[Prompt], *, one_code: bool, noise: float = 0.1
) -> list[FeatureBlock]:
    """The colour and the shape of each object at its noun, in one code or in one for each object.

    The second object's code for a colour is the first object's code for the next colour.
    """
    rng = np.random.default_rng(0)
    colours = sorted({value(prompt, COLOURS[0]) for prompt in prompts})
    code = {name: rng.normal(size=WIDTH) for name in colours}
    shapes: dict[str, np.ndarray] = {}
    blocks = []
    for number, entity in enumerate(("object_1", "object_2")):
        values = noise * rng.normal(size=(len(prompts), WIDTH))
        for row, prompt in enumerate(prompts):
            colour = value(prompt, f"{entity}.colour")
            shape = value(prompt, f"{entity}.shape")
            if not one_code:
                colour = colours[(colours.index(colour) + number) % len(colours)]
            values[row] += code[colour] + shapes.setdefault(shape, rng.normal(size=WIDTH))
        blocks.append(block(prompts, values, Position.of_slot(f"{entity}.shape")))
    return blocks


def measured(
    prompts: Sequence[Prompt],
    own: Sequence[FeatureBlock],
    random_weights: Sequence[Sequence[FeatureBlock]] = (),
    *,
    resamples: int = 200,
) -> dict[str, dict[str, Measure]]:
    measures = StationMeasures.of(
        prompts,
        slot_targets(prompts),
        draws=len(random_weights),
        seed=0,
        resamples=resamples,
    )
    for network, blocks in zip(
        (measures.own, *measures.random), (own, *random_weights), strict=True
    ):
        for each in blocks:
            network.read(
                each, (), measures.coder.bits(OpenedBlock.of(each, measures.coder.sample.rows))
            )
    counts = presence_block(prompts, "text_encoder")
    measures.read_words(
        counts, (), measures.coder.bits(OpenedBlock.of(counts, measures.coder.sample.rows))
    )
    return measures.of_slots()


def test_a_code_length_is_that_of_a_calculation_by_hand() -> None:
    # Two rows to learn from, of two partner values and two classes, with features 1 and -1.
    # The kernel is [[1, -1], [-1, 1]] (mean eigenvalue 1), the targets less 1/2 are +-1/2.
    # With alpha the inverse of K + alpha I is [[1 + alpha, 1], [1, 1 + alpha]] / d with
    # d = alpha (2 + alpha), times the target +-1/2: alpha / (2 d) = 1 / (2 (2 + alpha)).
    # Left out, a row is predicted by the other: 1/2 + (K_12 / (1 + alpha)) (-1/2), that is
    # 1/2 + 1 / (2 (1 + alpha)) for its own class: best at the least alpha, 0.001.
    features = np.array([1.0, -1.0, 1.0, -1.0])
    labels, groups = np.array([0, 1, 0, 1]), np.array([0, 1, 0, 1])
    kernel = np.outer(features, features)
    alpha = STRENGTHS[0]

    fit = fit_dual(kernel[None, :2, :2], labels[None, :2], groups[None, :2], classes=2)

    np.testing.assert_allclose(fit.weights[0, 0, 0], 1 / (2 * (2 + alpha)))
    np.testing.assert_allclose(fit.held_out[0, 0, 0], 1 / 2 + 1 / (2 * (1 + alpha)))
    # A new row of feature 1 scores 1/2 + 2 w for its class; the two scores differ by 4 w, and the
    # likeliest factor is the largest, 64. With m = 2 a surprise has probability 1/4.
    lead = 64 * 4 / (2 * (2 + alpha))
    probability = 1 / (1 + np.exp(-lead))
    expected = -np.log2(3 / 4 * probability + 1 / 4 / 2)
    splits = tuple(
        replace(each, train=np.array([0, 1]), tested=np.array([2, 3]))
        for each in halves(np.arange(4), seed=0)[:1]
    )
    bits = code_lengths(kernel, labels, groups, splits, classes=2, sizes=[2])
    np.testing.assert_allclose(bits[0, 2:], expected)
    assert np.isnan(bits[:, :2]).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5))
def test_groups_left_out_are_predicted_as_scikit_learn_predicts_them(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(24, 7))
    labels, groups = rng.integers(k, size=24), np.sort(rng.integers(4, size=24))
    kernel = centred_kernel([Rows.all(features)], np.arange(len(features)))
    centred = features - features.mean(axis=0)
    target = np.eye(k)[labels] - 1 / k
    scale = np.trace(kernel) / 24

    def refitted(strength: float) -> np.ndarray:
        scores = np.empty(target.shape)
        ridge = Ridge(alpha=strength * scale, fit_intercept=False, solver="cholesky")
        for group in np.unique(groups):
            ridge.fit(centred[groups != group], target[groups != group])
            scores[groups == group] = ridge.predict(centred[groups == group])
        return scores + 1 / k

    every = [refitted(strength) for strength in STRENGTHS]
    best = min(range(len(STRENGTHS)), key=lambda i: ((every[i] - np.eye(k)[labels]) ** 2).sum())
    fit = fit_dual(kernel[None], labels[None], groups[None], classes=k)

    np.testing.assert_allclose(fit.held_out[0], every[best], atol=1e-8)
    whole = Ridge(alpha=STRENGTHS[best] * scale, fit_intercept=False).fit(centred, target)
    np.testing.assert_allclose(
        fit.scores(kernel[None])[0], whole.predict(centred) + 1 / k, atol=1e-8
    )


def test_a_probe_is_only_asked_about_partner_values_that_it_has_not_seen(
    prompts: tuple[Prompt, ...],
) -> None:
    for slot in ("object_1.colour", "relation"):
        partners = [partner_values(prompt, slot) for prompt in prompts]
        for split in halves(numbered(partners), seed=3):
            seen = {partners[row] for row in split.train}
            assert not seen & {partners[row] for row in split.tested}
            # The shortest probes learn from the first few, which are spread over all of them.
            assert {partners[row] for row in split.train[: len(seen)]} == seen


def test_the_twin_with_more_noise_has_the_longer_code_where_both_are_read_without_error(
    prompts: tuple[Prompt, ...],
) -> None:
    clear, dim = (at_nouns(prompts, one_code=True, noise=noise) for noise in (0.1, 1.2))
    read = probe_station(prompts, clear, random_weights=[dim])

    for slot in COLOURS:
        probe = read.slots[slot]
        assert probe.balanced_accuracy.estimate > 0.99
        assert probe.random_weights_balanced_accuracy.estimate > 0.99
        length = probe.measures["code_length"]
        assert length.own.estimate + 0.05 < length.random_weights.estimate
        assert length.gain_over_random_weights.lower > 0


def test_r2_at_a_single_place_is_that_of_the_table_and_rises_where_accuracy_cannot(
    prompts: tuple[Prompt, ...],
) -> None:
    clear, dim = (at_nouns(prompts, one_code=True, noise=noise) for noise in (0.1, 1.2))
    read = probe_station(prompts, clear, random_weights=[dim])

    for slot in COLOURS:
        r2 = read.slots[slot].measures["r2"]
        (own,) = [each.r2 for each in read.places if each.slot == slot]
        (random,) = [each.r2 for each in read.random_places if each.slot == slot]
        assert r2.own.estimate == pytest.approx(own)
        assert r2.random_weights.estimate == pytest.approx(random)
        assert r2.own.lower < own < r2.own.upper
        assert r2.gain_over_random_weights.lower > 0.1


def test_a_value_that_few_prompts_have_does_not_stretch_the_interval_of_r2(
    prompts: tuple[Prompt, ...],
) -> None:
    """In a resample without it there is no variance that it could explain."""
    red = [prompt for prompt in prompts if value(prompt, COLOURS[0]) == "red"]
    of_shape = {value(prompt, "object_1.shape"): prompt for prompt in red}
    few = [prompt for prompt in prompts if prompt not in red] + list(of_shape.values())[:3]
    read = probe_station(few, at_nouns(few, one_code=True))

    r2 = read.slots[COLOURS[0]].measures["r2"].own
    assert 0.5 < r2.lower <= r2.estimate <= r2.upper <= 1


def test_noise_needs_the_bits_of_a_guess(prompts: tuple[Prompt, ...]) -> None:
    values = np.random.default_rng(1).normal(size=(len(prompts), WIDTH))
    read = measured(prompts, [block(prompts, values, Position("eos"))])

    for slot, values_taken in ((COLOURS[0], 6), ("relation", 4)):
        assert read[slot]["code_length"].own.estimate == pytest.approx(
            np.log2(values_taken), abs=0.15
        )


def test_what_a_map_learned_of_one_object_tells_the_other_only_in_one_code(
    prompts: tuple[Prompt, ...],
) -> None:
    """A probe of each slot by itself reads both networks without error."""
    one, two = (at_nouns(prompts, one_code=each) for each in (True, False))

    for blocks, shared in ((one, True), (two, False)):
        read = probe_station(prompts, blocks)
        for slot in COLOURS:
            probe = read.slots[slot]
            assert probe.balanced_accuracy.estimate > 0.99
            for name, most in (("shared_readout", 0.7), ("transferred_readout", 0.1)):
                own = probe.measures[name].own
                assert own.lower > 0.95 if shared else own.upper < most, (slot, name)


def test_the_words_alone_leave_a_shared_readout_to_guess_between_two_colours(
    prompts: tuple[Prompt, ...],
) -> None:
    """They are the same for both objects, so of two different colours one is named at random."""
    read = measured(prompts, at_nouns(prompts, one_code=True))
    same = np.mean([len({value(prompt, slot) for slot in COLOURS}) == 1 for prompt in prompts])

    words = [read[slot]["shared_readout"].words_alone.estimate for slot in COLOURS]
    assert np.mean(words) == pytest.approx((1 + same) / 2, abs=0.1)


def test_the_measures_do_not_depend_on_the_order_of_the_prompts(
    prompts: tuple[Prompt, ...],
) -> None:
    blocks = at_nouns(prompts, one_code=True, noise=1.0)
    order = np.random.default_rng(4).permutation(len(prompts))
    moved = [replace(each, values=each.values[order]) for each in blocks]

    one = measured(prompts, blocks, [blocks])
    other = measured([prompts[row] for row in order], moved, [moved])

    assert one == other
    assert one[COLOURS[0]].keys() == {"code_length", "shared_readout", "transferred_readout"}


def test_the_draws_of_random_weights_and_their_spread_are_in_the_gain(
    prompts: tuple[Prompt, ...],
) -> None:
    own = at_nouns(prompts, one_code=True)
    draws = [at_nouns(prompts, one_code=True, noise=noise) for noise in (0.5, 3.0)]

    one, two = measured(prompts, own, draws[:1]), measured(prompts, own, draws)

    few, many = (each[COLOURS[0]]["code_length"] for each in (one, two))
    apart = 2 * (many.random_weights.estimate - few.random_weights.estimate)
    assert apart > 0.5
    # In half of the resamples both draws are the same one.
    gain = many.gain_over_random_weights
    assert gain.upper - gain.lower > apart
    assert few.gain_over_random_weights.upper - few.gain_over_random_weights.lower < apart / 4


def test_a_measure_that_cannot_be_taken_is_left_out(prompts: tuple[Prompt, ...]) -> None:
    """Three shapes are too few partner values to learn from some and be asked about others."""
    few = [
        prompt
        for prompt in prompts
        if value(prompt, "object_1.shape") in ("circle", "cross", "diamond")
    ]
    values = np.random.default_rng(5).normal(size=(len(few), WIDTH))
    read = measured(few, [block(few, values, Position("eos"))])

    assert COLOURS[0] not in read
    assert "code_length" in read["object_1.shape"]


def test_a_ratio_has_the_interval_of_its_compositions_and_of_its_orders() -> None:
    rng = np.random.default_rng(6)
    values = rng.normal(size=(3, 90, 1)) + np.array([0.0, 1.0, 2.0])[:, None, None]
    there = np.ones_like(values)
    resamples = Resamples.of([str(row) for row in range(90)], seed=0, resamples=4000)

    alone, together = resamples.ratio(values[:1], there[:1]), resamples.ratio(values, there)

    # The mean of 90 rows of unit variance; then besides, that of 3 orders 1 apart, whose
    # population variance is 2/3.
    assert alone.resampled.std() == pytest.approx((1 / 90) ** 0.5, rel=0.15)
    assert together.estimate == pytest.approx(values.mean())
    assert together.resampled.std() == pytest.approx((2 / 9) ** 0.5, rel=0.1)
