"""Several judges of one run: each judges once, and the first is the one whose figures are shown."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

import t2i_audit as t2i
from prompts.suite import dump_prompts, load_suite
from t2i_audit.cli.main import main
from t2i_audit.run.tables import read_rows, table_path
from tests.audit.damage import contents
from tests.audit.test_judging import line

PROMPTS, SEEDS = 6, 2
IMAGES = PROMPTS * SEEDS  # in three batches
BLIND = [IMAGES] * 3  # shuffled, blank, and the images of which the captions see the mean


def command(out: Path, judge: str, *more: str) -> list[str]:
    fixed = (
        f"--suite world-smoke --limit {PROMPTS} --seeds {SEEDS} --steps 2 --batch-size 4 "
        "--device cpu --no-denoiser-station --random-weights 1 --no-report"
    )
    return [
        *("audit", "builtin:sound", *fixed.split(), "--judge", judge, "--out", str(out)),
        *more,
    ]


def judgements(run: Path, judge: str) -> list[dict[str, Any]]:
    rows = read_rows(table_path(run, "judgements"), "judgements")
    return [row for row in rows if row["judge"] == judge]


def summary(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return found


@contextmanager
def counted(kind: str, most: int | None = None) -> Iterator[list[int]]:
    """The batch size of each pass through networks of class `kind`; ends the process after `most`
    passes, as Ctrl-C does."""
    from torch.nn.modules.module import register_module_forward_pre_hook

    given: list[int] = []

    def count(module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        if type(module).__name__ == kind:
            if most is not None and len(given) >= most:
                raise KeyboardInterrupt
            given.append(len(args[0]))

    handle = register_module_forward_pre_hook(count)
    try:
        yield given
    finally:
        handle.remove()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Fresh runs by these judges; not to be changed."""
    folder = tmp_path_factory.mktemp("runs")
    judges = ("oracle", "clip", "oracle,clip", "clip,oracle")
    for judge in judges:
        assert main(command(folder / judge, judge)) == 0
    return {judge: folder / judge for judge in judges}


@pytest.fixture
def by_the_oracle(runs: dict[str, Path], tmp_path: Path) -> Path:
    return shutil.copytree(runs["oracle"], tmp_path / "run")


def test_the_table_has_a_row_for_each_image_and_judge(runs: dict[str, Path]) -> None:
    rows = read_rows(table_path(runs["oracle,clip"], "judgements"), "judgements")

    assert [row["judge"] for row in rows] == ["oracle"] * IMAGES + ["clip"] * IMAGES
    for judge in ("oracle", "clip"):
        own, alone = judgements(runs["oracle,clip"], judge), judgements(runs[judge], judge)
        assert repr(own) == repr(alone)  # NaN is not equal to itself


@pytest.mark.parametrize(
    ("judges", "primary"), [("oracle,clip", "oracle"), ("clip,oracle", "clip")]
)
def test_all_figures_are_those_of_the_first_judge(
    judges: str, primary: str, runs: dict[str, Path]
) -> None:
    several, alone = (summary(runs[name]) for name in (judges, primary))

    assert [each["name"] for each in several.pop("judges")] == judges.split(",")
    assert [each["judges"] for each in several.pop("agreement")] == [judges.split(",")]
    assert (alone.pop("judges")[0]["success"], alone.pop("agreement")) == (
        alone["success"]["overall"],
        [],
    )
    facts = several.pop("judge_facts")
    assert facts.keys() == {*judges.split(",")}
    assert facts[primary] == alone.pop("judge_facts")[primary]
    assert several == alone
    for name in ("attributions.parquet", "probes.parquet"):
        assert (runs[judges] / name).read_bytes() == (runs[primary] / name).read_bytes()


def test_the_summary_counts_where_the_judges_differ(runs: dict[str, Path]) -> None:
    run = t2i.load_run(runs["oracle,clip"])
    verdicts = [
        [row["correct"] for row in judgements(run.path, judge)] for judge in ("oracle", "clip")
    ]
    different = sum(one != other for one, other in zip(*verdicts, strict=True))

    (agreement,) = run.summary.agreement

    assert agreement.n_different == different > 0
    assert agreement.same.estimate == pytest.approx(1 - different / IMAGES)
    assert agreement.kappa.n == agreement.same.n == IMAGES
    listed = run.disagreements()
    assert len(listed) == different
    assert (listed["oracle"] != listed["clip"]).all()


