"""What an actor is told, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from t2i_audit.engine.actor import AuditActor, answering
from t2i_audit.engine.order import order_of
from t2i_audit.engine.pool import Answer
from t2i_audit.errors import ModelError
from t2i_audit.models import load_model
from t2i_audit.settings import AuditSettings, ModelOptions
from t2i_audit.stages.judging import Judging


def failing(error: Exception) -> Answer:
    @answering
    def work(self: AuditActor, /) -> None:
        self.reporter.note("it begins")
        raise error

    return work(AuditActor(None, None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ModelError("images are not finite"), "images are not finite"),
        (torch.OutOfMemoryError("CUDA out of memory"), "memory ran short; what is done is kept"),
        (OSError(28, "No space left on device"), "the disk is full"),
    ],
)
def test_what_the_user_can_mend_is_a_sentence(error: Exception, sentence: str) -> None:
    answer = failing(error)

    assert (answer.failure or "").startswith(sentence)
    assert answer.notes == ("it begins",)


def test_a_fault_of_the_program_stays_an_error() -> None:
    with pytest.raises(KeyError):
        failing(KeyError("x"))


def test_files_are_named_as_they_lie_on_the_actors_machine(tmp_path: Path) -> None:
    for name in ("style.safetensors", "cat.safetensors"):
        (tmp_path / name).touch()
    (tmp_path / "judge").mkdir()
    style, cat, judge = (
        str(tmp_path / name) for name in ("style.safetensors", "cat.safetensors", "judge")
    )
    options = ModelOptions(
        lora=(f"{style}:0.5",), embedding=(f"{cat}:<cat>",), scheduler="DDIMScheduler"
    )
    settings = AuditSettings(
        model="builtin:sound", out=tmp_path / "run", model_options=options,
        judge=f"oracle,human:labels.csv,vqa:{judge},geneval:{judge}#local-dir:{judge},clip:local-dir:{judge}",
    )  # fmt: skip
    loaded = load_model("builtin:sound", device="cpu")

    order = order_of(settings, loaded, Judging(()), ())
    there = order.at({style: "/n/style.safetensors", cat: "/n/cat.safetensors", judge: "/n/judge"})

    assert {each.given for each in order.sent} == {style, cat, judge}
    assert there.options.loras() == (("/n/style.safetensors", 0.5),)
    assert there.options.embeddings() == (("/n/cat.safetensors", "<cat>"),)
    assert there.options.scheduler == "DDIMScheduler" and there.source == "builtin:sound"
    # The driver itself judges by labels.
    assert there.judges == (
        "oracle", None, "vqa:/n/judge", "geneval:/n/judge#local-dir:/n/judge",
        "clip:local-dir:/n/judge",
    )  # fmt: skip
    assert (order.dtype, order.device) == ("float32", "cpu")
