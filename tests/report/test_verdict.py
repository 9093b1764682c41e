"""The verdict sentences, on the summaries of real runs of the built-in checkpoints.

The files in ``summaries`` are what ``t2i-audit audit builtin:NAME --suite world-relations`` wrote:
``sound`` and ``misbinding`` with ``--seeds 2 --limit 120``, ``patchy`` with ``--seeds 2``,
``one_prompt`` of ``builtin:sound`` with ``--seeds 1 --limit 1``, ``clip_judge`` of
``builtin:patchy`` with ``--seeds 2 --limit 20 --judge clip``; and ``probe`` of ``t2i-audit probe
builtin:patchy --limit 40``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from t2i_audit.analysis.culprit import culprit
from t2i_audit.report.verdict import percent, verdict_sentences
from t2i_audit.results import AttributionShares, Interval, RunSummary, SuccessRates, undefined
from t2i_audit.results.attribution import Cause
from t2i_audit.results.corrected import Corrected, CorrectedRate
from t2i_audit.results.summary import read_summary

SUMMARIES = Path(__file__).parent / "summaries"


def summary_of(name: str) -> RunSummary:
    return read_summary(SUMMARIES / f"{name}.json")


@pytest.mark.parametrize(
    ("name", "what", "who"),
    [
        (
            "sound",
            "6% of the 240 judged images are wrong (95% interval 3% to 10%); no slot fails clearly "
            "more often than the others.",
            "Nobody is blamed, because failures are few: the 95% interval of their rate ends at "
            "9.5%, and up to 10% no cause is named.",
        ),
        (
            "patchy",
            "54% of the 960 judged images are wrong (95% interval 50% to 58%); the slots that fail "
            "most often are relation (23%), object_1.colour (22%) and object_2.colour (20%).",
            "The text encoder is to blame: 78% of 326 failing prompts are attributed to it (95% "
            "interval 74% to 83%); the denoiser follows with 15%.",
        ),
        (
            "misbinding",
            "79% of the 240 judged images are wrong (95% interval 74% to 85%); the slot that fails "
            "most often is relation (66%).",
            "The denoiser is to blame: 98% of 113 failing prompts are attributed to it (95% "
            "interval 96% to 100%); 2% have no clear cause.",
        ),
        (
            "one_prompt",
            "The only judged image is right, and one image says little (95% interval 0% to 98% for "
            "the failure rate).",
            "There is no failure to explain, but the run is too small to show that there are few: "
            "their rate may be up to 98%.",
        ),
        (
            "probe",
            "The text encoder loses 1 of 5 slots, with their balanced accuracy: relation (0.57 "
            "[0.41, 0.72]).",
            "No images were made, so this run does not show what fails in images, nor why.",
        ),
        (
            "clip_judge",
            "48% of the 40 judged images are wrong (95% interval 32% to 63%).",
            "It is not clear who is to blame: the text encoder accounts for 50% of 14 failing "
            "prompts (95% interval 28% to 79%) and 50% have no clear cause.",
        ),
    ],
)
def test_the_verdict_of_a_real_run(name: str, what: str, who: str) -> None:
    assert verdict_sentences(summary_of(name)) == (what, who)


def near(share: float, n: int) -> Interval:
    """`share`, known to 0.05."""
    return Interval(share, max(share - 0.05, 0), min(share + 0.05, 1), n)


def sentence(
    shares: dict[Cause, float],
    *,
    images: int = 50,
    lead: float = 0.2,
    failing: int = 40,
    repeats: Interval | None = None,
    seeds: int = 4,
) -> str:
    """Who is to blame for these shares of the wrong images, with this lower end of the lead."""
    every: dict[Cause, float] = {"unclear": 0.0}
    causes = {name: near(share, images) for name, share in (every | shares).items()}
    own_lead = Interval(max(lead, 0), lead, 1, images)
    named, reason = culprit(causes, own_lead, near(0.5, 100), failing=failing)
    own = AttributionShares(
        causes,
        {},
        near(0.5, 100),
        named,
        of="images",
        failing_prompts=40,
        reason=reason,
        lead=own_lead,
        repeats=undefined() if repeats is None else repeats,
    )
    summary = replace(summary_of("patchy"), attribution=own, n_seeds=seeds)
    return verdict_sentences(summary)[1]


def test_shares_of_wrong_images_are_told_as_such() -> None:
    assert sentence({"encoder": 0.8, "denoiser": 0.15, "chance": 0.05}, images=520) == (
        "The text encoder is to blame: 80% of 520 wrong images are attributed to it (95% interval "
        "75% to 85%); the denoiser follows with 15%."
    )


def test_chance_is_no_part_of_the_model() -> None:
    assert sentence({"chance": 0.9, "encoder": 0.1}) == (
        "Chance is the main cause: 90% of 50 wrong images are of prompts that are drawn right "
        "under over three in four of their seeds (95% interval 85% to 95%); the text encoder "
        "follows with 10%."
    )


def test_two_seeds_do_not_tell_chance_from_the_denoiser() -> None:
    assert sentence({"not told from chance": 0.98, "encoder": 0.02}, seeds=2) == (
        "The text encoder is not to blame: it holds what was drawn wrong in 98% of 50 wrong images "
        "(95% interval 93% to 100%). Whether the denoiser or chance spoils them cannot be told "
        "with 2 seeds; use --seeds 3 or more."
    )


def test_two_seeds_still_name_an_encoder_that_loses() -> None:
    assert sentence({"encoder": 0.8, "not told from chance": 0.2}, seeds=2).endswith(
        "; the denoiser or chance follows with 20%."
    )


@pytest.mark.parametrize(
    ("repeats", "said"),
    [
        (
            Interval(0.01, 0.0, 0.1, 400),
            " It guesses: hardly any prompt fails more often than others (ICC 0.01 [0.00, 0.10]).",
        ),
        (
            Interval(0.6, 0.5, 0.7, 400),
            " It fails at the same prompts again (ICC over seeds 0.60 [0.50, 0.70]).",
        ),
        # Neither is sure.
        (Interval(0.2, 0.0, 0.5, 400), ""),
        (undefined(), ""),
    ],
)
def test_whether_a_denoiser_guesses_is_told_where_the_interval_allows(
    repeats: Interval, said: str
) -> None:
    told = sentence({"denoiser": 0.9, "encoder": 0.1}, repeats=repeats)

    assert told.endswith(f"the text encoder follows with 10%.{said}")


def test_two_causes_that_overlap_leave_it_open() -> None:
    assert sentence({"encoder": 0.52, "denoiser": 0.48}, lead=-0.1) == (
        "It is not clear who is to blame: the text encoder accounts for 52% of 50 wrong images "
        "(95% interval 47% to 57%) and the denoiser for 48%."
    )


def test_failures_whose_cause_is_unclear_blame_nobody() -> None:
    assert "the probes do not decide" in sentence({"unclear": 0.9, "encoder": 0.1})


def test_too_few_failing_compositions_blame_nobody() -> None:
    assert sentence({"encoder": 1.0}, failing=4) == (
        "No cause can be named: the wrong images are of 4 compositions, and at least 6 are needed."
    )


def test_a_run_without_attribution_says_why() -> None:
    _, who = verdict_sentences(replace(summary_of("patchy"), attribution=None))

    assert who.startswith("No cause can be named: no prompt has constituents")


def test_a_run_of_which_nothing_was_judged_claims_nothing() -> None:
    nothing = Interval(float("nan"), float("nan"), float("nan"), 0)
    success = SuccessRates(nothing, {}, {}, {})

    what, _ = verdict_sentences(replace(summary_of("patchy"), success=success))

    assert what == "No image could be judged, so nothing is known about failures."


def test_without_slots_the_prompt_types_are_compared() -> None:
    by_type = {"one_object": Interval(0.9, 0.85, 0.95, 100), "relation": Interval(0.3, 0.2, 0.4, 9)}
    success = SuccessRates(Interval(0.6, 0.5, 0.7, 109), {}, by_type, {})

    what, _ = verdict_sentences(replace(summary_of("patchy"), success=success))

    assert what.endswith("; the prompt type that fails most often is relation (70%).")


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0, "0%"), (0.004, "under 1%"), (0.544, "54%"), (0.999, "over 99%"), (1, "100%")],
)
def test_a_share_is_never_rounded_to_nothing_or_everything(share: float, shown: str) -> None:
    assert percent(share) == shown


def test_a_corrected_rate_is_told_with_its_interval_and_only_where_there_is_one() -> None:
    summary = summary_of("clip_judge")
    rate, none = Interval(0.4, 0.3, 0.5, 40), Interval(float("nan"), float("nan"), float("nan"), 9)

    def told(rate: CorrectedRate) -> str:
        corrected = Corrected("clip", "oracle", "two_phase", rate.rate.n, 40, none, none, rate)
        return verdict_sentences(replace(summary, corrected=corrected))[0]

    without = verdict_sentences(summary)[0]
    assert told(CorrectedRate(rate, rate, rate)) == (
        f"{without} Corrected for the judge's errors, 60% are (95% interval 50% to 70%)."
    )
    assert told(CorrectedRate(none, none, rate, "9 labels")) == without