def test_each_image_is_listed_once(runs: dict[str, Path]) -> None:
    several, alone = (t2i.load_run(runs[name]) for name in ("oracle,clip", "oracle"))

    own = several.dataset()

    assert own["correct"] == alone.dataset()["correct"]
    assert [[each["judge"] for each in row] for row in own["verdicts"]] == [
        ["oracle", "clip"]
    ] * IMAGES


def test_the_judges_are_shown_side_by_side(
    runs: dict[str, Path], by_the_oracle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(by_the_oracle, "oracle")) == 0
    alone = capsys.readouterr().out
    assert main(command(by_the_oracle, "oracle,clip")) == 0
    several = capsys.readouterr().out

    assert "oracle and clip agree on" in several and "judged by oracle" in several
    assert "agree on" not in alone and "each judge" not in alone


def test_another_judge_of_a_finished_run_costs_only_its_own_verdicts(
    runs: dict[str, Path], by_the_oracle: Path
) -> None:
    kept = [*by_the_oracle.glob("images/*"), *by_the_oracle.glob("judgements/oracle-*/*")]
    before = {path: path.stat().st_mtime_ns for path in kept}

    with counted("UNet2DConditionModel") as sampled, counted("ModifiedResNet") as judged:
        assert main(command(by_the_oracle, "oracle,clip")) == 0

    assert sampled == []
    assert judged == [1, 4, 4, 4, *BLIND]  # the first is the trial
    assert {path: path.stat().st_mtime_ns for path in kept} == before
    assert contents(by_the_oracle) == contents(runs["oracle,clip"])


@pytest.mark.parametrize("judges", ["clip,oracle", "oracle", "clip"])
def test_another_order_and_fewer_judges_cost_no_verdict(
    judges: str, runs: dict[str, Path], tmp_path: Path
) -> None:
    run = shutil.copytree(runs["oracle,clip"], tmp_path / "run")

    with counted("UNet2DConditionModel") as sampled, counted("ModifiedResNet") as judged:
        assert main(command(run, judges)) == 0

    assert sampled == [] and judged == ([1] if "clip" in judges else [])
    own, fresh = contents(run), contents(runs[judges])
    # The verdicts of a judge that is left out stay, and are sealed with the rest.
    assert {name: own[name] for name in fresh if name != "checksums"} == {
        name: content for name, content in fresh.items() if name != "checksums"
    }
    assert {name.split("-")[0] for name in own.keys() - fresh.keys()} <= {
        "judgements/oracle",
        "judgements/clip",
        *(name for name in own if name.startswith("blind/")),
    }


