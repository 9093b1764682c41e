"""The table of measures that do not saturate."""

from __future__ import annotations

import io

from t2i_audit.report.measures import print_measures
from t2i_audit.report.tables import console
from t2i_audit.results.decoding import SlotDecoding, SlotEstimates, StationSummary
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.measures import Measure, PlaceMeasures
from t2i_audit.results.place import Place
from t2i_audit.results.readings import ProbeReading
from t2i_audit.run.columns import column_names


def interval(estimate: float) -> Interval:
    return Interval(estimate, estimate - 0.02, estimate + 0.02, 480)


def printed(measures: dict[str, Measure]) -> str:
    nothing = undefined()
    estimates = SlotEstimates(interval(1.0), nothing, nothing, nothing, nothing)
    slot = SlotDecoding(estimates, "saturated", measures=measures)
    file = io.StringIO()
    screen = console(file=file, width=120)
    print_measures(screen, "text_encoder", StationSummary(nothing, {"object_1.colour": slot}))
    return file.getvalue()


def test_each_measure_has_a_line_beside_its_controls_and_a_legend() -> None:
    code = Measure(interval(0.12), interval(1.8), interval(0.41), interval(0.29), 2.585)
    shared = Measure(interval(0.9), interval(0.5), undefined(), undefined(), 1 / 6)
    lines = printed({"code_length": code, "shared_readout": shared}).splitlines()

    assert lines[1] == "Text encoder, by measures that do not saturate"
    (bits,) = [line for line in lines if line.startswith("object_1.colour code length ")]
    assert " ".join(bits.split()) == (
        "object_1.colour code length 0.12 [0.10, 0.14] 1.80 [1.78, 1.82] 0.41 [0.39, 0.43] "
        "0.29 [0.27, 0.31] 2.58"
    )
    (readout,) = [line for line in lines if line.startswith("object_1.colour shared readout ")]
    assert readout.count("undefined") == 2
    text = " ".join("".join(lines).split())
    assert "less is better" in text
    assert "transferred" not in text


def test_a_station_without_measures_has_no_table() -> None:
    assert printed({}) == ""


def test_the_measures_of_a_place_survive_the_table() -> None:
    reading = ProbeReading(
        "text_encoder", Place.parse("text_encoder", "block_1", "eos"), "relation",
        masked=0, n_classes=4, chance=0.25, r2=0.5, balanced_accuracy=interval(0.9),
        shuffled_balanced_accuracy=0.25, random_weights_balanced_accuracy=0.3,
        presence_balanced_accuracy=0.4, random_weights_r2=0.6, presence_r2=0.7,
        measures=PlaceMeasures(0.1, 0.2, 0.3),
        random_weights_measures=PlaceMeasures(0.4, 0.5, 0.6),
        presence_measures=PlaceMeasures(0.7, 0.8, 0.9),
    )  # fmt: skip
    row = reading.to_row()

    assert tuple(row) == column_names("probes")
    assert ProbeReading.from_row(row) == reading
