"""What sampling took is recorded beside the results, whoever made the images, and harms nothing."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from t2i_audit import load_run
from t2i_audit.cli.main import main
from t2i_audit.results.cost import Cost, joined_cost, read_cost
from tests.audit.small import arguments, results

IMAGES = 8


def cost_of(run: Path) -> Cost:
    cost = load_run(run).cost
    assert cost is not None
    return cost


def test_a_run_tells_what_its_images_took(whole: Path) -> None:
    cost = cost_of(whole)

    assert cost.images == IMAGES
    assert 0 < cost.seconds_per_image < 60
    assert cost.device and cost.peak_memory_bytes is None  # on a CPU
    assert cost.parameters.keys() == {"text_encoder", "unet", "vae"}
    assert min(cost.parameters.values()) > 0


def test_the_report_has_a_line_on_it(
    whole: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(suite, whole)) == 0

    assert cost_of(whole).sentence in " ".join(capsys.readouterr().out.split())


def test_it_is_no_part_of_the_sealed_results(whole: Path) -> None:
    manifest = json.loads((whole / "manifest.json").read_text())

    assert not [name for name in manifest["files"] if "cost" in name]


def test_a_finished_run_that_is_given_again_keeps_it(suite: Path, copied: Path) -> None:
    before = (copied / "cost.json").read_bytes()

    assert main(arguments(suite, copied)) == 0

    assert (copied / "cost.json").read_bytes() == before


def test_what_an_interrupted_execution_took_is_added(suite: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    # It makes half of the images and leaves the end to others.
    assert main(arguments(suite, run, "--shard", "1/2")) == 0
    assert read_cost(run) is None
    (half,) = (run / "cost").iterdir()
    recorded = json.loads(half.read_text())

    assert main(arguments(suite, run)) == 0

    assert recorded["images"] == IMAGES // 2
    assert len(list((run / "cost").iterdir())) == 2
    assert cost_of(run).images == IMAGES


def test_more_seeds_are_added(suite: Path, copied: Path) -> None:
    assert main(arguments(suite, copied, "--seeds", "3")) == 0

    assert cost_of(copied).images == IMAGES + 4


def test_shards_add_up_and_one_that_is_given_twice_counts_once(suite: Path, tmp_path: Path) -> None:
    for number in ("1", "2"):
        assert main(arguments(suite, tmp_path / number, "--shard", f"{number}/2")) == 0
    shutil.copytree(tmp_path / "1", tmp_path / "again")
    runs = [str(tmp_path / name) for name in ("1", "2", "again")]

    assert main(["merge", *runs, "--out", str(tmp_path / "joined")]) == 0

    assert cost_of(tmp_path / "joined").images == IMAGES


def overwrite(name: str, content: str) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        for path in run.glob(name):
            path.write_text(content)

    return damage


def a_file_for_the_folder(run: Path) -> None:
    shutil.rmtree(run / "cost")
    (run / "cost").write_text("")
    (run / "cost.json").unlink()


def a_folder_for_the_file(run: Path) -> None:
    (run / "cost.json").unlink()
    (run / "cost.json").mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        overwrite("cost.json", '{"images": "many"}'),
        overwrite("cost/*.json", '{"images": 0, "seconds_per_image": 1}'),
        a_file_for_the_folder,
        a_folder_for_the_file,
    ],
)
def test_a_damaged_record_harms_no_run(
    damage: Callable[[Path], None], suite: Path, copied: Path, whole: Path
) -> None:
    damage(copied)
    os.remove(copied / "images" / "batch_00000.json")  # so that something is made again

    assert main(arguments(suite, copied)) == 0

    assert results(copied) == results(whole)
    load_run(copied).cost  # noqa: B018, it raises nothing


def test_a_run_without_a_record_has_none(copied: Path) -> None:
    (copied / "cost.json").unlink()

    assert load_run(copied).cost is None


def test_the_mean_is_over_all_images() -> None:
    # (2 s x 10 + 5 s x 30) / 40 = 4.25 s
    costs = [Cost("A", 2.0, 10, 100, {"unet": 7}), Cost("B", 5.0, 30, 300, {"unet": 7})]

    assert joined_cost(costs) == Cost("A and B", 4.25, 40, 300, {"unet": 7})
    assert math.isnan(Cost().seconds_per_image)
