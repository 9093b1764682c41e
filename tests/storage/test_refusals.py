"""Stores that cannot be used: one sentence, and nothing half done."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

import pytest

from t2i_audit.cli.main import main
from tests.audit.small import OPTIONS
from tests.storage.server import BUCKET, S3
from tests.storage.test_audit import objects

AUDIT = ["audit", "builtin:sound", "--suite", "world-smoke", "--limit", "2", *OPTIONS]


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (sentence,) = said.err.splitlines()
    assert sentence.startswith("t2i-audit: ")
    return sentence


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_bucket_that_does_not_exist(s3: S3, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal([*AUDIT, "--out", "s3://nowhere/runs/a"], capsys)
    assert "s3://nowhere/runs/a cannot be used" in said
    assert "make the bucket" in said


def test_a_bucket_that_may_be_read_and_not_written_is_refused_before_the_model_is_loaded(
    s3: S3, capsys: pytest.CaptureFixture[str]
) -> None:
    with s3.failing("PUT", "", first=1, status=403):
        said = refusal([*AUDIT, "--out", f"s3://{BUCKET}/runs/forbidden"], capsys)
    assert f"s3://{BUCKET}/runs/forbidden/.t2i-audit-probe cannot be written" in said
    assert "credentials" in said
    assert objects(f"s3://{BUCKET}/runs/forbidden") == {}
    # Rights do not come by trying again.
    assert len([method for method, _ in s3.requests if method == "PUT"]) == 1


def test_a_bucket_that_may_not_be_read(s3: S3, capsys: pytest.CaptureFixture[str]) -> None:
    with s3.failing("GET", "", first=1, status=403):
        said = refusal(["report", f"s3://{BUCKET}/runs/small"], capsys)
    assert f"s3://{BUCKET}/runs/small cannot be read: the credentials" in said


def test_credentials_that_are_missing(
    s3: S3, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        said = refusal(["report", f"s3://{BUCKET}/runs/unknown"], capsys)
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
    assert "the credentials are missing or do not allow it" in said


def test_a_store_that_nobody_answers_for(
    s3: S3, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import s3fs

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        said = refusal(["report", f"s3://{BUCKET}/runs/silent"], capsys)
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
    assert f"s3://{BUCKET}/runs/silent cannot be read" in said
    assert "give the same command again" in said


def test_a_protocol_that_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal([*AUDIT, "--out", "s4://bucket/runs/a"], capsys)
    assert "s4://bucket/runs/a cannot be used" in said
    assert "s3://BUCKET" in said


@pytest.mark.skipif(importlib.util.find_spec("gcsfs") is not None, reason="gcsfs is installed")
def test_a_protocol_whose_package_is_not_installed(capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal([*AUDIT, "--out", "gs://bucket/runs/a"], capsys)
    assert 'gs://bucket/runs/a needs a package that is not installed; install "t2i-audit[gcs]"' in (
        said
    )


def test_a_url_where_no_run_lies(s3: S3, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(["report", f"s3://{BUCKET}/nothing"], capsys)
    assert f"s3://{BUCKET}/nothing holds no run of t2i-audit" in said


def test_a_folder_of_something_else(s3: S3, capsys: pytest.CaptureFixture[str]) -> None:
    import fsspec

    fsspec.url_to_fs(f"s3://{BUCKET}")[0].pipe_file(f"{BUCKET}/mine/thesis.txt", b"all of it")
    said = refusal([*AUDIT, "--out", f"s3://{BUCKET}/mine"], capsys)
    assert f"s3://{BUCKET}/mine holds something else (thesis.txt)" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit", "builtin:sound", "builtin:patchy", "--out", "s3://bucket/many"],
        ["export", "runs/a", "--to", "model-index", "--card", "s3://bucket/README.md"],
        ["plan", "s3://bucket/suite.jsonl"],
        [*AUDIT[:2], "--suite", "s3://bucket/suite.jsonl"],
        ["probe", "--text-encoder", "runs/a", "--tokenizer", "s3://bucket/tokenizer"],
        ["forecast", "s3://bucket", "--prompts", "s3://bucket/suite.jsonl"],
        ["calibrate", "runs/a", "--labels", "s3://bucket/labels.csv"],
    ],
)
def test_where_no_url_can_stand_one_is_refused_in_a_sentence(
    s3: S3, arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refusal(arguments, capsys)
    assert not list(tmp_path.iterdir())
