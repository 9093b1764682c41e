"""Audits whose batches are made by actors on a real cluster of two nodes."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from t2i_audit.cli.main import main
from tests.audit.small import arguments, results
from tests.engine.conftest import TwoNodes

JUDGES = ("--judge", "oracle,clip")


@contextmanager
def once_a_batch_is_made(out: Path, do: Callable[[], object]) -> Iterator[list[int]]:
    """Yield a list; `do` runs as soon as there is a batch, and their number then is put into it."""
    made: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            if records := list(out.glob("images/batch_*.json")):
                made.append(len(records))
                do()
                return
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield made
    finally:
        over.set()
        watcher.join()


def test_the_tables_are_those_of_one_process_though_a_node_is_lost(
    two_nodes: TwoNodes, whole: Path, suite: Path, tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "run"

    with once_a_batch_is_made(out, two_nodes.lose_one) as made:
        code = main(arguments(suite, out, *JUDGES, "--engine", two_nodes.engine))

    said = capfd.readouterr()
    assert code == 0, said.err
    assert made[0] < 4  # in mid-run
    assert results(out) == results(whole)
    assert "images: 8/8" in said.err and "random denoiser: 4/4" in said.err
    # Of what Ray itself has to say of the node, nothing reaches the user.
    assert "raylet" not in said.out.lower() + said.err.lower()


def test_an_interrupted_run_is_finished_by_one_process_and_leaves_no_actor(
    two_nodes: TwoNodes, whole: Path, suite: Path, tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    import ray

    out = tmp_path / "run"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with once_a_batch_is_made(out, lambda: signal.raise_signal(signal.SIGINT)):
            code = main(arguments(suite, out, *JUDGES, "--engine", two_nodes.engine))
    finally:
        signal.signal(signal.SIGINT, before)

    assert code == 130
    assert "give the same command again" in capfd.readouterr().err
    made = len(list(out.glob("images/batch_*.json")))
    assert 1 <= made < 4
    ray.init(two_nodes.cluster.address, log_to_driver=False, logging_level="CRITICAL")
    try:
        end = time.monotonic() + 20
        while ray.available_resources().get("CPU") != 2 and time.monotonic() < end:
            time.sleep(0.1)
        assert ray.available_resources().get("CPU") == 2
    finally:
        ray.shutdown()
    assert main(arguments(suite, out, *JUDGES)) == 0
    assert results(out) == results(whole)


def test_actors_make_only_what_a_plain_run_has_left(
    two_nodes: TwoNodes, whole: Path, suite: Path, tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "run"
    assert main(arguments(suite, out, *JUDGES, "--shard", "2/2")) == 0
    there = {path: path.stat().st_mtime_ns for path in out.glob("images/*")}

    assert main(arguments(suite, out, *JUDGES, "--engine", two_nodes.engine)) == 0

    assert results(out) == results(whole)
    assert len(there) == 2 + 4
    assert {path: path.stat().st_mtime_ns for path in there} == there
    capfd.readouterr()
    # And when all is there, no actor is started.
    start = time.monotonic()
    assert main(arguments(suite, out, *JUDGES, "--engine", two_nodes.engine)) == 0
    assert "images:" not in capfd.readouterr().err and time.monotonic() - start < 60


def test_what_fails_in_an_actor_is_the_sentence_of_one_process(
    two_nodes: TwoNodes, suite: Path, tmp_path: Path
) -> None:
    import shutil

    import t2i_audit as t2i
    from t2i_audit.audit import execute, plan_audit
    from t2i_audit.models.builtin import builtin_folder
    from t2i_audit.settings import AuditSettings

    model = shutil.copytree(builtin_folder("builtin:sound"), tmp_path / "model")
    settings = AuditSettings(
        model=str(model), suite=str(suite), out=tmp_path / "run", engine=two_nodes.engine,
        judge="oracle", seeds=1, steps=2, denoiser_station=False,
    )  # fmt: skip
    plan = plan_audit(settings)
    weights = model / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])

    with pytest.raises(t2i.AuditError, match="is damaged or was cut off") as failure:
        execute(plan)

    assert str(model) in str(failure.value) and "Traceback" not in str(failure.value)
