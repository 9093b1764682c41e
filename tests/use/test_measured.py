"""Use is measured by images drawn anew: what is made, kept, resumed and added to."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import t2i_audit as t2i
from t2i_audit.cli.main import main
from tests.audit.damage import cut_short, delete
from tests.audit.test_several_judges import counted
from tests.use.small import AUDIT, COMMAND, USE, made


def test_every_planned_image_is_made_and_judged_once(audited: Path, measured: Path) -> None:
    plan = t2i.plan_use(audited, **{k: v for k, v in USE.items() if k != "report"})
    rows = t2i.load_run(measured).table("use")
    drawn = rows[rows.site != "unchanged"]

    assert (plan.images, plan.missing) == (32, 32)
    assert len(drawn) == drawn.image.nunique() == plan.images
    assert [(each.kind, each.prompts) for each in plan.parts] == [
        (kind, int((drawn.kind == kind).sum())) for kind in ("erase", "random", "steer", "context")
    ]
    assert len([*measured.glob("use/images/*/*.png")]) == plan.images


def test_the_run_has_the_result_and_says_what_was_done(audited: Path, measured: Path) -> None:
    run = t2i.load_run(measured)

    assert run.use is not None
    assert (run.use.n_prompts, run.use.n_images) == (8, 32)
    assert [(each.slot, each.site) for each in run.use.slots] == [("relation", "text")]
    assert {each["kind"]: each["prompts"] for each in run.manifest.use} == {
        "erase": 8, "random": 8, "steer": 8, "context": 8,
    }  # fmt: skip
    assert t2i.load_run(audited).use is None
    with pytest.raises(t2i.AuditError, match="has no table 'use'"):
        t2i.load_run(audited).table("use")


def test_an_image_is_judged_by_the_value_that_it_was_steered_to(measured: Path) -> None:
    run = t2i.load_run(measured)
    rows = run.table("use")
    steered = rows[rows.kind == "steer"]
    own = dict(zip(*run.table("prompts")[["prompt_id", "constituents"]].values.T, strict=True))
    value = {
        prompt_id: next(part["value"] for part in parts if part["slot"] == "relation")
        for prompt_id, parts in own.items()
    }

    assert {*steered.site} == {"text", "unchanged"}
    for prompt_id, target in zip(steered.prompt_id, steered.target, strict=True):
        assert {value[prompt_id], target} == {"left of", "right of"}
    # Two relations that exclude each other are never both right in one image.
    unchanged = steered[steered.site == "unchanged"]
    right = {row.prompt_id: row.slots["relation"] for row in run.table("judgements").itertuples()}
    assert not any(right[row.prompt_id] and row.slots["relation"] for row in unchanged.itertuples())
    assert rows[rows.kind != "steer"].target.isna().all()


def test_unchanged_noise_gives_the_runs_own_images(measured: Path) -> None:
    redraw = json.loads((measured / "use" / "redraw.json").read_text())

    assert redraw["images"] == AUDIT["batch_size"]
    assert redraw["largest"] == 0  # bit for bit, on the same machine


@pytest.mark.parametrize("calls", [3, 17])
def test_an_interrupted_measure_ends_with_the_same_files(
    calls: int, copied: Path, measured: Path
) -> None:
    with counted("UNet2DConditionModel", most=calls):
        assert main(["use", str(copied), *COMMAND]) != 0
    assert t2i.load_run(copied).use is None  # and the audit is as good as before

    assert main(["use", str(copied), *COMMAND]) == 0

    assert made(copied) == made(measured)


def the_first(
    pattern: str, change: Callable[[str], Callable[[Path], None]]
) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        change(str(min(run.glob(pattern)).relative_to(run)))(run)

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        the_first("use/images/erase*/*.png", delete),
        the_first("use/images/steer*/*.png", cut_short),
        delete("use.json"),
        cut_short("use.parquet"),
    ],
    ids=["image deleted", "image cut short", "result deleted", "table cut short"],
)
def test_what_is_damaged_is_made_anew_as_it_was(
    damage: Callable[[Path], None], copied_measured: Path, measured: Path
) -> None:
    damage(copied_measured)

    assert main(["use", str(copied_measured), *COMMAND]) == 0

    assert made(copied_measured) == made(measured)


def test_a_changed_result_is_refused_when_it_is_read(copied_measured: Path) -> None:
    path = copied_measured / "use.json"
    path.write_text(path.read_text().replace('"oracle"', '"orakel"'))

    with pytest.raises(
        t2i.AuditError, match=r"use\.json is not as the run wrote it .* t2i-audit use"
    ):
        t2i.load_run(copied_measured)


def test_what_was_measured_is_not_measured_again(
    copied_measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in copied_measured.rglob("*")}

    assert main(["use", str(copied_measured), *COMMAND, "--json"]) == 0

    assert {path: path.stat().st_mtime_ns for path in copied_measured.rglob("*")} == before
    printed = capsys.readouterr()
    assert "measured before" in printed.err
    assert json.loads(printed.out)["n_images"] == 32


def test_more_prompts_are_added_to_those_that_are_there(copied: Path, measured: Path) -> None:
    t2i.use(copied, **{**USE, "prompts": 6})
    before = {path: path.stat().st_mtime_ns for path in copied.glob("use/images/*/*.png")}

    use = t2i.use(copied, **USE)

    assert use.n_images == 32
    assert made(copied) == made(measured)
    # Batches of 6 were full.
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_an_audit_of_a_pipeline_in_memory_measures_what_the_command_does_afterwards(
    suite: Path, measured: Path, tmp_path: Path
) -> None:
    pipeline = t2i.load_model("builtin:sound", device="cpu").pipeline
    options: dict[str, Any] = {"use": True, "use_prompts": 8, "use_slots": "relation"}
    options |= {**AUDIT, "guidance_scale": 1.5}

    run = t2i.audit(pipeline, name="mine", suite=suite, out=tmp_path / "run", **options)

    assert run.table("use").equals(t2i.load_run(measured).table("use"))
    with pytest.raises(
        t2i.AuditError, match=r"in memory.*t2i\.audit\(pipeline, \.\.\., use=True\)"
    ):
        t2i.use(run, prompts=16)


def test_a_run_that_grows_measures_use_anew_from_the_same_images(
    suite: Path, copied_measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in copied_measured.glob("use/images/*/*.png")}
    more: dict[str, Any] = {**AUDIT, "seeds": 2, "progress": True}
    t2i.audit("builtin:sound", suite=suite, out=copied_measured, **more)
    assert "measures it anew, from the images that are there" in capsys.readouterr().err
    assert t2i.load_run(copied_measured).use is None

    t2i.use(copied_measured, **USE)

    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert t2i.load_run(copied_measured).use is not None


def test_other_commands_take_runs_with_and_without_use(
    audited: Path, measured: Path, tmp_path: Path
) -> None:
    assert t2i.compare(audited, measured).n_prompts == 16
    assert len(t2i.leaderboard([measured, audited]).rows) == 2
    assert t2i.export(measured, to="csv", out=tmp_path / "table.csv").images == 16
    shutil.copytree(measured, tmp_path / "merged")
    assert t2i.merge([tmp_path / "merged"]).use is not None
