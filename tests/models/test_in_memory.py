"""A pipeline in memory is taken over without a change to anything of the caller's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.hooks import AlignDevicesHook, add_hook_to_module
from accelerate.state import AcceleratorState
from diffusers import DiffusionPipeline
from peft import LoraConfig
from torch import nn

from t2i_audit.errors import AuditError
from t2i_audit.generation.defaults import sampling_defaults
from t2i_audit.models.in_memory import adopt
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.settings import ModelOptions, Placement
from tests.tiny import tiny_pipeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pipeline(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture
def pipeline(folder: Path) -> Any:
    return DiffusionPipeline.from_pretrained(folder)


def adopted(pipeline: Any, **options: Any) -> LoadedModel:
    return adopt(pipeline, name="mine", **options)


def identity(pipeline: Any) -> str:
    return adopted(pipeline).weights_sha256


def test_its_networks_share_the_callers_memory(pipeline: Any) -> None:
    own = adopted(pipeline).pipeline

    assert own.unet is not pipeline.unet
    for name in ("unet", "vae", "text_encoder"):
        theirs = dict(getattr(pipeline, name).named_parameters())
        for key, parameter in getattr(own, name).named_parameters():
            assert parameter.data_ptr() == theirs[key].data_ptr()
            assert parameter is not theirs[key]


def test_they_are_in_evaluation_mode_without_a_change_of_the_callers(pipeline: Any) -> None:
    pipeline.unet.train()

    own = adopted(pipeline).pipeline

    assert not any(module.training for module in own.unet.modules())
    assert all(module.training for module in pipeline.unet.modules())


def test_another_number_format_is_that_of_the_copy_alone(pipeline: Any) -> None:
    loaded = adopted(pipeline, dtype="bfloat16")

    assert loaded.dtype_name == "bfloat16"
    assert {each.dtype for each in loaded.pipeline.unet.parameters()} == {torch.bfloat16}
    assert {each.dtype for each in pipeline.unet.parameters()} == {torch.float32}
    assert loaded.weights_sha256 == identity(pipeline)


def test_the_number_format_is_that_of_the_denoiser(pipeline: Any) -> None:
    """As in a training in mixed precision, whose frozen networks are in half precision."""
    pipeline.vae.to(torch.bfloat16)
    pipeline.text_encoder.to(torch.bfloat16)

    loaded = adopted(pipeline)

    assert loaded.dtype_name == "float32"
    assert {each.dtype for each in loaded.pipeline.vae.parameters()} == {torch.float32}
    assert {each.dtype for each in pipeline.vae.parameters()} == {torch.bfloat16}


def test_the_callers_hooks_do_not_run(pipeline: Any) -> None:
    calls: list[Any] = []
    pipeline.unet.conv_in.register_forward_hook(lambda *given: calls.append(given))
    own = adopted(pipeline).pipeline

    own.unet.conv_in(torch.zeros(1, 4, 8, 8))
    assert not calls
    pipeline.unet.conv_in(torch.zeros(1, 4, 8, 8))
    assert calls


def test_a_hook_that_computes_a_weight_stays(pipeline: Any) -> None:
    with pytest.warns(FutureWarning):
        torch.nn.utils.weight_norm(pipeline.unet.conv_in)
    rows = torch.randn(1, 4, 8, 8)
    pipeline.unet.conv_in(rows)  # leaves a weight that has a graph

    own = adopted(pipeline).pipeline
    with torch.no_grad():
        pipeline.unet.conv_in.weight_g.mul_(2)
        assert torch.equal(own.unet.conv_in(rows), pipeline.unet.conv_in(rows))


def compiled(network: nn.Module) -> Any:
    return torch.compile(network)


def compiled_inside(network: Any) -> Any:
    network.mid_block = torch.compile(network.mid_block)
    return network


def in_mixed_precision(network: nn.Module) -> Any:
    # An accelerator's settings are those of the process until they are reset.
    AcceleratorState._reset_state(reset_partial_state=True)
    prepared = Accelerator(cpu=True, mixed_precision="bf16").prepare_model(network)
    AcceleratorState._reset_state(reset_partial_state=True)
    return prepared


def in_parallel(network: nn.Module) -> Any:
    return nn.DataParallel(network)


@pytest.mark.parametrize("wrap", [compiled, compiled_inside, in_mixed_precision, in_parallel])
def test_a_wrapped_network_is_audited_bare(wrap: Callable[[Any], Any], pipeline: Any) -> None:
    before, kind = identity(pipeline), type(pipeline.unet)
    rows, words = torch.randn(1, 4, 8, 8), torch.randn(1, 5, 32)
    with torch.no_grad():
        expected = pipeline.unet(rows, 1, words).sample
    pipeline.unet = wrapped = wrap(pipeline.unet)

    loaded = adopted(pipeline)

    assert type(loaded.pipeline.unet) is kind
    assert loaded.weights_sha256 == before
    assert pipeline.unet is wrapped
    with torch.no_grad():
        assert torch.equal(loaded.pipeline.unet(rows, 1, words).sample, expected)


def test_active_adapters_belong_to_what_is_audited(pipeline: Any) -> None:
    plain = identity(pipeline)
    pipeline.unet.add_adapter(LoraConfig(r=2, target_modules=["to_q"], init_lora_weights=False))
    with_lora = identity(pipeline)
    rows, words = torch.randn(1, 4, 8, 8), torch.randn(1, 5, 32)
    with torch.no_grad():
        expected = pipeline.unet(rows, 1, words).sample
        own = adopted(pipeline).pipeline.unet(rows, 1, words).sample
    pipeline.unet.disable_adapters()

    assert len({plain, with_lora, identity(pipeline)}) == 3
    assert torch.equal(own, expected)


def test_equal_weights_have_one_identity_and_other_weights_another(
    folder: Path, pipeline: Any
) -> None:
    again = DiffusionPipeline.from_pretrained(folder)
    first = adopted(pipeline)
    assert adopted(again).checkpoint == first.checkpoint

    with torch.no_grad():
        again.vae.decoder.conv_in.bias[0] += 1

    changed = adopted(again).checkpoint
    assert [name for name in changed if changed[name] != first.checkpoint[name]] == ["vae"]


def test_use_does_not_change_the_identity(pipeline: Any) -> None:
    """A tokenizer keeps how it last padded, and a scheduler its last time steps."""
    before = adopted(pipeline).checkpoint
    pipeline("a red circle", num_inference_steps=2, output_type="np")
    assert adopted(pipeline).checkpoint == before


def test_a_scheduler_given_by_name_is_that_of_the_copy_alone(pipeline: Any) -> None:
    loaded = adopted(pipeline, options=ModelOptions(scheduler="DDIMScheduler"))

    assert type(loaded.pipeline.scheduler).__name__ == "DDIMScheduler"
    assert type(pipeline.scheduler).__name__ == "DPMSolverMultistepScheduler"
    assert "DPMSolver" in str(pipeline.config["scheduler"])


def test_a_pipeline_that_was_placed_by_a_map_can_be_audited(folder: Path) -> None:
    placed = DiffusionPipeline.from_pretrained(folder, device_map="cpu")
    assert placed.hf_device_map

    assert adopted(placed).device == torch.device("cpu")
    assert placed.hf_device_map


def test_a_distilled_one_is_recognised_by_what_it_was_loaded_from(
    pipeline: Any, tmp_path: Path
) -> None:
    pipeline.save_pretrained(tmp_path / "my-turbo")
    distilled = DiffusionPipeline.from_pretrained(tmp_path / "my-turbo")

    chosen = sampling_defaults(adopted(distilled))

    assert (chosen.steps, chosen.steps_from) == (1, "the checkpoint's name, 'my-turbo'")
    assert sampling_defaults(adopted(pipeline)).steps == 50


def offloaded(pipeline: Any) -> None:
    add_hook_to_module(pipeline.vae, AlignDevicesHook("cpu"))


def quantised(pipeline: Any) -> None:
    weight = pipeline.unet.conv_in.weight
    pipeline.unet.conv_in.weight = nn.Parameter(weight.to(torch.int8), requires_grad=False)


def on_meta(pipeline: Any) -> None:
    pipeline.unet.to("meta")


def without_networks(pipeline: Any) -> None:
    for name in ("unet", "vae", "text_encoder"):
        setattr(pipeline, name, None)


def replaced_forward(pipeline: Any) -> None:
    whole = pipeline.unet.mid_block.forward
    pipeline.unet.mid_block.forward = lambda *given, **named: whole(*given, **named)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (offloaded, "vae is offloaded"),
        (quantised, "unet is quantised"),
        (on_meta, "unet is on the meta device"),
        (without_networks, "has no networks in it"),
        (replaced_forward, "was replaced by another function"),
    ],
)
def test_what_cannot_be_audited_in_memory_is_one_sentence(
    change: Callable[[Any], None], said: str, pipeline: Any
) -> None:
    change(pipeline)
    with pytest.raises(AuditError, match=said):
        adopted(pipeline)


@pytest.mark.parametrize("name", ["", " ", "runs/mine", r"runs\mine", "builtin:sound"])
def test_a_name_is_no_path(name: str, pipeline: Any) -> None:
    with pytest.raises(AuditError, match="`name` should be a plain name"):
        adopt(pipeline, name=name)


def test_a_network_alone_is_no_pipeline(pipeline: Any) -> None:
    with pytest.raises(AuditError, match="in memory, not UNet2DConditionModel"):
        adopted(pipeline.unet)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"options": ModelOptions(lora=("style.safetensors",))}, "--lora"),
        ({"options": ModelOptions(revision="main")}, "--revision"),
        ({"placement": Placement(offload="model")}, "--offload"),
        ({"placement": Placement(device_map="balanced")}, "--device-map"),
    ],
)
def test_options_of_loading_are_refused(options: dict[str, Any], named: str, pipeline: Any) -> None:
    with pytest.raises(AuditError, match=f"{named} is for a checkpoint that is loaded"):
        adopted(pipeline, **options)


def test_what_cannot_be_copied_is_one_sentence(pipeline: Any) -> None:
    pipeline.unet.busy = Lock()
    with pytest.raises(AuditError, match=r"cannot be audited in memory \(.*lock"):
        adopted(pipeline)


def test_a_copy_of_a_copy_works(pipeline: Any) -> None:
    own = copy.deepcopy(adopted(pipeline).pipeline)
    assert identity(own) == identity(pipeline)
