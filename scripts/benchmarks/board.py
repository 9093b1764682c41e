"""A leaderboard of many large runs, against loading each run and its verdicts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from scripts.benchmarks.line import Line, over, timed
from t2i_audit.io import sha256_of, write_json
from t2i_audit.leaderboard import rank_runs
from t2i_audit.results.run import load_run
from t2i_audit.run.columns import TableName
from t2i_audit.run.tables import read_table, table_path, write_table

RUNS, PROMPTS, SEEDS = 100, 1000, 4
# Of different verdicts; the other runs share theirs by hard links, as a disk has its limits.
DIFFERENT = 20
# What a run of so many images records beside its tables.
BATCHES = PROMPTS * SEEDS // 32
TABLES: tuple[TableName, ...] = ("prompts", "decodability", "judgements", "attributions")


def board(rounds: int, limit: int) -> list[Line]:
    """A board of runs of 4,000 images each; `limit` does not matter here."""
    del limit
    with tempfile.TemporaryDirectory() as folder:
        runs = make_runs(Path(folder), RUNS)

        def plain() -> None:
            for run in runs:
                loaded = load_run(run)
                loaded.table("judgements").groupby("prompt_id").correct.mean()

        ours: list[float] = []
        others: list[float] = []
        for _ in range(rounds):
            ours.append(timed(lambda: rank_runs(runs)))
            others.append(timed(plain))
        per_run = 1000 * sorted(ours)[len(ours) // 2] / RUNS
        what = f"rank {RUNS} runs of {PROMPTS * SEEDS} images: ours over loading their verdicts"
        remark = f"a leaderboard of {RUNS} runs takes {per_run:.0f} ms a run"
        return [Line(what, tuple(ours), over(ours, others), "<= 1", remark)]


def make_runs(folder: Path, count: int) -> list[Path]:
    """`count` runs of `PROMPTS` prompts and `SEEDS` seeds, of different models and verdicts."""
    small = folder / "small"
    options = ["--suite", "world-relations", "--limit", "50", "--seeds", str(SEEDS), "--steps", "2"]
    subprocess.run(
        [sys.executable, "-m", "t2i_audit", "audit", "builtin:sound", *options, "-o", str(small)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    large = folder / "large"
    large.mkdir()
    for name in TABLES:
        _enlarge(small, large, name)
    os.link(table_path(small, "probes"), table_path(large, "probes"))
    os.link(small / "summary.json", large / "summary.json")
    manifest = json.loads((small / "manifest.json").read_text())
    manifest["settings"] |= {"prompts": PROMPTS, "suite_sha256": "0" * 64}
    parts = [
        f"{kind}/batch_{i:05}.json" for kind in ("images", "judgements") for i in range(BATCHES)
    ]
    manifest["files"] |= dict.fromkeys(parts, "0" * 64)
    names = [table_path(large, name).name for name in (*TABLES, "probes")]
    manifest["files"] |= {name: sha256_of(large / name) for name in names}
    rng = np.random.default_rng(0)
    rates = rng.uniform(0.2, 0.8, DIFFERENT)
    runs: list[Path] = []
    for number in range(count):
        run = folder / f"run_{number:04}"
        run.mkdir()
        for file in ("summary.json", *names):
            if file != "judgements.parquet":
                os.link(large / file, run / file)
        verdicts = run / "judgements.parquet"
        if number < DIFFERENT:
            _draw_verdicts(large, verdicts, rates[number], rng)
        else:
            os.link(runs[number % DIFFERENT] / verdicts.name, verdicts)
        manifest["settings"]["weights_sha256"] = f"{number:064}"
        manifest["files"][verdicts.name] = sha256_of(verdicts)
        write_json(run / "manifest.json", manifest)
        runs.append(run)
    return runs


def _enlarge(small: Path, large: Path, name: TableName) -> None:
    """Write a table with the small run's prompts again and again, under other ids."""
    import pyarrow as pa

    table = read_table(table_path(small, name), name)
    copies = PROMPTS // len(set(read_table(table_path(small, "prompts"), "prompts")["prompt_id"]))
    parts = []
    for copy in range(copies):
        part = table
        for column in {"prompt_id", "composition"} & {*table.column_names}:
            values = [f"{value}-{copy}" for value in table[column].to_pylist()]
            part = part.set_column(
                part.column_names.index(column), column, pa.array(values, pa.string())
            )
        parts.append(part)
    write_table(table_path(large, name), name, pa.concat_tables(parts))


def _draw_verdicts(large: Path, path: Path, rate: float, rng: np.random.Generator) -> None:
    table = read_table(table_path(large, "judgements"), "judgements")
    correct = rng.random(len(table)) < rate
    place = table.column_names.index("correct")
    write_table(path, "judgements", table.set_column(place, "correct", [correct.tolist()]))
