"""The judge that asks a server, against ``transformers serve`` with the built-in VQA judge."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest
from transformers.utils import is_serve_available

from prompts.world import content_of, sample_prompt
from t2i_audit.errors import JudgeError
from t2i_audit.judges.load import load_judge
from t2i_audit.judges.vqa_server import VqaServerJudge
from t2i_audit.judges.vqa_server_client import Patience
from t2i_audit.models.builtin import builtin_folder
from t2i_audit.world.render import render
from t2i_audit.world.scenes import place

pytestmark = pytest.mark.skipif(
    not is_serve_available(), reason="needs the packages of transformers[serving]"
)
STARTS = 180  # seconds in which the server starts on a busy machine


@pytest.fixture(scope="module")
def model() -> Path:
    return builtin_folder("vqa-judge")


@pytest.fixture(scope="module")
def address(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running ``transformers serve``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("transformers")
    command = [program, "serve", model, "--host", "127.0.0.1", "--port", str(port)]
    log = tmp_path_factory.mktemp("log") / "serve.log"
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    with log.open("w") as output:
        process = subprocess.Popen(
            [*map(str, command), "--device", "cpu"], stdout=output, stderr=output, env=offline
        )
    try:
        for _ in range(STARTS * 5):
            assert process.poll() is None, log.read_text()
            try:
                httpx2.get(f"http://127.0.0.1:{port}/health")
                break
            except httpx2.TransportError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()  # it has nothing to keep
        process.wait()


def test_the_served_model_judges_as_the_same_model_does_here(model: Path, address: str) -> None:
    rng = random.Random(3)
    prompts = [sample_prompt(rng, "relation") for _ in range(4)]
    drawn = [place(content_of(prompt), np.random.default_rng(0)) for prompt in prompts]
    images = np.concatenate([render(drawn), render(drawn[::-1])])  # their own, and others'
    served = load_judge(f"vqa:{address}#{model}", device="cpu")

    verdicts = served.judge(images, prompts * 2)

    local = load_judge(f"vqa:{model}", device="cpu").judge(images, prompts * 2)
    # transformers serve gives no probabilities.
    assert served.fingerprint["method"].startswith("the answer's words")
    assert served.name == "vqa:server#vqa-judge"
    decided = 0
    for one, other in zip(verdicts, local, strict=True):
        for slot, verdict in one.slots.items():
            # In words the judge abstains where the two orders of the answers disagree.
            if verdict is not None and other.slots[slot] is not None:
                assert verdict == other.slots[slot]
                decided += 1
    assert decided > 8
    assert {verdict.correct for verdict in verdicts} >= {True, False}


def test_another_model_than_the_served_one_is_refused_in_its_words(address: str) -> None:
    with pytest.raises(JudgeError, match=r"Server is pinned to .*vqa-judge'; requested 'other'"):
        VqaServerJudge.from_spec(
            f"vqa:{address}#other", patience=Patience(answer=60, recovery=0, attempts=1)
        )
