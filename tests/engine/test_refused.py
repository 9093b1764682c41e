"""Engines that cannot be used: one sentence, exit code 2, and nothing written."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

import t2i_audit as t2i
from t2i_audit.cli.main import main
from tests.audit.small import arguments
from tests.engine.conftest import TwoNodes


def refused(words: list[str], out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert not out.exists()
    return said


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("engine", "reason"),
    [
        ("dask", "should be ray or ray:HOST:PORT"),
        ("ray:", "should be ray or ray:HOST:PORT"),
        ("ray:somewhere", "should be ray or ray:HOST:PORT"),
        ("ray:here:99999", "should be ray or ray:HOST:PORT"),
        ("ray:ray://10.0.0.1:10001", "the address of Ray's client"),
    ],
)
def test_what_is_no_engine(
    engine: str, reason: str, suite: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reason in refused(arguments(suite, out, "--engine", engine), out, capsys)


def test_an_address_where_nobody_answers(
    suite: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    from t2i_audit.engine import cluster

    monkeypatch.setattr(cluster, "ANSWERS_WITHIN", 5.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        words = arguments(suite, out, "--engine", f"ray:{address}")
        assert f"no Ray answers at {address}" in refused(words, out, capsys)
        silent.listen()  # now the port is open, and somebody else's
        assert f"no Ray answers at {address}" in refused(words, out, capsys)
        # The variable by which Ray itself is told of a cluster.
        silent.close()
        monkeypatch.setenv("RAY_ADDRESS", address)
        words = arguments(suite, out, "--engine", "ray")
        assert f"no Ray answers at {address}" in refused(words, out, capsys)


def test_ray_that_is_not_installed(
    suite: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from t2i_audit.engine import cluster

    monkeypatch.setattr(cluster, "find_spec", lambda name: None)

    assert "pip install ray" in refused(arguments(suite, out, "--engine", "ray"), out, capsys)


def test_a_second_way_to_divide_the_images(
    suite: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = arguments(suite, out, "--engine", "ray")
    assert "--shard" in refused([*words, "--shard", "1/2"], out, capsys)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "the launcher" in refused(words, out, capsys)


def test_a_cluster_without_room_for_an_actor(
    two_nodes: TwoNodes, suite: Path, out: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    import torch

    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)

    main(arguments(suite, out, "--engine", two_nodes.engine))

    assert "no machine of the Ray cluster has 64 CPUs" in capsys.readouterr().err
    assert not out.exists()


def test_a_pipeline_in_memory(suite: Path, out: Path) -> None:
    pytest.importorskip("ray")
    from t2i_audit.models import load_model

    pipeline = load_model("builtin:sound").pipeline
    with pytest.raises(t2i.AuditError, match="no actor can load; save it with save_pretrained"):
        t2i.audit(
            pipeline, name="mine", suite=suite, out=out, engine="ray", judge="oracle", steps=2
        )
    assert not out.exists()
