"""The judge that asks a server, against ``transformers serve`` itself with a tiny model."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest
import torch
from transformers.utils import is_serve_available

from prompts.world import Content, write
from scripts.training.vqa_model import build_model, build_processor
from t2i_audit.errors import JudgeError
from t2i_audit.judges.load import load_judge
from t2i_audit.judges.vqa_server import VqaServerJudge
from t2i_audit.judges.vqa_server_client import Patience

pytestmark = pytest.mark.skipif(
    not is_serve_available(), reason="needs the packages of transformers[serving]"
)
STARTS = 180  # seconds in which the server starts on a busy machine
PROMPTS = (
    write(Content((("red", "star"),), None)),
    write(Content((("green", "circle"), ("blue", "square")), "left of")),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaVA with random weights whose answer is either yes or no, as the image has it."""
    folder = tmp_path_factory.mktemp("served") / "tiny-llava"
    processor = build_processor()
    made = build_model(processor, seed=0).eval()
    tokenizer = processor.tokenizer
    yes, no = tokenizer.convert_tokens_to_ids(["yes", "no"])
    direction = torch.randn(128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(3 if weight.ndim > 1 else 1)  # so that images differ in the answer
        head = made.get_output_embeddings().weight
        head.zero_()
        head[yes], head[no] = 10 * direction, -10 * direction
    made.generation_config.eos_token_id = [tokenizer.eos_token_id, yes, no]
    made.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


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


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (count, 64, 64, 3), dtype=np.uint8)


def test_the_served_model_judges_as_the_same_model_does_here(model: Path, address: str) -> None:
    prompts = [*PROMPTS, *[PROMPTS[0]] * 4]
    served = load_judge(f"vqa:{address}#{model}", device="cpu")
    verdicts = served.judge(noise(6), prompts)
    local = load_judge(f"vqa:{model}", device="cpu").judge(noise(6), prompts)

    # transformers serve gives no probabilities.
    assert served.fingerprint["method"].startswith("the answer's words")
    assert served.name == "vqa:server#tiny-llava"
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
    with pytest.raises(JudgeError, match=r"Server is pinned to .*tiny-llava'; requested 'other'"):
        VqaServerJudge.from_spec(
            f"vqa:{address}#other", patience=Patience(answer=60, recovery=0, attempts=1)
        )
