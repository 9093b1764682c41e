"""Tables: their documentation, their checks, and the same bytes however they were gathered."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2i_audit.errors import RunDirectoryError
from t2i_audit.run.columns import COLUMNS, TableName, check_table, column_names
from t2i_audit.run.shards import Shards
from t2i_audit.run.tables import (
    merge_shards,
    read_rows,
    read_table,
    table_from_rows,
    write_table,
)

NUMERIC = ("int32", "float64")
# Numbers that count nothing and have no unit.
UNITLESS = {"seed"}


def judgement(prompt_id: str = "p", seed: int = 0, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "prompt_id": prompt_id,
        "seed": seed,
        "image": f"images/{prompt_id}_{seed}.png",
        "image_sha256": "0" * 64,
        "judge": "oracle",
        "correct": True,
        "readable": True,
        "margin": 0.5,
        "chosen": "a red star",
        "slots": {"object_1.shape": True, "object_1.colour": False},
        "probability": 0.75,
        "slot_probabilities": {"object_1.shape": 0.75},
        "scores": {},
        "flaw": None,
    }
    return row | changes


def test_every_table_is_documented() -> None:
    assert set(COLUMNS) == set(get_args(TableName))


@pytest.mark.parametrize("name", COLUMNS)
def test_every_column_says_what_it_means(name: TableName) -> None:
    silent = [column.name for column in COLUMNS[name] if not column.meaning.endswith(".")]

    assert silent == []


@pytest.mark.parametrize("name", COLUMNS)
def test_every_number_has_a_unit_and_nothing_else_has(name: TableName) -> None:
    wrong = [
        column.name
        for column in COLUMNS[name]
        if bool(column.unit) != (column.type in NUMERIC and column.name not in UNITLESS)
    ]

    assert wrong == []


@pytest.mark.parametrize("name", COLUMNS)
def test_no_table_has_a_column_twice(name: TableName) -> None:
    assert len(set(column_names(name))) == len(COLUMNS[name])


@pytest.mark.parametrize("name", COLUMNS)
def test_an_empty_table_is_as_documented(name: TableName) -> None:
    check_table(name, table_from_rows(name, ()))


def test_rows_survive_writing(tmp_path: Path) -> None:
    rows = [judgement(), judgement(seed=1, correct=None, flaw="constant")]

    write_table(tmp_path / "a.parquet", "judgements", table_from_rows("judgements", rows))

    assert read_rows(tmp_path / "a.parquet", "judgements") == rows


def test_an_undocumented_column_is_refused() -> None:
    with pytest.raises(ValueError, match="differs from its columns in mood"):
        table_from_rows("judgements", [judgement(mood="good")])


def test_a_missing_column_is_refused() -> None:
    row = judgement()
    del row["margin"]

    with pytest.raises(ValueError, match="margin"):
        table_from_rows("judgements", [row])


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match=r"judgements\.margin"):
        table_from_rows("judgements", [judgement(margin="wide")])


def test_null_is_refused_where_it_has_no_meaning() -> None:
    with pytest.raises(ValueError, match=r"judgements\.seed should hold no null"):
        table_from_rows("judgements", [judgement() | {"seed": None}])


def test_columns_in_another_order_are_refused() -> None:
    table = table_from_rows("judgements", [judgement()])

    with pytest.raises(ValueError, match="another order"):
        check_table("judgements", table.select(table.column_names[::-1]))


def test_a_column_of_another_type_is_refused() -> None:
    table = table_from_rows("judgements", [judgement()])
    wide = table.set_column(1, "seed", table.column("seed").cast(pa.int64()))

    with pytest.raises(ValueError, match="should be int32; got int64"):
        check_table("judgements", wide)


def test_a_refused_table_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="judgements"):
        write_table(tmp_path / "a.parquet", "judgements", pa.table({"a": [1]}))

    assert list(tmp_path.iterdir()) == []


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")

    with pytest.raises(RunDirectoryError, match=r"a\.parquet cannot be used"):
        read_table(tmp_path / "a.parquet", "judgements")


@settings(deadline=None)  # the first example imports pyarrow
@given(cuts=st.sets(st.integers(1, 9)), order=st.randoms(use_true_random=False))
def test_the_merged_bytes_depend_on_the_rows_alone(
    tmp_path_factory: pytest.TempPathFactory, cuts: set[int], order: Any
) -> None:
    folder = tmp_path_factory.mktemp("merge")
    rows = [judgement(f"p{index}", index % 2, margin=index / 7) for index in range(10)]
    edges = [0, *sorted(cuts), 10]
    shards = Shards(folder / "judgements", len(edges) - 1)
    batches = list(range(shards.count))
    order.shuffle(batches)

    for batch in batches:
        part = rows[edges[batch] : edges[batch + 1]]
        write_table(shards.path(batch), "judgements", table_from_rows("judgements", part))
    merge_shards(shards, "judgements", folder / "merged.parquet")
    write_table(folder / "whole.parquet", "judgements", table_from_rows("judgements", rows))

    assert (folder / "merged.parquet").read_bytes() == (folder / "whole.parquet").read_bytes()


def test_the_missing_batches_are_those_without_a_file(tmp_path: Path) -> None:
    shards = Shards(tmp_path, 3, ".npy")
    shards.path(1).touch()

    assert shards.missing() == (0, 2)


def test_merging_refuses_a_gap(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"batch_00000\.parquet is missing \(2 of 2"):
        merge_shards(Shards(tmp_path, 2), "judgements", tmp_path / "merged.parquet")


@pytest.mark.parametrize("slots", ["{", "[" * 100_000])
def test_a_cell_that_should_be_json_and_is_none_is_refused(slots: str, tmp_path: Path) -> None:
    table = table_from_rows("judgements", [judgement()])
    place = table.column_names.index("slots")
    broken = table.set_column(place, table.field(place), pa.array([slots]))
    write_table(tmp_path / "a.parquet", "judgements", broken)

    with pytest.raises(RunDirectoryError, match=r"a\.parquet cannot be used"):
        read_rows(tmp_path / "a.parquet", "judgements")


def test_removing_shards_keeps_what_else_lies_there(tmp_path: Path) -> None:
    shards = Shards(tmp_path / "parts", 2)
    shards.folder.mkdir()
    shards.path(0).touch()
    (shards.folder / "note.txt").touch()

    shards.remove()

    assert [path.name for path in shards.folder.iterdir()] == ["note.txt"]


def test_removing_shards_removes_an_empty_folder(tmp_path: Path) -> None:
    shards = Shards(tmp_path / "parts", 1)
    shards.folder.mkdir()
    shards.path(0).touch()

    shards.remove()

    assert not shards.folder.exists()
