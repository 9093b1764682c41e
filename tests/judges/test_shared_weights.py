"""A judge that has the weights of the audited model's text encoder is told by their contents."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from t2i_audit.judges.clip import ClipJudge
from t2i_audit.judges.oracle import OracleJudge
from t2i_audit.judges.shared_weights import encoders_shared_with
from t2i_audit.pipelines.text_encoders import text_encoders
from tests.judges.conversion import LAYERS, WIDTH, converted
from tests.tiny import tiny_open_clip, tiny_pipeline


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> ClipJudge:
    folder = tmp_path_factory.mktemp("judges") / "tiny"
    return ClipJudge.from_spec(
        f"clip:local-dir:{tiny_open_clip(folder, layers=LAYERS, width=WIDTH)}", device="cpu"
    )


@pytest.fixture
def pipeline(tmp_path: Path) -> object:
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(tiny_pipeline(tmp_path / "pipeline"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_an_encoder_converted_from_the_judge_is_recognised(
    judge: ClipJudge, pipeline: object, dtype: torch.dtype
) -> None:
    pipeline.text_encoder = converted(judge).to(dtype)  # type: ignore[attr-defined]

    assert encoders_shared_with(judge, text_encoders(pipeline)) == ("text_encoder",)


def test_another_encoder_shares_nothing(judge: ClipJudge, pipeline: object) -> None:
    assert encoders_shared_with(judge, text_encoders(pipeline)) == ()


def test_an_encoder_with_the_table_alone_shares_too_little(
    judge: ClipJudge, pipeline: object
) -> None:
    model = converted(judge)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if ".layers." in name:
                tensor.add_(0.05)
    pipeline.text_encoder = model  # type: ignore[attr-defined]

    assert encoders_shared_with(judge, text_encoders(pipeline)) == ()


def test_a_judge_without_a_network_shares_nothing(pipeline: object) -> None:
    assert encoders_shared_with(OracleJudge(), text_encoders(pipeline)) == ()
