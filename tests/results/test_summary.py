"""``summary.json`` is read back as it was written, or refused in one sentence."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from t2i_audit.errors import RunDirectoryError
from t2i_audit.results.summary import read_summary, write_summary

WRITTEN = Path(__file__).parents[1] / "report" / "summaries"


@pytest.mark.parametrize("path", sorted(WRITTEN.glob("*.json")), ids=lambda path: path.stem)
def test_a_summary_of_an_earlier_version_keeps_all_that_it_holds(
    path: Path, tmp_path: Path
) -> None:
    write_summary(tmp_path / "again.json", read_summary(path))

    told, again = (json.loads(each.read_text()) for each in (path, tmp_path / "again.json"))
    assert {name: again[name] for name in told} == told


def test_null_is_an_undefined_number_and_no_other_value() -> None:
    summary = read_summary(WRITTEN / "one_prompt.json")

    assert summary.repeatability is not None and summary.associations is not None
    assert not summary.repeatability.overall.is_defined
    assert math.isnan(summary.associations["denoiser"].p_value)


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda told: told.pop("suite"), "suite: Field required"),
        (lambda told: told.update(n_images=None), "n_images"),
        (lambda told: told["success"]["overall"].update(estimate=0.99), "success is 0.99"),
        (lambda told: told["attribution"].update(culprit="nobody"), "attribution.culprit"),
        (
            lambda told: told["stations"]["denoiser"]["slots"]["relation"].update(verdict="gone"),
            "verdict",
        ),
        (
            lambda told: told["stations"]["denoiser"]["slots"]["relation"]["estimates"].pop(
                "balanced_accuracy"
            ),
            "balanced_accuracy: Field required",
        ),
    ],
)
def test_a_summary_that_is_edited_or_of_another_version_is_refused(
    change: Change, said: str, tmp_path: Path
) -> None:
    told = json.loads((WRITTEN / "patchy.json").read_text())
    change(told)
    (tmp_path / "summary.json").write_text(json.dumps(told))

    with pytest.raises(RunDirectoryError) as refused:
        read_summary(tmp_path / "summary.json")

    sentence = str(refused.value)
    assert "summary.json is not a summary of t2i-audit (" in sentence and said in sentence
    assert sentence.endswith("give the command that made the run again, and it is made anew")
