"""The command `python -m scripts.validity`: what it keeps, makes anew, and exits with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts import validity
from scripts.manual import has_part
from scripts.simulations import stated
from scripts.simulations.cells import Cell, Figure, Goal
from scripts.simulations.keeping import kept_draws, path_of
from scripts.simulations.running import run
from scripts.simulations.sections import all_cells
from scripts.simulations.table import PART
from t2i_audit.reporter import SILENT

ONE, TWO = "1g 4 runs, correlation 0.0", "1g 5 runs, correlation 0.0"


def cells(draws: int = 12) -> list[Cell]:
    from dataclasses import replace

    return [replace(all_cells()[key], draws=draws) for key in (ONE, TWO)]


def make(folder: Path, *, processes: int = 1, version: str = "a", draws: int = 12) -> object:
    found = run(cells(draws), folder, seed=3, version=version, processes=processes, reporter=SILENT)
    return json.loads(json.dumps(found))


def test_draws_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    assert make(tmp_path / "one") == make(tmp_path / "two", processes=2)


def test_a_finished_cell_is_read_and_a_missing_one_is_made(tmp_path: Path) -> None:
    whole = make(tmp_path)
    first, second = (path_of(cell, tmp_path) for cell in cells())
    written = first.stat().st_mtime_ns
    second.unlink()

    assert make(tmp_path) == whole
    assert first.stat().st_mtime_ns == written and second.exists()


def test_a_cell_that_other_code_made_is_made_anew(tmp_path: Path) -> None:
    make(tmp_path, version="a")
    make(tmp_path, version="b")

    assert all(json.loads(path.read_text())["code"] == "b" for path in tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"cell": 1', "null"])
def test_a_damaged_cell_is_made_anew(tmp_path: Path, damage: str) -> None:
    whole = make(tmp_path)
    path_of(cells()[0], tmp_path).write_text(damage)

    assert kept_draws(cells()[0], tmp_path, seed=3, version="a") is None
    assert make(tmp_path) == whole


def test_fewer_draws_than_are_asked_for_do_not_serve(tmp_path: Path) -> None:
    make(tmp_path, draws=10)

    assert kept_draws(cells(12)[0], tmp_path, seed=3, version="a") is None
    assert kept_draws(cells(8)[0], tmp_path, seed=3, version="a") is not None


def impossible(rng: object) -> dict[str, float]:
    return {"it": 1.0}


@pytest.fixture
def missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One cell whose goal cannot be reached."""
    cell = Cell("1g", "impossible", 10, impossible, (Figure("it", "rate", Goal(0.0, 0.1)),))
    monkeypatch.setattr(validity, "cells_of", lambda only, quick: [cell])
    monkeypatch.setitem(all_cells(), cell.key, cell)


@pytest.mark.usefixtures("missed")
def test_a_goal_that_is_missed_fails_the_check_until_it_is_stated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--only", "1g", "--out", str(tmp_path), "--processes", "1"]

    assert validity.main(command) == 0
    assert validity.main([*command, "--check"]) == 1
    assert "1g impossible: it: 100 ± 8.7, goal 0 to 10" in capsys.readouterr().err
    monkeypatch.setitem(stated.REASONS, "1g impossible: it", "It cannot be.")
    assert validity.main([*command, "--check"]) == 0


def test_the_page_has_a_place_for_the_table() -> None:
    assert has_part(validity.PAGE, PART)


def test_every_stated_miss_names_a_figure_that_is_measured() -> None:
    keys = [
        f"{cell.key}: {figure.name}" for cell in all_cells().values() for figure in cell.figures
    ]

    for pattern in stated.REASONS:
        assert any(stated.matches(pattern, key) for key in keys), pattern