def test_a_run_that_is_stopped_in_its_second_judge_goes_on_there(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with counted("ModifiedResNet", most=3):
        assert main(command(out, "oracle,clip")) != 0
    with pytest.raises(t2i.AuditError, match="is not finished"):
        t2i.load_run(out)

    with counted("UNet2DConditionModel") as sampled, counted("ModifiedResNet") as judged:
        assert main(command(out, "oracle,clip")) == 0

    # A trial of each, and the batch that lacked.
    assert len(judged) == 2 + len(BLIND) and len(sampled) <= 2
    assert contents(out) == contents(runs["oracle,clip"])


def test_a_judges_verdict_that_was_changed_is_made_again(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(runs["oracle,clip"], tmp_path / "run")
    other = min(run.glob("judgements/clip-*/*.parquet"))
    shutil.copy(runs["clip,oracle"] / "probes.parquet", other)
    capsys.readouterr()

    assert main(command(run, "clip,oracle")) == 0

    assert f"{other} is missing or damaged" in capsys.readouterr().err
    assert contents(run) == contents(runs["clip,oracle"])


@pytest.mark.parametrize(
    ("judges", "said"),
    [
        ("oracle,oracle", "'oracle' is named twice"),
        ("clip,clip:builtin:clip-judge", "'clip' is named twice"),
        ("oracle,", "separated by single commas"),
        ("oracle,clip:local-dir:/nowhere", "/nowhere has no open_clip_config.json"),
        ("oracle,orakel", "did you mean oracle"),
    ],
)
def test_judges_that_cannot_be_had_are_refused_before_any_image(
    judges: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(tmp_path / "run", judges)) == 2

    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_prompt_that_one_judge_cannot_judge_is_left_out_by_that_one_alone(
    tmp_path: Path,
) -> None:
    world = dump_prompts(load_suite("world-smoke").prompts[:3])
    bare = line("bare0", "a red circle", "a blue circle")  # no constituents to look for
    (tmp_path / "suite.jsonl").write_text(world + bare)
    out = tmp_path / "run"

    assert main(command(out, "oracle,clip", "--suite", str(tmp_path / "suite.jsonl"))) == 0

    oracle, clip = summary(out)["judges"]
    (agreement,) = summary(out)["agreement"]
    assert (oracle["n_abstained"], oracle["success"]["n"]) == (2, 6)
    assert (clip["n_abstained"], clip["success"]["n"]) == (0, 8)
    assert agreement["same"]["n"] == 6
    (note,) = [each for each in summary(out)["notes"] if "no constituents to look for" in each]
    assert "oracle cannot judge 1 of 4 prompts" in note


@pytest.mark.parametrize("size", ["1", "3"])
def test_a_judge_is_shown_no_more_images_at_once_than_asked(
    size: str, runs: dict[str, Path], tmp_path: Path
) -> None:
    with counted("ModifiedResNet") as judged:
        assert main(command(tmp_path / "run", "clip", "--judge-batch-size", size)) == 0

    assert max(judged) == int(size)
    for own, other in zip(
        judgements(tmp_path / "run", "clip"), judgements(runs["clip"], "clip"), strict=True
    ):
        for score in ("margin", "probability"):
            assert own.pop(score) == pytest.approx(other.pop(score), abs=1e-5)
        assert repr(own) == repr(other)


def test_a_judge_without_memory_remembers_how_many_images_fit(
    tmp_path: Path, runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    from torch.nn.modules.module import register_module_forward_pre_hook

    given: list[int] = []

    def fail(module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        if type(module).__name__ == "ModifiedResNet":
            given.append(len(args[0]))
            if given[-1] > 2:
                raise torch.OutOfMemoryError("out of memory")

    run = shutil.copytree(runs["oracle"], tmp_path / "run")
    handle = register_module_forward_pre_hook(fail)
    try:
        assert main(command(run, "oracle,clip")) == 0
        said = capsys.readouterr().err
        first = list(given)
        given.clear()
        for shard in run.glob("judgements/clip-*/*.parquet"):
            shard.unlink()
        assert main(command(run, "oracle,clip")) == 0
    finally:
        handle.remove()

    assert "memory runs short with 4 images at once for judge 'clip'; going on with 2" in said
    verdicts = [2] * (IMAGES // 2)
    assert first == [1, 4, *verdicts, *3 * verdicts] and given == [1, *verdicts]


def test_a_finished_run_is_judged_by_several_others(runs: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "again"

    with counted("ModifiedResNet") as judged:
        arguments = ["judge", str(runs["oracle"]), "--judge", "clip,oracle", "-o", str(out)]
        assert main(arguments) == 0

    assert judged == [1, 4, 4, 4, *BLIND]
    assert contents(out) == contents(runs["clip,oracle"])


def test_shards_with_several_judges_are_joined(runs: dict[str, Path], tmp_path: Path) -> None:
    parts = [tmp_path / number for number in "12"]
    for part in parts:
        assert main(command(part, "oracle,clip", "--shard", f"{part.name}/2")) == 0
    with counted("ModifiedResNet") as judged:
        assert main(["merge", *map(str, parts), "--out", str(tmp_path / "joined")]) == 0

    assert judged == [1, *BLIND]  # the shards have judged all
    assert contents(tmp_path / "joined") == contents(runs["oracle,clip"])


def test_python_names_several_judges_in_a_sequence(
    runs: dict[str, Path], by_the_oracle: Path
) -> None:
    run = t2i.audit(
        "builtin:sound", suite="world-smoke", judge=["oracle", "clip"], seeds=SEEDS, limit=PROMPTS,
        steps=2, batch_size=4, device="cpu", denoiser_station=False, random_weights=1,
        out=by_the_oracle,
    )  # fmt: skip

    assert [each.name for each in run.summary.judges] == ["oracle", "clip"]
    assert run.table("judgements").judge.value_counts().to_dict() == {
        "oracle": IMAGES,
        "clip": IMAGES,
    }
