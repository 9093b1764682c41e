"""The images of a run, each as it was judged."""

from __future__ import annotations

import hashlib

from t2i_audit.errors import RunDirectoryError
from t2i_audit.results.run import Run
from t2i_audit.results.summary import AGAIN
from t2i_audit.run.images import read_image


def image_bytes(run: Run, name: str, sha256: str) -> bytes:
    """The content of the image `name` of `run`.

    Raises:
        RunDirectoryError: it is missing, cannot be read, or is not the image that was judged.
    """
    path = run.path / name
    try:
        content = read_image(path)
    except FileNotFoundError as err:
        raise RunDirectoryError(f"{path} is missing; {AGAIN}") from err
    except OSError as err:
        raise RunDirectoryError(f"{path} cannot be read: {err.strerror or err}; {AGAIN}") from err
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RunDirectoryError(f"{path} was changed since it was judged; {AGAIN}")
    return content
