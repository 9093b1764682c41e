"""The audit takes any grammar's slots: a generated suite and an imported one, through one door."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from prompts.suite import dump_prompts, load_suite
from t2i_audit.cli.main import main
from t2i_audit.results.place import Place
from t2i_audit.results.run import load_run
from t2i_audit.run.tables import read_rows, table_path
from tests.tiny import tiny_open_clip, tiny_pipeline

GRAMMAR = """
mood = calm | cross | glad
pet (noun) = cat | dog | hen
deed (relation) = chasing | feeding | painting
one: a {first.mood} {first.pet}
two: a {first.mood} {first.pet} {deed(first, second)} a {second.mood} {second.pet}
"""

METADATA = [
    {"tag": "single_object", "include": [{"class": "kite", "count": 1}], "prompt": "a kite"},
    {
        "tag": "colors",
        "include": [{"class": "cup", "count": 1, "color": "red"}],
        "prompt": "a photo of a red cup",
    },
    {
        "tag": "counting",
        "include": [{"class": "cup", "count": 2}],
        "exclude": [{"class": "cup", "count": 3}],
        "prompt": "a photo of two cups",
    },
    {
        "tag": "position",
        "include": [
            {"class": "kite", "count": 1},
            {"class": "cup", "count": 1, "position": ["left of", 0]},
        ],
        "prompt": "a photo of a cup left of a kite",
    },
]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pipeline(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An open_clip model of random weights, saved as open_clip saves its own."""
    return tiny_open_clip(tmp_path_factory.mktemp("judges") / "tiny-clip")


def audit(suite: Path, pipeline: Path, clip: Path, out: Path) -> int:
    return main(
        [
            *("audit", str(pipeline), "--suite", str(suite), "--judge", f"clip:local-dir:{clip}"),
            *("--seeds", "1", "--steps", "2", "--batch-size", "8", "--random-weights", "1"),
            *("--out", str(out)),
        ]
    )


def slots_read(out: Path) -> dict[str, set[str]]:
    read: dict[str, set[str]] = {}
    for row in read_rows(table_path(out, "probes"), "probes"):
        read.setdefault(str(row["station"]), set()).add(str(row["slot"]))
    return read


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    (folder / "pets.grammar").write_text(GRAMMAR)
    suite = folder / "pets.jsonl"
    assert (
        main(["prompts", "generate", str(folder / "pets.grammar"), "-n", "24", "-o", str(suite)])
        == 0
    )
    return suite


def test_a_generated_suite_of_other_slots_is_audited(
    generated: Path, pipeline: Path, clip: Path, tmp_path: Path
) -> None:
    assert audit(generated, pipeline, clip, tmp_path / "run") == 0

    slots = {"first.mood", "first.pet", "second.mood", "second.pet", "deed"}
    read = slots_read(tmp_path / "run")
    assert slots <= read["text_encoder"]
    assert slots <= read["denoiser"]
    judged = read_rows(table_path(tmp_path / "run", "judgements"), "judgements")
    assert len(judged) == 24
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["n_prompts"] == 24


def hostile(suite: Path, path: Path) -> dict[str, str]:
    """Write `suite` to `path` with names that would be paths; returns old slot -> new."""
    names = {
        "first.mood": "../../x", "first.pet": "/tmp/x", "second.mood": "a/b|c",
        "second.pet": "y" * 300, "deed": "{}%s\\..",
    }  # fmt: skip
    prompts = [
        replace(
            prompt,
            id=f"../../{prompt.id}/{'z' * 300}",
            template="../../t",
            constituents=tuple(
                replace(part, slot=names[part.slot], kind=f"../{part.kind}")
                for part in prompt.constituents
            ),
        )
        for prompt in load_suite(str(suite)).prompts
    ]
    path.write_text(dump_prompts(prompts), encoding="utf-8")
    return names


def test_names_in_a_suite_never_become_paths(
    generated: Path, pipeline: Path, clip: Path, tmp_path: Path
) -> None:
    suite, out = tmp_path / "deep" / "suite.jsonl", tmp_path / "deep" / "er" / "run"
    suite.parent.mkdir()
    names = hostile(generated, suite)

    assert audit(suite, pipeline, clip, out) == 0

    read = slots_read(out)
    assert set(names.values()) <= read["text_encoder"] & read["denoiser"]
    outside = {file for file in tmp_path.rglob("*") if file.is_file() and out not in file.parents}
    assert outside == {suite}
    assert not any("zzz" in str(file) or "yyy" in str(file) for file in out.rglob("*"))


