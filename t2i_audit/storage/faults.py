"""What goes wrong with a store, in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from t2i_audit.errors import RunDirectoryError
from t2i_audit.storage.urls import masked

# Distributions by protocol, and the group of this package that brings each.
PACKAGES = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "gs": ("gcsfs", "gcs"),
    "gcs": ("gcsfs", "gcs"),
}
RIGHTS = (
    "PermissionError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "DefaultCredentialsError",
)
"""Errors of the stores' clients that mean missing or wrong credentials."""
FINAL = (FileNotFoundError, FileExistsError, NotImplementedError, ImportError, ValueError)
"""Errors that trying again does not put right."""


class StoreError(RunDirectoryError):
    """A store cannot be reached, read or written."""


def is_final(error: BaseException) -> bool:
    """Whether the same request would fail again."""
    return isinstance(error, FINAL) or type(error).__name__ in RIGHTS


@contextmanager
def naming(url: str, doing: str) -> Iterator[None]:
    """Turn what a store's client raises into a sentence.

    Args:
        url: what was read or written.
        doing: e.g. ``read`` or ``written``.

    Raises:
        StoreError: in place of any error but that an object is missing or there already.
    """
    try:
        yield
    except (FileNotFoundError, FileExistsError, StoreError):
        raise
    except Exception as err:  # each client has errors of its own
        raise StoreError(f"{masked(url)} cannot be {doing}: {reason(err)}") from err


def reason(error: BaseException) -> str:
    """Why a request failed, and what to do."""
    name = type(error).__name__
    said = masked(" ".join(str(error).split())).rstrip(".") or name
    if name in RIGHTS:
        return (
            f"the credentials are missing or do not allow it ({said}); set those of the store in "
            "the environment, and give the same command again"
        )
    if isinstance(error, NotImplementedError):
        return "this kind of store can only be read; give another --out"
    return f"{said}; give the same command again once the store answers, which goes on from here"


def no_file_system(url: str, error: BaseException) -> StoreError:
    """The refusal of a URL for which there is no file system here."""
    protocol = url.partition(":")[0]
    if isinstance(error, ImportError):
        package, group = PACKAGES.get(protocol, ("", ""))
        mend = f'install "t2i-audit[{group}]" or {package}' if package else str(error)
        return StoreError(
            f"{masked(url)} needs a package that is not installed; {mend.rstrip('.')}"
        )
    return StoreError(
        f"{masked(url)} cannot be used ({masked(str(error)).rstrip('.')}); give a path, or a URL "
        "such as s3://BUCKET/runs/a, gs://BUCKET/runs/a or hf://datasets/OWNER/NAME/runs/a"
    )
