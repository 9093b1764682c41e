"""Images made elsewhere become those of a run: their files are copied byte for byte."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from prompts.structure import Prompt
from prompts.suite import Suite, load_suite
from t2i_audit.errors import RunDirectoryError
from t2i_audit.generation import Batch, BatchItem
from t2i_audit.images.check import Checked
from t2i_audit.images.found import Found
from t2i_audit.images.listing import Listing, files_below
from t2i_audit.images.sources import SOURCES, SUITE, read_sources
from t2i_audit.io import sha256_of_all, write_bytes
from t2i_audit.results.run import load_run
from t2i_audit.run.command import SETTINGS
from t2i_audit.run.directory import RunDirectory, open_run_files
from t2i_audit.run.results import unlike_sealed
from t2i_audit.run.space import GB
from t2i_audit.stages.damage import damage_of, drop_damaged
from t2i_audit.stages.files import IMAGES, ImageFile, Record, image_shards, write_record


def batches_of(
    prompts: Sequence[Prompt], images: Sequence[Checked], batch_size: int
) -> tuple[Batch, ...]:
    """`images` in batches of `batch_size`, in their order; the last may be smaller."""
    by_id = {prompt.id: prompt for prompt in prompts}
    items = [BatchItem(by_id[each.placed.prompt_id], each.placed.seed) for each in images]
    cuts = range(0, len(items), batch_size)
    return tuple(
        Batch(number, tuple(items[start : start + batch_size])) for number, start in enumerate(cuts)
    )


def require_room(out: Path, images: Sequence[Checked]) -> None:
    """Refuse a new run in `out` for whose images the disk has no room.

    Raises:
        RunDirectoryError: they take more than what is free.
    """
    folder = next(each for each in (out, *out.absolute().parents) if each.exists())
    needed, free = sum(image.size for image in images), shutil.disk_usage(folder).free
    if needed > free:
        raise RunDirectoryError(
            f"the images take {needed / GB:.3g} GB, and {folder} has {free / GB:.3g} GB free; free "
            "some space, or give another --out"
        )


def copy_images(
    run: RunDirectory,
    listing: Listing,
    images: Sequence[Checked],
    prompts: Sequence[Prompt],
    batches: Sequence[Batch],
) -> None:
    """Copy those images that `run` lacks, and write the records of its batches.

    Raises:
        RunDirectoryError: an image is no longer as it was when the run was planned.
    """
    (run.path / IMAGES).mkdir(exist_ok=True)
    shards = image_shards(run.path, len(batches))
    drop_damaged(run.path, batches, shards, run.reporter)
    row_of = {prompt.id: row for row, prompt in enumerate(prompts)}
    files = [_file_of(image, row_of) for image in images]
    there = sha256_of_all([run.path / file.image for file in files])
    left = {
        image.placed.entry: (image, file)
        for image, file, digest in zip(images, files, there, strict=True)
        if digest != image.sha256
    }
    with run.stage("images", len(images), done=len(images) - len(left)) as advance:
        for index, content in listing.contents(left.keys()):
            image, file = left[index]
            if not isinstance(content, bytes) or _sha256(content) != image.sha256:
                raise RunDirectoryError(
                    f"{image.placed.file} was changed while its folder was read; give the same "
                    "command again"
                )
            write_bytes(run.path / file.image, content)
            advance(1)
        start = 0
        for batch in batches:
            own = tuple(files[start : start + len(batch.items)])
            start += len(own)
            # The record comes last: with it the batch is complete.
            if not shards.path(batch.index).exists():
                write_record(shards.path(batch.index), Record(own, None))


def images_of_run(path: Path) -> Found:
    """The images of the finished run in `path`, and their prompts, to be judged again.

    Raises:
        RunDirectoryError: it is not finished, or a file of it is missing or damaged.
    """
    run = load_run(path)
    open_run_files(path)
    damaged = unlike_sealed(path, run.manifest, [SETTINGS, SUITE, SOURCES])
    damage = f"{path / damaged[0]} is missing or damaged" if damaged else ""
    records = (path / name for name in run.manifest.files if name.startswith(f"{IMAGES}/"))
    damage = damage or next(filter(None, (damage_of(path, record) for record in records)), "")
    if damage:
        raise RunDirectoryError(
            f"{damage}; give the command that made the run again, which mends it, and then judge it"
        )
    sources = read_sources(path)
    suite = Suite(run.summary.suite, load_suite(str(path / SUITE)).prompts)
    row_of = {prompt.id: row for row, prompt in enumerate(suite.prompts)}
    names = {image.placed.entry: _file_of(image, row_of).image for image in sources.images}
    files = [names.get(entry, "") for entry in range(max(names) + 1)]
    return Found(suite, Listing(sources.layout, (), (), files_below(path, files)), sources)


def _file_of(image: Checked, row_of: Mapping[str, int]) -> ImageFile:
    own = image.placed
    name = f"{row_of[own.prompt_id]:06d}_{own.seed:03d}.{image.suffix}"
    path = (IMAGES / name).as_posix()
    return ImageFile(own.prompt_id, own.seed, path, image.flaw, image.sha256)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
