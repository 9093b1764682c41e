"""Files of labels given to ``t2i-audit calibrate``, with a run and without one."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import t2i_audit as t2i
from prompts.suite import load_suite
from t2i_audit.cli.main import main

Capture = pytest.CaptureFixture[str]
GENEVAL = Path(__file__).parents[3] / "shared" / "peers" / "geneval"


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished audit of 30 images, judged by CLIP."""
    out = tmp_path_factory.mktemp("runs") / "sound"
    options = ["--device", "cpu", "--seeds", "1", "--steps", "2", "--no-denoiser-station"]
    command = ["audit", "builtin:sound", "--judge", "clip", "--limit", "30", "--out", str(out)]
    assert main([*command, *options]) == 0
    return out


def write_labels(path: Path, rows: list[tuple[str, int, str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("prompt_id", "seed", "rater", "correct"))
        writer.writerows(rows)
    return path


def test_the_majority_of_raters_is_the_truth_and_their_agreement_is_told(
    audited: Path, tmp_path: Path
) -> None:
    ids = list(t2i.load_run(audited).table("prompts").prompt_id)
    # Ann and Bob say that every second image is right, and Cy says it of every third.
    labels = write_labels(
        tmp_path / "labels.csv",
        [
            (prompt_id, 0, rater, "yes" if number % every == 0 else "no")
            for number, prompt_id in enumerate(ids)
            for rater, every in (("Ann", 2), ("Bob", 2), ("Cy", 3))
        ],
    )

    card = t2i.calibrate(audited, labels=str(labels))

    assert (card.n_labels, card.n_images) == (30, 30)
    assert card.corrected.overall.rate.estimate == pytest.approx(0.5)
    assert card.raters["overall"].raters == 3
    assert 0 < card.raters["overall"].alpha.estimate < 1


@pytest.mark.parametrize(
    ("rows", "options", "sentence"),
    [
        ([("nobody", 0, "Ann", "yes")], [], "no such prompt"),
        ([], [], "labels.csv"),
        ([("P", 0, "Ann", "perhaps so")], [], "perhaps so"),
        ([("P", 0, "Ann", "yes")], ["--n-labels", "5"], "a file has the labels it has"),
    ],
)
def test_labels_that_cannot_be_used_are_refused_in_a_sentence(
    rows: list[tuple[str, int, str, str]],
    options: list[str],
    sentence: str,
    audited: Path,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    first = str(t2i.load_run(audited).table("prompts").prompt_id[0])
    own = [(first if row[0] == "P" else row[0], *row[1:]) for row in rows]
    labels = write_labels(tmp_path / "labels.csv", own)
    before = (audited / "summary.json").read_bytes()
    capsys.readouterr()

    assert main(["calibrate", str(audited), "--labels", str(labels), *options]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert sentence in line
    assert (audited / "summary.json").read_bytes() == before


def test_one_label_is_told_to_be_too_few(audited: Path, tmp_path: Path) -> None:
    first = str(t2i.load_run(audited).table("prompts").prompt_id[0])
    labels = write_labels(tmp_path / "labels.csv", [(first, 0, "Ann", "yes")])

    card = t2i.calibrate(audited, labels=str(labels))

    assert card.corrected.overall.reason == "1 label for 30; at least 20 needed"
    assert not card.corrected.overall.rate.is_defined
    assert card.corrected.by_type["relation"].reason


def test_raters_are_compared_without_a_run(tmp_path: Path, capsys: Capture) -> None:
    prompts = load_suite("world-smoke").limited(12).prompts
    labels = write_labels(
        tmp_path / "labels.csv",
        [
            (prompt.id, seed, rater, "yes" if (number + seed) % 2 else "no")
            for number, prompt in enumerate(prompts)
            for seed in range(2)
            for rater in ("Ann", "Bob")
        ],
    )

    asked = ["calibrate", "--labels", str(labels), "--suite", "world-smoke", "--json"]
    assert main(asked) == 0

    found = json.loads(capsys.readouterr().out)
    assert (found["n_images"], found["n_labels"]) == (24, 48)
    assert found["agreement"]["overall"]["alpha"]["estimate"] == 1
    assert found["agreement"]["overall"]["alpha"]["lower"] < 0.8


def test_one_rater_cannot_be_compared(tmp_path: Path, capsys: Capture) -> None:
    prompts = load_suite("world-smoke").limited(12).prompts
    labels = write_labels(tmp_path / "labels.csv", [(each.id, 0, "Ann", "yes") for each in prompts])

    assert main(["calibrate", "--labels", str(labels), "--suite", "world-smoke"]) == 2
    assert "no two raters" in capsys.readouterr().err


def test_raters_need_the_prompts_that_they_rated(tmp_path: Path, capsys: Capture) -> None:
    assert main(["calibrate", "--labels", "labels.csv"]) == 2
    assert "give a RUN to calibrate; to compare raters" in capsys.readouterr().err


@pytest.mark.skipif(not GENEVAL.exists(), reason="needs ../shared/peers/geneval")
def test_genevals_annotations_give_alpha_and_kappa_with_intervals(
    tmp_path: Path, capsys: Capture
) -> None:
    suite = tmp_path / "geneval.jsonl"
    metadata = GENEVAL / "evaluation_metadata.jsonl"
    assert main(["prompts", "import", "geneval", str(metadata), "-o", str(suite)]) == 0
    capsys.readouterr()

    labels = f"geneval:{GENEVAL / 'annotations_sdv2.csv'}"
    assert main(["calibrate", "--labels", labels, "--suite", str(suite), "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert (found["n_images"], found["n_labels"]) == (400, 2000)
    assert set(found["agreement"]) == {"overall", "colour", "count", "object", "relation"}
    for each in found["agreement"].values():
        assert each["raters"] == 5
        for figure in ("alpha", "kappa"):
            assert 0 < each[figure]["lower"] < each[figure]["estimate"] < each[figure]["upper"] < 1
