"""What a judge says beside what its labels say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import krippendorff
import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, cohen_kappa_score, recall_score

from prompts.structure import Constituent, Prompt
from t2i_audit.analysis.agreement import agreement
from t2i_audit.analysis.correction import corrected_rate
from t2i_audit.analysis.judge_card import judge_card
from t2i_audit.analysis.labelled import Item, opinions, two_phase
from t2i_audit.analysis.raters import rater_agreements
from t2i_audit.analysis.reliability import calibration
from t2i_audit.errors import AuditError
from t2i_audit.labels.label import Label
from t2i_audit.results.judge_card import JudgeCard


def items_of(
    verdict: Sequence[Any] | np.ndarray,
    truth: Sequence[Any] | np.ndarray,
    *,
    weight: Sequence[float] | float = 1.0,
    said: Sequence[float] | None = None,
) -> list[Item]:
    """Whole prompts, two images each."""
    weights = np.broadcast_to(weight, len(verdict))
    return [
        Item(
            (f"p{row // 2}", row % 2),
            "",
            "relation",
            "relation",
            "",
            bool(verdict[row]),
            math.nan if said is None else said[row],
            None if truth[row] is None else bool(truth[row]),
            0.0 if truth[row] is None else float(weights[row]),
        )
        for row in range(len(verdict))
    ]


@pytest.fixture(scope="module")
def compared() -> tuple[np.ndarray, np.ndarray]:
    """Truth and verdict of 200 images by a judge of sensitivity .84 and specificity .80."""
    rng = np.random.default_rng(0)
    truth = rng.random(200) < 0.5
    return truth.astype(int), np.where(truth, rng.random(200) < 0.84, rng.random(200) < 0.2) * 1


def test_agreement_on_labels_of_all_is_that_of_scikit_learn_and_krippendorff(
    compared: tuple[np.ndarray, np.ndarray],
) -> None:
    truth, verdict = compared

    found = agreement(items_of(verdict, truth))

    assert found.sensitivity.estimate == pytest.approx(recall_score(truth, verdict))
    assert found.specificity.estimate == pytest.approx(recall_score(1 - truth, 1 - verdict))
    assert found.accuracy.estimate == pytest.approx(np.mean(truth == verdict))
    assert found.kappa.estimate == pytest.approx(cohen_kappa_score(truth, verdict))
    alpha = krippendorff.alpha([truth, verdict], level_of_measurement="nominal")
    assert found.alpha.estimate == pytest.approx(alpha)
    assert found.reason == ""


def test_labels_drawn_by_verdict_give_the_sensitivity_of_all_images(
    compared: tuple[np.ndarray, np.ndarray],
) -> None:
    # Of the accepted images every second one is labelled and of the rejected all, so that without
    # weights the judge would seem to miss more than it does (Begg and Greenes 1983).
    truth, verdict = np.tile(compared[0], 2), np.tile(compared[1], 2)
    known = [
        None if accepted and row >= 200 else int(right)
        for row, (right, accepted) in enumerate(zip(truth, verdict, strict=True))
    ]

    some = agreement(items_of(verdict, known))
    all_ = agreement(items_of(verdict, truth))

    assert some.sensitivity.estimate == pytest.approx(all_.sensitivity.estimate)
    assert some.kappa.estimate == pytest.approx(all_.kappa.estimate)
    labelled = [row for row, label in enumerate(known) if label is not None]
    naive = recall_score(truth[labelled], verdict[labelled])
    assert naive < all_.sensitivity.estimate - 0.05


def test_a_perfect_judge_is_not_certain_to_be_perfect() -> None:
    truth = [0, 1] * 20

    found = agreement(items_of(truth, truth))

    for interval in (found.sensitivity, found.specificity, found.accuracy, found.kappa):
        assert interval.estimate == 1 == interval.upper
        assert interval.lower < 0.9


def test_labels_of_one_class_leave_out_what_they_do_not_show_and_say_so() -> None:
    found = agreement(items_of([0, 1] * 20, [1] * 40))

    assert found.sensitivity.estimate == 0.5
    assert not any(each.is_defined for each in (found.specificity, found.kappa, found.alpha))
    assert found.reason == "no label says wrong"


def test_too_few_labels_give_a_reason_and_no_figure() -> None:
    few = items_of([0, 1] * 50, [0, 1] * 5 + [None] * 90)
    lopsided = items_of([0, 1] * 50, [None, 1] * 30 + [None] * 40)

    assert corrected_rate(few).reason == "10 labels for 100; at least 20 needed"
    assert corrected_rate(lopsided).reason == (
        "of 50 that the judge calls wrong, none are labelled; at least 5 needed"
    )
    assert not corrected_rate(few).rate.is_defined
    assert corrected_rate(few).judged.estimate == 0.5
    assert agreement(few).reason == corrected_rate(few).reason


def test_a_stratum_with_few_labels_is_joined_with_the_others_of_its_verdict() -> None:
    items = items_of([0, 1] * 50, [0, 1] * 50)
    rare = [Item((f"q{n}", 0), "", "count", "count", "", True, math.nan) for n in range(8)]

    sample = two_phase([*items, *rare])

    assert not isinstance(sample, str)
    assert len(set(sample.stratum.tolist())) == 2


def test_probabilities_are_judged_as_scikit_learn_judges_them() -> None:
    rng = np.random.default_rng(3)
    said = rng.random(400)
    truth = (rng.random(400) < said**2).astype(int)

    found = calibration(items_of((said > 0.5) * 1, truth, said=said.tolist()))

    assert found is not None
    assert found.brier.estimate == pytest.approx(brier_score_loss(truth, said))
    right, mean = calibration_curve(truth, said, n_bins=10)
    assert [each.right.estimate for each in found.bins] == pytest.approx(right)
    assert [each.probability for each in found.bins] == pytest.approx(mean)
    sizes = [each.right.n for each in found.bins]
    assert found.expected_error.estimate == pytest.approx(
        np.average(np.abs(right - mean), weights=sizes)
    )


def test_a_judge_without_probabilities_has_no_calibration() -> None:
    assert calibration(items_of([0, 1] * 20, [0, 1] * 20)) is None


def test_raters_agree_as_in_krippendorffs_example() -> None:
    # Krippendorff 2011, "Computing Krippendorff's alpha-reliability", example A: alpha = 0.095.
    raters = {"Meg": "0100000010"[:10], "Owen": "1110010000"}
    labels = [
        Label(f"p{unit}", 0, rater, value == "1")
        for rater, values in raters.items()
        for unit, value in enumerate(values)
    ]

    found = rater_agreements(labels)["overall"]

    assert found.alpha.estimate == pytest.approx(0.095, abs=5e-4)
    assert found.alpha.lower < found.alpha.estimate < found.alpha.upper
    assert (found.alpha.n, found.raters) == (10, 2)


def test_raters_who_never_differ_are_not_certain_to_agree() -> None:
    labels = [Label(f"p{unit}", 0, rater, unit % 2 == 0) for unit in range(20) for rater in "ab"]

    found = rater_agreements(labels)["overall"]

    assert found.alpha.estimate == 1 == found.kappa.estimate
    assert found.alpha.lower < 0.8


def test_ratings_that_are_all_the_same_have_no_alpha_and_one_rater_no_agreement() -> None:
    same = [Label(f"p{unit}", 0, rater, True) for unit in range(20) for rater in "ab"]

    found = rater_agreements(same)["overall"]

    assert not found.alpha.is_defined
    assert found.reason == "all ratings are the same"
    assert rater_agreements(same[::2]) == {}


def test_the_majority_decides_and_the_divided_are_left_out() -> None:
    votes: Mapping[str, Sequence[bool | None]] = {
        "two to one": [True, True, False],
        "divided": [True, False, None],
        "silent": [None],
    }
    labels = [
        Label(prompt, 0, f"r{rater}", vote)
        for prompt, own in votes.items()
        for rater, vote in enumerate(own)
    ]

    said = opinions(labels)

    assert [said[prompt, 0].correct for prompt in votes] == [True, None, None]


def card_of(rows: Sequence[dict[str, Any]], labels: Sequence[Label]) -> JudgeCard:
    parts = (
        Constituent("object_1.colour", "colour", "red", 2, 5, ("object_1",)),
        Constituent("object_1.shape", "shape", "star", 6, 10, ("object_1",)),
    )
    prompts = [
        Prompt(f"p{n}", "a red star", "single", "plain", parts, (), "seen" if n % 3 else "held_out")
        for n in range(60)
    ]
    return judge_card(
        rows,
        prompts,
        labels,
        source="human:labels.csv",
        judge="vqa",
        fingerprint="",
        model="builtin:sound",
        suite="two",
    )


def rows_of(rng: np.random.Generator) -> list[dict[str, Any]]:
    rows = []
    for n in range(60):
        for seed in range(2):
            colour, shape = (bool(each) for each in rng.random(2) < 0.7)
            rows.append(
                {
                    "prompt_id": f"p{n}",
                    "seed": seed,
                    "correct": colour and shape,
                    "probability": 0.9 if colour and shape else 0.2,
                    "slots": {"object_1.colour": colour, "object_1.shape": shape},
                    "slot_probabilities": {"object_1.colour": 0.6},
                }
            )
    return rows


def test_a_card_has_figures_of_prompts_and_of_each_kind_of_slot() -> None:
    rows = rows_of(np.random.default_rng(4))
    # The labels differ from the judge in every fifth image's colour.
    labels = []
    for number, row in enumerate(rows):
        colour = row["slots"]["object_1.colour"] ^ (number % 5 == 0)
        slots = {**row["slots"], "object_1.colour": colour}
        labels.append(Label(row["prompt_id"], row["seed"], "me", all(slots.values()), slots))

    card = card_of(rows, labels)

    assert card.n_labels == card.n_images == 120
    assert card.by_kind["colour"].accuracy.estimate == pytest.approx(0.8)
    assert card.by_kind["shape"].accuracy.estimate == 1
    truth = np.mean([label.correct for label in labels])
    assert card.corrected.overall.rate.estimate == pytest.approx(truth)
    assert card.corrected.by_slot["object_1.colour"].rate.estimate == pytest.approx(
        np.mean([label.slots["object_1.colour"] for label in labels])
    )
    assert set(card.corrected.by_split) == {"held_out", "seen"}
    assert card.calibration is not None
    assert set(card.calibration_by_kind) == {"colour"}


def test_undecided_images_and_divided_raters_are_counted_and_named() -> None:
    rows = rows_of(np.random.default_rng(4))
    rows[0] |= {"correct": None}
    labels = [Label(row["prompt_id"], row["seed"], "me", row["correct"]) for row in rows[2:]]
    labels += [Label("p0", 0, "me", True), Label("p0", 1, "me", True), Label("p0", 1, "you", False)]

    card = card_of(rows, labels)

    assert card.notes == (
        "1 labelled image left out: vqa has no verdict on them.",
        "1 labelled image left out: the raters are divided or do not say.",
    )
    assert (card.n_labels, card.n_images) == (118, 119)


def test_labels_without_a_single_usable_one_are_refused() -> None:
    rows = rows_of(np.random.default_rng(4))

    with pytest.raises(AuditError, match="nothing to compare"):
        card_of(rows, [Label("p0", 0, "me", None)])
