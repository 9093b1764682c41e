"""Which layout a folder of images has, and the reader of each."""

from __future__ import annotations

from pathlib import Path

from t2i_audit.images.compbench import is_compbench, list_compbench
from t2i_audit.images.dataset import is_dataset, list_dataset
from t2i_audit.images.geneval import is_geneval, list_geneval
from t2i_audit.images.listing import ImagesError, Listing
from t2i_audit.images.table import list_table, table_in
from t2i_audit.images.webdataset import list_webdataset, tars_in
from t2i_audit.settings import Layout

# What each looks like, for the message where none is recognised.
SIGNS = (
    "00000/metadata.jsonl with 00000/samples/00000.png (geneval), samples/PROMPT_000000.png "
    "(compbench), a CSV or JSON Lines file with a column of file names (table), KEY.png with "
    "KEY.json in .tar files (webdataset), or Parquet or a saved dataset (dataset)"
)


def list_images(root: Path, layout: Layout | None = None, *, split: str | None = None) -> Listing:
    """The images in `root`, in the layout that is given or recognised.

    Args:
        root: a folder, or a table, tar or Parquet file.
        layout: how the images lie there; None finds out.
        split: of a dataset that has several.

    Raises:
        ImagesError: there is nothing of this layout, or what lies there cannot be read.
    """
    try:
        if not root.exists():
            raise ImagesError(f"{root} does not exist; name a run, or a folder of images")
        found = layout or _recognised(root)
        listing = _list(root, found, split)
    except OSError as err:
        raise ImagesError(f"{root} cannot be read: {err.strerror or err}") from err
    if split is not None and found != "dataset":
        raise ImagesError(f"--dataset-split is for a dataset, and {root} has the layout {found}")
    if not listing.entries and not listing.left_out:
        raise ImagesError(f"{root} holds no image in the layout {found}")
    return listing


def _recognised(root: Path) -> Layout:
    if root.is_dir() and is_geneval(root):
        return "geneval"
    if tars_in(root):
        return "webdataset"
    if is_dataset(root):
        return "dataset"
    if root.is_dir() and is_compbench(root):
        return "compbench"
    if table_in(root) is not None:
        return "table"
    raise ImagesError(f"{root} has no layout that is known: there should be {SIGNS}")


def _list(root: Path, layout: Layout, split: str | None) -> Listing:
    if layout in ("geneval", "compbench") and not root.is_dir():
        raise ImagesError(f"the layout {layout} is a folder, and {root} is a file")
    if layout == "geneval":
        return list_geneval(root)
    if layout == "compbench":
        return list_compbench(root)
    if layout == "webdataset":
        return list_webdataset(root)
    if layout == "dataset":
        if not is_dataset(root):
            raise ImagesError(f"{root} holds no Parquet file and no saved dataset")
        return list_dataset(root, split)
    table = table_in(root)
    if table is None:
        raise ImagesError(f"{root} holds no table (.csv, .tsv, .jsonl or .json)")
    return list_table(table)
