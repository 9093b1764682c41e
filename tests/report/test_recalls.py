"""Values that are lost are named, and those that are read as one are named together."""

from __future__ import annotations

from dataclasses import replace

from t2i_audit.report.recalls import lost_values, value_lines, value_sentence
from t2i_audit.report.verdict import verdict_sentences
from t2i_audit.results.decoding import SlotDecoding, SlotEstimates, StationSummary
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.summary import RunSummary


def decoding(recalls: dict[str, float], read_as: dict[str, str] | None = None) -> SlotDecoding:
    intervals = {
        value: Interval(share, max(0, share - 0.1), min(1, share + 0.1), 80)
        for value, share in recalls.items()
    }
    estimates = SlotEstimates(*[undefined()] * 5)
    return SlotDecoding(
        estimates, "unclear", threshold=0.75, recalls=intervals, read_as=read_as or {}
    )


OTHERS = {"blue": 0.98, "orange": 1.0, "red": 0.97, "yellow": 0.98}


def test_values_that_are_taken_for_each_other_are_read_as_one() -> None:
    both = {"green": "purple", "purple": "green"}
    slot = decoding({**OTHERS, "green": 0.25, "purple": 0.18}, both)

    assert value_sentence(slot) == (
        "green (0.25 [0.15, 0.35]) and purple (0.18 [0.08, 0.28]) are read as one; the other 4 "
        "values are read in 97% of their prompts or more"
    )


def test_the_value_that_is_always_said_of_two_is_named_with_the_other() -> None:
    slot = decoding({**OTHERS, "green": 0.95, "purple": 0.1}, {"purple": "green"})

    assert list(lost_values(slot)) == ["green", "purple"]
    assert "are read as one" in value_sentence(slot)


def test_a_value_that_is_taken_for_many_is_lost_alone() -> None:
    slot = decoding({**OTHERS, "purple": 0.3})

    assert value_sentence(slot).startswith("purple (0.30 [0.20, 0.40]) is lost; the other 4 ")


def test_nothing_is_said_of_a_slot_that_is_low_everywhere_or_read_throughout() -> None:
    assert not value_sentence(decoding(dict.fromkeys(OTHERS, 0.3)))
    assert not value_sentence(decoding(OTHERS))
    assert not value_sentence(replace(decoding({}), recalls={}))


def summary(**slots: SlotDecoding) -> RunSummary:
    return RunSummary(
        model="m", suite="s", judge=None, n_prompts=80, n_seeds=0, n_images=0, n_excluded=0,
        stations={"text_encoder": StationSummary(undefined(), slots)},
    )  # fmt: skip


def test_the_verdict_on_a_text_encoder_names_lost_values_and_counts_what_is_unclear() -> None:
    both = {"green": "purple", "purple": "green"}
    colour = decoding({**OTHERS, "green": 0.25, "purple": 0.18}, both)
    kept = replace(decoding(OTHERS), verdict="kept")

    one, _ = verdict_sentences(summary(colour=replace(colour, verdict="kept"), shape=kept))
    two, _ = verdict_sentences(summary(colour=colour, shape=kept))
    three, _ = verdict_sentences(summary(shape=decoding(OTHERS)))

    values = "it does lose some values: of colour green and purple"
    assert one == f"The text encoder loses none of 2 slots; {values}."
    assert two == f"The text encoder loses none of 1 slot; {values}; 1 more is unclear."
    assert three == "It is not clear whether the text encoder loses any slot; 1 is unclear."


def test_a_line_names_the_station_and_the_slot_and_no_value_controls_the_terminal() -> None:
    slot = decoding({**OTHERS, "\x1b[31mred": 0.1})
    station = StationSummary(undefined(), {"object_1.colour": slot})

    (line,) = value_lines({"text_encoder": station})

    assert line.startswith("Text encoder, object_1.colour: ")
    assert "\x1b" not in line
