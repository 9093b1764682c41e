"""The images of a run laid out as other programs lay out theirs."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import datasets

from t2i_audit.results.run import Run


@dataclass(frozen=True)
class Made:
    """One image of a run."""

    row: int
    prompt_id: str
    text: str
    type: str
    seed: int
    path: Path


def images_of(run: Run) -> Iterator[Made]:
    prompts = run.table("prompts")
    for row, prompt in enumerate(prompts.itertuples()):
        for seed, path in run.image_paths(prompt.prompt_id).items():
            yield Made(row, prompt.prompt_id, prompt.text, prompt.type, seed, path)


def as_geneval(run: Run, root: Path) -> Path:
    for made in images_of(run):
        samples = root / f"{made.row:05d}" / "samples"
        samples.mkdir(parents=True, exist_ok=True)
        metadata = {"tag": made.type, "include": [], "prompt": made.text}
        (samples.parent / "metadata.jsonl").write_text(json.dumps(metadata))
        shutil.copy(made.path, samples / f"{made.seed:05d}.png")
    return root


def as_compbench(run: Run, root: Path) -> Path:
    (root / "samples").mkdir(parents=True)
    for number, made in enumerate(images_of(run)):
        shutil.copy(made.path, root / "samples" / f"{made.text}_{number:06d}.png")
    return root


def as_csv(run: Run, root: Path) -> Path:
    """A table of ids and of seeds as a user has them, the last prompt first."""
    seeds = (7, 4_000_000_000)
    (root / "files").mkdir(parents=True)
    with (root / "images.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "prompt_id", "seed"])
        for made in reversed(list(images_of(run))):
            own = f"files/{made.path.name}"
            shutil.copy(made.path, root / own)
            writer.writerow([own, made.prompt_id, seeds[made.seed]])
    return root


def as_image_folder(run: Run, root: Path) -> Path:
    """As `datasets` has it: metadata.jsonl with file names and texts, and no seeds."""
    root.mkdir()
    lines = []
    for made in images_of(run):
        shutil.copy(made.path, root / made.path.name)
        lines.append(json.dumps({"file_name": made.path.name, "text": made.text}) + "\n")
    (root / "metadata.jsonl").write_text("".join(lines))
    return root


def as_webdataset(run: Run, root: Path) -> Path:
    root.mkdir()
    for part in (0, 1):
        with tarfile.open(root / f"part-{part}.tar", "w") as archive:
            for made in images_of(run):
                if made.row % 2 == part:
                    key = f"{made.row:04d}_{made.seed}"
                    row = {"prompt": made.text, "seed": made.seed}
                    add(archive, f"{key}.png", made.path.read_bytes())
                    add(archive, f"{key}.json", json.dumps(row).encode())
    return root


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def as_parquet(run: Run, root: Path) -> Path:
    (root / "data").mkdir(parents=True)
    embedded(run).to_parquet(str(root / "data" / "train-00000-of-00001.parquet"))
    return root


def embedded(run: Run) -> datasets.Dataset:
    """The images of a run as bytes, as `push_to_hub` stores them."""
    from datasets.table import embed_table_storage

    rows = run.dataset().with_format("arrow")
    return rows.map(embed_table_storage, batched=True).with_format(None)


def as_saved_dataset(run: Run, root: Path) -> Path:
    embedded(run).save_to_disk(str(root))
    return root


LAYOUTS: dict[str, tuple[str, Callable[[Run, Path], Path]]] = {
    "geneval": ("geneval", as_geneval),
    "compbench": ("compbench", as_compbench),
    "csv": ("table", as_csv),
    "imagefolder": ("table", as_image_folder),
    "webdataset": ("webdataset", as_webdataset),
    "parquet": ("dataset", as_parquet),
    "saved": ("dataset", as_saved_dataset),
}
