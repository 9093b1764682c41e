"""Whether a disk has room for the images of a run."""

from __future__ import annotations

import shutil
from pathlib import Path

from t2i_audit import storage
from t2i_audit.errors import RunDirectoryError

# PNG files of photographs, and of the built-in checkpoints, take about 1 byte per pixel. A tenth of
# that refuses no run for which there is room.
USUAL_PER_PIXEL = 1.0  # bytes
LEAST_PER_PIXEL = 0.1
GB = 1e9


FEWER = "--seeds, or give another --out"


def require_space(out: Path, images: int, height: int, width: int, *, fewer: str = FEWER) -> str:
    """Refuse to make images in `out` for which the disk certainly has no room.

    Args:
        out: the run directory; it need not exist.
        images: the number of images.
        height: of each, in pixels.
        width: of each, in pixels.
        fewer: the option with which fewer are made, for the message.

    Returns:
        A sentence where the room may not do, as images of this size usually take more; else empty.

    Raises:
        RunDirectoryError: the least that the images can take is more than what is free.
    """
    copy = storage.store_of(out)
    if copy is not None:
        # The working copy of a run in a store has its images as well.
        out = copy.folder.parent
        fewer = f"{fewer.partition(',')[0]}, or set TMPDIR to a folder of a larger disk"
    folder = next(each for each in (out, *out.absolute().parents) if each.exists())
    pixels, free = images * height * width, shutil.disk_usage(folder).free
    what, room = f"{images:,} images of {height} x {width} pixels", f"{free / GB:.3g} GB free"
    if pixels * LEAST_PER_PIXEL > free:
        raise RunDirectoryError(
            f"{what} need at least {pixels * LEAST_PER_PIXEL / GB:.3g} GB, "
            f"and {folder} has {room}; free some space, or give fewer {fewer}"
        )
    if pixels * USUAL_PER_PIXEL > free:
        return (
            f"{what} take about {pixels * USUAL_PER_PIXEL / GB:.3g} GB at 1 byte per pixel, as PNG "
            f"files of photographs do, and {folder} has {room}: the disk may become full, so free "
            f"some space, or give fewer {fewer}"
        )
    return ""
