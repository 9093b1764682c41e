"""The table of verdicts: types, values, and cells from outside."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

import t2i_audit as t2i
from t2i_audit.cli.main import main
from t2i_audit.export.table import COLUMNS
from tests.export.test_datasets import rename


@pytest.fixture(scope="module")
def table(audit: t2i.Run, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    out = tmp_path_factory.mktemp("exported") / "verdicts.csv"
    assert t2i.export(audit, to="csv", out=out).images == 24
    return pd.read_csv(out, dtype={"prompt_id": "string"})


def test_the_verdicts_are_those_of_the_run(table: pd.DataFrame, audit: t2i.Run) -> None:
    judgements = audit.table("judgements")
    own = judgements[judgements.judge == "oracle"]

    for column in ("prompt_id", "seed", "image", "correct", "margin", "chosen"):
        assert table[column].tolist() == own[column].tolist(), column
    for slot in own.slots[0]:
        assert table[f"slot.{slot}"].tolist() == [slots[slot] for slots in own.slots]
    second = judgements[judgements.judge == "clip"]
    assert table["judge.clip"].tolist() == second.correct.tolist()


def test_causes_and_decodability_are_those_of_the_prompt(
    table: pd.DataFrame, audit: t2i.Run
) -> None:
    causes = audit.table("attributions").set_index("prompt_id").loc[table.prompt_id]

    assert table.culprit.fillna("").tolist() == causes.cause.fillna("").tolist()
    for column, source in (
        ("text_encoder_decodability", "text_decodability"),
        ("denoiser_decodability", "denoiser_decodability"),
    ):
        expected = pd.Series(causes[source].to_numpy())
        pd.testing.assert_series_equal(table[column], expected, check_names=False)


def test_pandas_finds_the_documented_types(table: pd.DataFrame) -> None:
    kinds = {"string": "O", "bool": "b", "int32": "i", "float64": "f"}

    names = [column.name for column in COLUMNS if "*" not in column.name]
    families = [name for name in table.columns if name not in names]
    assert all(name.startswith(("slot.", "judge.")) for name in families)
    for column in COLUMNS:
        if column.name in names and table[column.name].notna().any():
            assert table[column.name].dtype.kind == kinds[column.type], column.name
    assert all(table[name].dtype.kind == "b" for name in families)


def test_a_name_that_a_spreadsheet_would_compute_is_text(copied: Path, tmp_path: Path) -> None:
    rename(copied, "=1+1\n日本")

    t2i.export(copied, to="csv", out=tmp_path / "verdicts.csv")

    found = pd.read_csv(tmp_path / "verdicts.csv")
    assert set(found.model) == {"'=1+1\\n日本"}


def test_a_dash_writes_the_table_to_standard_output(
    audit: t2i.Run, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(audit.path), "--to", "csv", "-o", "-"]) == 0

    printed = pd.read_csv(io.StringIO(capsys.readouterr().out), dtype={"prompt_id": "string"})
    pd.testing.assert_frame_equal(printed, table)