# Names of positions, stations and components, and the marks that separate them in the tables.
ODD_NAMES = {
    "first.mood": "grid", "first.pet": "mean@text_encoder", "second.mood": "eos",
    "second.pet": "pooled", "deed": "unet@step_0",
}  # fmt: skip


@pytest.mark.slow
def test_slots_named_like_positions_get_the_figures_of_any_others(
    generated: Path, pipeline: Path, clip: Path, tmp_path: Path
) -> None:
    prompts = [
        replace(
            prompt,
            constituents=tuple(
                replace(part, slot=ODD_NAMES[part.slot]) for part in prompt.constituents
            ),
        )
        for prompt in load_suite(str(generated)).prompts
    ]
    (tmp_path / "odd.jsonl").write_text(dump_prompts(prompts))
    assert audit(generated, pipeline, clip, tmp_path / "plain") == 0

    assert audit(tmp_path / "odd.jsonl", pipeline, clip, tmp_path / "odd") == 0

    plain, odd = readings_of(tmp_path / "plain", ODD_NAMES), readings_of(tmp_path / "odd", {})
    assert {key for key in plain if key[1].step is not None and key[1].position.is_slot}
    assert plain == odd


def readings_of(out: Path, names: dict[str, str]) -> dict[tuple[str, Place], tuple[int, float]]:
    """Slot and place, with slots renamed -> on how many prompts it rests, and the accuracy."""
    found = {}
    for read in load_run(out).probe_readings():
        position = read.place.position
        if position.is_slot:
            position = replace(position, name=names.get(position.name, position.name))
        key = names.get(read.slot, read.slot), replace(read.place, position=position)
        found[key] = (read.balanced_accuracy.n, round(read.balanced_accuracy.estimate, 9))
    return found


def test_an_imported_suite_is_audited_in_the_same_way(
    pipeline: Path, clip: Path, tmp_path: Path
) -> None:
    metadata, suite = tmp_path / "metadata.jsonl", tmp_path / "suite.jsonl"
    rows = [
        json.loads(json.dumps(row).replace("cup", noun))
        for noun in ("cup", "hat")
        for row in METADATA
    ]
    metadata.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["prompts", "import", "geneval", str(metadata), "-o", str(suite)]) == 0

    assert audit(suite, pipeline, clip, tmp_path / "run") == 0

    judged = read_rows(table_path(tmp_path / "run", "judgements"), "judgements")
    texts = {
        row["prompt_id"]: row["text"]
        for row in read_rows(table_path(tmp_path / "run", "prompts"), "prompts")
    }
    assert {texts[row["prompt_id"]] for row in judged} == {row["prompt"] for row in rows}


def test_a_suite_without_any_foils_is_refused_before_any_image(
    pipeline: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lines.txt").write_text("a red cup\nsomething else\n")
    suite = tmp_path / "suite.jsonl"
    assert main(["prompts", "import", "text", str(tmp_path / "lines.txt"), "-o", str(suite)]) == 0

    assert audit(suite, pipeline, clip, tmp_path / "run") == 2

    said = capsys.readouterr().err
    assert "none of the 2 prompts: there are no foils to choose from (2, e.g. " in said
    assert "'a red cup'" in said
    assert not (tmp_path / "run").exists()


def test_text_only_prompts_are_probed_without_fault(
    generated: Path, pipeline: Path, tmp_path: Path
) -> None:
    suite = tmp_path / "mixed.jsonl"
    lone = {"id": "x", "text": "something else", "type": "text", "template": "text"}
    suite.write_text(
        generated.read_text(encoding="utf-8") + json.dumps(lone | {"constituents": []}) + "\n"
    )

    assert (
        main(["probe", str(pipeline), "--suite", str(suite), "--out", str(tmp_path / "run")]) == 0
    )

    assert "first.mood" in slots_read(tmp_path / "run")["text_encoder"]
