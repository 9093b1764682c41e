"""What a user of the Python API relies on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hatchling.builders.wheel import WheelBuilder
from PIL import Image as PILImage

import t2i_audit as t2i
from prompts.suite import Suite
from t2i_audit.results.place import Position

SMALL: dict[str, Any] = {"limit": 3, "steps": 1, "device": "cpu", "denoiser_station": False}


def test_the_summary_is_read_as_types(run: t2i.Run) -> None:
    success = run.summary.success
    assert success is not None
    told = json.loads((run.path / "summary.json").read_text())

    assert success.overall.n == 8
    assert success.overall.lower <= success.overall.estimate <= success.overall.upper
    assert success.overall.estimate == told["success"]["overall"]["estimate"]
    slot = run.summary.stations["denoiser"].slots["relation"]
    assert slot.verdict == told["stations"]["denoiser"]["slots"]["relation"]["verdict"]


def test_a_table_is_a_data_frame_with_its_json_read(run: t2i.Run) -> None:
    judged = run.table("judgements")

    assert len(judged) == 8
    assert set(judged.slots[0]) >= {"object_1.colour", "relation"}
    assert {type(value) for value in judged.slots[0].values()} == {bool}
    assert run.table("probes").balanced_accuracy.dtype == float
    # `cause` is null where a prompt does not fail.
    causes = run.table("attributions")
    assert (causes.cause.isna() | causes.failing).all()


def test_an_unknown_table_is_refused_with_those_there_are(run: t2i.Run) -> None:
    with pytest.raises(t2i.AuditError, match="has no table 'images'; it has prompts, probes"):
        run.table("images")  # type: ignore[arg-type]


def test_the_images_of_a_prompt_come_by_seed(run: t2i.Run) -> None:
    prompt_id = run.table("prompts").prompt_id[3]

    images, paths = run.images(prompt_id), run.image_paths(prompt_id)

    assert images.keys() == paths.keys() == {0} and images[0].size == (64, 64)
    np.testing.assert_array_equal(np.asarray(images[0]), np.asarray(PILImage.open(paths[0])))


def test_images_of_a_prompt_that_is_not_there_are_refused(run: t2i.Run) -> None:
    with pytest.raises(t2i.AuditError, match="holds no image of a prompt 'nobody'"):
        run.images("nobody")


def test_the_data_set_joins_images_prompts_structure_and_verdicts(run: t2i.Run) -> None:
    rows = run.dataset()
    judged, prompts = run.table("judgements"), run.table("prompts").set_index("prompt_id")

    assert len(rows) == len(judged) == 8
    for row, verdict in zip(rows, judged.itertuples(), strict=True):
        prompt = prompts.loc[row["prompt_id"]]
        assert row["prompt_id"] == verdict.prompt_id and row["seed"] == verdict.seed
        assert row["correct"] == verdict.correct and row["prompt"] == prompt.text
        assert row["constituents"] == prompt.constituents
        assert {each["slot"]: each["correct"] for each in row["slots"]} == verdict.slots
        own = run.images(row["prompt_id"])[row["seed"]]
        np.testing.assert_array_equal(np.asarray(row["image"]), np.asarray(own))


def test_nothing_is_printed_unless_progress_is_asked_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    t2i.audit("builtin:sound", seeds=1, out=tmp_path / "quiet", **SMALL)
    assert capfd.readouterr() == ("", "")

    t2i.audit("builtin:sound", seeds=1, out=tmp_path / "loud", progress=True, **SMALL)
    assert "images: 3/3" in capfd.readouterr().err


def test_a_suite_may_be_prompts_in_memory(tmp_path: Path) -> None:
    whole = t2i.load_suite("world-relations")
    every_third = Suite("thirds", whole.prompts[::3])

    run = t2i.probe("builtin:sound", suite=every_third, limit=6, out=tmp_path / "run")

    assert run.summary.suite == "thirds"
    assert list(run.table("prompts").prompt_id) == [each.id for each in every_third.prompts[:6]]
    again = t2i.probe("builtin:sound", suite=every_third, limit=6, out=tmp_path / "run")
    assert again.manifest == run.manifest


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"seeds": 0}, "--seeds should be at least 1, not 0"),
        ({"steps": "many"}, "a setting cannot be used: steps: "),
        ({"lora": ["a:much"]}, "--lora should be PATH or PATH:WEIGHT"),
        ({"suite": "no-such-suite"}, "no-such-suite"),
        ({"judge": "nobody"}, "nobody"),
        ({"shard": "1/2"}, "t2i.merge returns the run"),
        ({"offload": "disk"}, "a setting cannot be used: offload: "),
    ],
)
def test_what_cannot_be_used_is_an_audit_error(
    settings: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(t2i.AuditError, match=sentence):
        t2i.audit("builtin:sound", **{"out": tmp_path / "run", **settings})

    assert not (tmp_path / "run").exists()


def test_a_setting_that_is_misspelt_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"argument 'hight'; did you mean 'height'\?"):
        t2i.audit("builtin:sound", out=tmp_path / "run", hight=64)


def test_settings_of_every_part_are_given_by_their_own_names(tmp_path: Path) -> None:
    run = t2i.audit(
        "builtin:sound", judge="clip", seeds=1, out=str(tmp_path / "run"), negative_prompt="blur",
        height=32, width=32, scheduler="DDIMScheduler", attention_slicing=True, **SMALL,
    )  # fmt: skip

    settings = run.manifest.settings
    assert settings["sampler"]["negative_prompt"] == "blur"
    assert settings["sampler"]["scheduler"] == "DDIMScheduler"
    assert settings["attention_slicing"] is True
    assert next(iter(run.images(run.table("prompts").prompt_id[0]).values())).size == (32, 32)


def test_a_run_whose_summary_was_edited_is_refused(run: t2i.Run, tmp_path: Path) -> None:
    copy = shutil.copytree(run.path, tmp_path / "copy")
    text = (copy / "summary.json").read_text()
    (copy / "summary.json").write_text(text.replace('"n_prompts": 8', '"n_prompts": 9'))

    with pytest.raises(t2i.AuditError, match=r"summary\.json is not as the run wrote it"):
        t2i.load_run(copy)


def test_the_leaderboard_takes_runs_and_directories(run: t2i.Run, tmp_path: Path) -> None:
    board = t2i.leaderboard([run, str(run.path)], out=tmp_path / "board.csv")

    assert len(board.rows) == 1 and "was given 2 times" in board.notes[0]
    assert (tmp_path / "board.csv").read_text().startswith("\ufeffschema_version,group")


def test_a_probe_is_fitted_to_the_recorded_states_of_the_run(run: t2i.Run) -> None:
    place = run.best_place("relation", station="denoiser")
    probe = t2i.fit_probe(run, "relation", place, alpha=1e-6)
    features = run.features(place)

    values = {
        row.prompt_id: next(
            part["value"] for part in row.constituents if part["slot"] == "relation"
        )
        for row in run.table("prompts").itertuples()
    }
    assert probe.place == place and set(probe.classes) == set(values.values())
    # There are more features than prompts, and hardly any regularisation.
    right = probe.predict(features.values) == [values[each] for each in features.prompt_ids]
    assert right.all()


def test_the_states_of_both_stations_are_those_that_were_probed(run: t2i.Run) -> None:
    for reading in run.probe_readings()[:: len(run.probe_readings()) // 40]:
        if reading.balanced_accuracy.is_defined:
            features = run.features(reading.place)
            assert len(features.prompt_ids) >= reading.balanced_accuracy.n
            assert np.isfinite(features.values).all()


def test_a_probe_cannot_read_the_slot_at_its_own_words(run: t2i.Run) -> None:
    words = t2i.Place("text_encoder", "block_1", None, Position.of_slot("relation"))

    with pytest.raises(t2i.AuditError, match="'relation' is not decoded at"):
        t2i.fit_probe(run, "relation", words)


def test_a_place_that_was_not_recorded_is_refused(run: t2i.Run) -> None:
    with pytest.raises(t2i.AuditError, match="recorded nothing at unet/nowhere@step_9/grid"):
        run.features(t2i.Place.parse("unet", "nowhere@step_9", "grid"))


def test_the_wheel_ships_the_marker_of_types() -> None:
    """The wheel holds all that lies in the package and is not ignored by git."""
    root = Path(t2i.__file__).parents[1]

    shipped = WheelBuilder(str(root)).recurse_included_files()

    assert "t2i_audit/py.typed" in {file.distribution_path for file in shipped}
