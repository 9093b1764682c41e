"""Runs in object stores and other file systems that fsspec knows: ``s3://``, ``gs://``, ``hf://``.

The files of a run lie in the store. They are worked on in a folder of this machine, its working
copy, which is empty at first and is deleted when the process ends: nothing in it is trusted to be
newer than the store. Whatever is written to the working copy is in the store when the writing
returns, one object for each file and in the same order, so a record that is written last is in the
store last. Putting an object is atomic, so that no file needs to be renamed there.
"""

from t2i_audit.storage.places import (
    fetch,
    keep,
    local_file,
    local_folder,
    open_tree,
    opened,
    read_range,
    refuse_url,
    remove,
    size_of,
    store_of,
)
from t2i_audit.storage.urls import is_url, masked

__all__ = [
    "fetch",
    "is_url",
    "keep",
    "local_file",
    "local_folder",
    "masked",
    "open_tree",
    "opened",
    "read_range",
    "refuse_url",
    "remove",
    "size_of",
    "store_of",
]
