"""URLs in place of paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from t2i_audit import AuditError, storage
from t2i_audit.storage.urls import has_secret, masked, normal_url


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("s3://bucket/runs/a", True),
        (Path("s3://bucket/runs/a"), True),
        ("memory://a", True),
        ("runs/a", False),
        ("/runs/s3:/a", False),
        ("C:/runs/a", False),
        (Path("C:/runs/a"), False),
        ("a:b", False),
    ],
)
def test_urls_are_told_from_paths_also_after_pathlib_took_a_slash(
    place: str | Path, expected: bool
) -> None:
    assert storage.is_url(place) is expected


def test_one_place_has_one_name() -> None:
    names = ("s3://bucket/a", "s3://bucket/a/", "S3://bucket/a", Path("s3://bucket/a"))
    assert {normal_url(name) for name in names} == {"s3://bucket/a"}


def test_a_file_url_is_the_path_itself(tmp_path: Path) -> None:
    assert storage.local_folder(f"file://{tmp_path}") == tmp_path
    assert storage.local_folder(Path(f"file://{tmp_path}")) == tmp_path
    assert storage.store_of(tmp_path) is None


@pytest.mark.parametrize(
    "url", ["s3://KEY:se/cr+et@bucket/a", "sftp://me:secret@host/a", "s3:/KEY:secret@bucket/a"]
)
def test_credentials_in_a_url_are_refused_and_not_shown(url: str) -> None:
    assert has_secret(url)
    with pytest.raises(AuditError, match="holds credentials") as refusal:
        storage.local_folder(url)
    assert "***@" in str(refusal.value)
    assert "cret" not in str(refusal.value)
    assert "KEY" not in str(refusal.value)


@pytest.mark.parametrize("url", ["hdfs://host:8020/a@b", "sftp://me@host/a", "s3://bucket/a@b:c"])
def test_what_is_no_secret_is_shown(url: str) -> None:
    assert not has_secret(url)
    assert masked(url) == url
