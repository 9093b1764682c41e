"""What is changed in a library is as before once the block ends, however it ends."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import pipelines
from diffusers.utils import logging as diffusers_logging
from huggingface_hub.utils.tqdm import are_progress_bars_disabled
from transformers.utils import logging as transformers_logging

from t2i_audit.activations.random_weights import random_denoiser, random_text_encoders
from t2i_audit.activations.text.encode import encode_suite
from t2i_audit.generation import cut_batches, sample_batch
from t2i_audit.generation.faults import PipelineFault
from t2i_audit.models import load_model
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.models.tokenizers import limit_tokenizers
from t2i_audit.pipelines import workarounds
from t2i_audit.pipelines.workarounds import (
    guided_by,
    mask_as_long_as,
    moved_modules,
    one_text_per_image,
    one_time_per_row,
    quick_imports,
    quiet_libraries,
    replaced_method,
    tokenizing_in_one_thread,
    uninitialised_memory_is_nan,
    without_textual_inversion_search,
)
from tests.families.checkpoints import build
from tests.tiny import clip_tokenizer, tiny_prompts

PROMPTS = tiny_prompts(2)
MOVED = "wuerstchen"

Block = Callable[[], AbstractContextManager[Any]]


def process_state() -> dict[str, Any]:
    """Everything process-wide that this package changes for a while, or might by mistake."""
    both = (diffusers_logging, transformers_logging)
    return {
        "logging": logging.root.manager.disable,
        "verbosity": [each.get_verbosity() for each in both],
        "bars": [each.is_progress_bar_enabled() for each in both],
        "hub's bars": not are_progress_bars_disabled(),
        "environment": dict(os.environ),
        "warnings": list(warnings.filters),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "tf32": (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32),
        "cudnn": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        "threads": torch.get_num_threads(),
        "random numbers": torch.get_rng_state().tolist(),
        "moved": hasattr(pipelines, MOVED),
        "distributions": metadata.packages_distributions,
    }


class Stopped(Exception):
    """Raised within a block."""


@contextmanager
def stopped() -> Iterator[None]:
    with pytest.raises(Stopped):
        yield


PROCESS_WIDE: list[Block] = [
    quick_imports,
    quiet_libraries,
    tokenizing_in_one_thread,
    uninitialised_memory_is_nan,
    lambda: moved_modules([MOVED, "flux"]),
]


@pytest.fixture
def no_tokenizer_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(workarounds.TOKENIZER_THREADS, raising=False)


@pytest.mark.usefixtures("no_tokenizer_setting")
@pytest.mark.parametrize("block", PROCESS_WIDE)
def test_the_process_is_as_before_on_success_and_on_error(block: Block) -> None:
    before = process_state()
    with block():
        assert process_state() != before
    assert process_state() == before
    with stopped(), block():
        raise Stopped
    assert process_state() == before


@pytest.mark.usefixtures("no_tokenizer_setting")
@pytest.mark.parametrize("block", PROCESS_WIDE[:4])
@pytest.mark.parametrize("first_leaves_first", [False, True])
def test_blocks_that_overlap_in_two_threads_end_with_the_state_from_before(
    block: Block, first_leaves_first: bool
) -> None:
    before = process_state()
    entered, leave = threading.Event(), threading.Event()

    def second() -> None:
        with block():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=second)
    with block():
        within = process_state()
        thread.start()
        assert entered.wait(10)
        if not first_leaves_first:
            leave.set()
            thread.join(10)
        assert process_state() == within
    if first_leaves_first:
        # The other thread is still in its block, so nothing may be restored yet.
        assert process_state() == within
        leave.set()
        thread.join(10)

    assert process_state() == before


def test_bars_that_the_user_switched_off_stay_off() -> None:
    from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars

    disable_progress_bars()
    try:
        with quiet_libraries():
            pass
        assert are_progress_bars_disabled()
    finally:
        enable_progress_bars()


def test_deterministic_algorithms_that_only_warn_go_on_to_only_warn() -> None:
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with uninitialised_memory_is_nan():
            assert torch.empty(3).isnan().all()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_users_tokenizer_setting_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(workarounds.TOKENIZER_THREADS, "true")
    with tokenizing_in_one_thread():
        assert os.environ[workarounds.TOKENIZER_THREADS] == "true"
    assert os.environ[workarounds.TOKENIZER_THREADS] == "true"


class Tower:
    """As open_clip's text tower."""

    def __init__(self) -> None:
        self.attn_mask = torch.zeros(7, 7)


class Encoding:
    """A pipeline as far as it encodes prompts."""

    def __init__(self) -> None:
        self.components = {"tokenizer": clip_tokenizer()}

    def encode_prompt(self, prompt: Any) -> Any:
        return prompt

    def maybe_convert_prompt(self, prompt: str, tokenizer: Any) -> str:
        return "converted"


