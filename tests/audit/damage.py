"""Ways in which a run directory is damaged."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from t2i_audit.io import dump_json, sha256_of, write_parquet


def delete(name: str) -> Callable[[Path], None]:
    return lambda run: (run / name).unlink()


def cut_short(name: str) -> Callable[[Path], None]:
    return lambda run: os.truncate(run / name, (run / name).stat().st_size // 2)


def exchange(one: str, other: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        (run / one).rename(run / "between")
        (run / other).rename(run / one)
        (run / "between").rename(run / other)

    return change


def delete_the_folder(name: str) -> Callable[[Path], None]:
    return lambda run: shutil.rmtree(run / name)


def flip_verdicts(run: Path) -> None:
    """Every wrong image right and the other way round, in a table that is sound as such."""
    path = run / "judgements.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("correct")
    flipped = [not right for right in table.column("correct").to_pylist()]
    write_parquet(path, table.set_column(place, table.field(place), pa.array(flipped)))


def exchange_with_records(run: Path) -> None:
    """Two images exchanged, and the record of their batch made to fit."""
    exchange("images/000000_000.png", "images/000001_000.png")(run)
    path = run / "images" / "batch_00000.json"
    record = json.loads(path.read_text())
    for image in record["images"]:
        image["sha256"] = sha256_of(run / image["image"])
    path.write_text(dump_json(record))


def edit_a_flaw(run: Path) -> None:
    path = run / "images" / "batch_00001.json"
    record = json.loads(path.read_text())
    record["images"][0]["flaw"] = "not finite"
    path.write_text(dump_json(record))


def contents(out: Path) -> dict[str, bytes]:
    """All that a run has made, but for the manifest's date, locks, what it took and the page."""
    files = [
        path
        for path in out.rglob("*")
        if path.is_file() and not path.name.startswith(".") and "cost" not in path.parts[-2:]
    ]
    made = {str(file.relative_to(out)): file.read_bytes() for file in sorted(files)}
    made.pop("cost.json", None)
    made.pop("report.html", None)
    manifest = json.loads(made.pop("manifest.json"))
    return made | {"checksums": dump_json([manifest["files"], manifest["flaws"]]).encode()}


def unfinish(out: Path) -> None:
    """Set a finished run back to where its images are made and nothing more."""
    manifest = json.loads((out / "manifest.json").read_text())
    for name, stage in manifest["stages"].items():
        if name not in ("encode", "probe text_encoder", "images"):
            stage["state"] = "pending"
    manifest["files"] = {}
    (out / "manifest.json").write_text(json.dumps(manifest))
    for file in [*out.glob("*.parquet"), out / "summary.json"]:
        file.unlink()


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "image deleted": (delete("images/000001_000.png"), "000001_000.png"),
    "image cut short": (cut_short("images/000001_000.png"), "000001_000.png"),
    "images exchanged": (
        exchange("images/000000_000.png", "images/000003_001.png"),
        "000000_000.png",
    ),
    "images and record": (exchange_with_records, "batch_00000.json"),
    "record deleted": (delete("images/batch_00001.json"), "batch_00001.json"),
    "record edited": (edit_a_flaw, "batch_00001.json"),
    "records exchanged": (
        exchange("images/batch_00000.json", "images/batch_00001.json"),
        "batch_00000.json",
    ),
    "all images": (
        delete_the_folder("images"),
        "batch_00000.json is missing or damaged (and 3 more)",
    ),
    "verdicts flipped": (flip_verdicts, "judgements.parquet"),
    "denoiser's features": (
        cut_short("activations/denoiser/batch_00000.npz"),
        "activations/denoiser/batch_00000.npz",
    ),
    "encoder's features": (
        delete("activations/text_encoder/0000.npy"),
        "activations/text_encoder/0000.npy",
    ),
    "untrained denoiser's features": (
        delete("activations/random_denoiser_1/0000.npy"),
        "activations/random_denoiser_1/0000.npy",
    ),
    "figure": (delete("figures/where_lost.svg"), "where_lost.svg"),
}