def test_instances_are_as_before_on_success_and_on_error() -> None:
    pipeline, tower, guider = Encoding(), Tower(), SimpleNamespace(guidance_scale=3.0)
    denoiser = torch.nn.Linear(2, 2)
    cases: list[tuple[Any, Block]] = [
        (pipeline, lambda: replaced_method(pipeline, "encode_prompt", str)),
        (pipeline, lambda: without_textual_inversion_search(pipeline)),
        (pipeline, lambda: one_text_per_image(pipeline, 3)),
        (guider, lambda: guided_by([guider], 5.0)),
        (tower, lambda: mask_as_long_as(tower, 4)),
        (denoiser, lambda: one_time_per_row(denoiser)),
    ]
    for owner, block in cases:
        before = {name: _copied(value) for name, value in vars(owner).items()}
        with block():
            assert not _same(vars(owner), before)
        assert _same(vars(owner), before)
        with stopped(), block():
            raise Stopped
        assert _same(vars(owner), before)


def test_a_method_of_the_instances_own_comes_back() -> None:
    pipeline = Encoding()
    pipeline.encode_prompt = own = lambda prompt: "own"  # type: ignore[method-assign]
    with replaced_method(pipeline, "encode_prompt", str):
        assert pipeline.encode_prompt(3) == "3"
    assert pipeline.encode_prompt is own


def test_a_package_that_diffusers_moved_is_found_while_a_checkpoint_is_loaded(
    tmp_path: Path,
) -> None:
    build("stable-cascade").save_pretrained(tmp_path)
    index = (tmp_path / "model_index.json").read_text()
    assert f'"{MOVED}",' in index
    before = process_state()

    load_model(str(tmp_path), device="cpu")

    assert not before["moved"]
    assert process_state() == before


@pytest.mark.usefixtures("no_tokenizer_setting")
def test_encoding_and_sampling_leave_process_and_pipeline_as_they_were(tiny: LoadedModel) -> None:
    (batch,) = cut_batches(PROMPTS, seeds=1, batch_size=2)
    attributes, hooks = public(tiny.pipeline), hook_counts(tiny)
    before = process_state()
    encode_suite(tiny, PROMPTS)
    sample_batch(tiny, batch, steps=1, guidance_scale=2.0)
    for control in (random_text_encoders, random_denoiser):
        with control(tiny, seed=0) as other:
            assert other.adapter is not tiny.adapter

    assert process_state() == before
    assert public(tiny.pipeline) == attributes
    assert hook_counts(tiny) == hooks


@pytest.mark.usefixtures("no_tokenizer_setting")
def test_a_failing_pipeline_is_left_as_it_was(
    tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("no latents today")

    (batch,) = cut_batches(PROMPTS, seeds=1, batch_size=2)
    monkeypatch.setattr(type(tiny.pipeline), "prepare_latents", fail)
    attributes, hooks = public(tiny.pipeline), hook_counts(tiny)
    before = process_state()
    with pytest.raises(PipelineFault, match="no latents today"):
        sample_batch(tiny, batch, steps=1, guidance_scale=2.0)

    assert process_state() == before
    assert public(tiny.pipeline) == attributes
    assert hook_counts(tiny) == hooks


def test_only_a_tokenizer_without_a_limit_gets_its_encoders(tiny: LoadedModel) -> None:
    assert limit_tokenizers(tiny.pipeline) == ()

    tokenizer, encoder = clip_tokenizer(length=int(1e30)), tiny.pipeline.text_encoder
    parts = {**tiny.pipeline.components, "tokenizer": tokenizer}
    pipeline = type(tiny.pipeline)(**parts, requires_safety_checker=False)
    (note,) = limit_tokenizers(pipeline)

    positions = encoder.config.max_position_embeddings
    assert tokenizer.model_max_length == positions
    assert note == (
        "The tokenizer of text_encoder states no model_max_length; the "
        f"{positions} positions of text_encoder are taken as its limit."
    )


def public(pipeline: Any) -> dict[str, Any]:
    """Attributes of the instance; in private ones diffusers keeps the arguments of a call."""
    return {name: each for name, each in vars(pipeline).items() if not name.startswith("_")}


def hook_counts(model: LoadedModel) -> dict[str, tuple[int, int]]:
    return {
        f"{name}.{path}": (len(each._forward_hooks), len(each._forward_pre_hooks))
        for name, network in model.pipeline.components.items()
        if isinstance(network, torch.nn.Module)
        for path, each in network.named_modules()
    }


def _copied(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else value


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(
        one[name] == other[name] if isinstance(one[name], dict) else one[name] is other[name]
        for name in one
    )
