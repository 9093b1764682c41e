"""What a pipeline in memory must be like to be audited, in sentences where it is not."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError
from t2i_audit.settings import ModelOptions, Placement
from t2i_audit.settings.option import option_name

if TYPE_CHECKING:
    from torch import nn

SAVE = "save it with save_pretrained(FOLDER) and audit FOLDER"
# Set on a network by accelerate and by diffusers where they move or cast it layer by layer.
MOVED = ("_hf_hook", "_diffusers_hook")
NAMED_LIKE_A_PATH = ("/", "\\", ":")


def check_name(name: str) -> None:
    """Refuse a name that could be taken for a path, a hub id or a built-in checkpoint.

    Raises:
        ModelError: it could, or is empty.
    """
    if not name.strip() or any(each in name for each in NAMED_LIKE_A_PATH):
        raise ModelError(
            f"`name` should be a plain name for the pipeline, such as 'my-model', not {name!r}; a "
            "checkpoint on disk or on the hub is given as the model itself"
        )


def check_pipeline(pipeline: Any) -> None:
    """Refuse what is no diffusers pipeline, with a `ModelError`."""
    from diffusers import DiffusionPipeline

    if not isinstance(pipeline, DiffusionPipeline):
        raise ModelError(
            "the model should be a name or a diffusers pipeline that is in memory, not "
            f"{kind_of(pipeline)}; join the networks in a pipeline first"
        )


def checked_placement(placement: Placement) -> Placement:
    """`placement` without offloading, which would gain nothing beside the caller's own networks.

    Raises:
        ModelError: the user asks for it.
    """
    for option, given in (
        ("offload", placement.offload in ("model", "sequential")),
        ("device_map", placement.device_map is not None),
    ):
        if given:
            raise ModelError(
                f"{option_name(Placement, option)} is for a checkpoint that is loaded, and this "
                "pipeline is in memory already; leave it out, or give a smaller batch_size"
            )
    return replace(placement, offload="none")


def check_options(options: ModelOptions) -> None:
    """Refuse options of loading with a `ModelError`; a scheduler can be set in memory too."""
    default = ModelOptions()
    for each in fields(options):
        given = getattr(options, each.name) != getattr(default, each.name)
        if given and each.name != "scheduler":
            raise ModelError(
                f"{option_name(ModelOptions, each.name)} is for a checkpoint that is loaded, and "
                "this pipeline is in memory already; change the pipeline itself and leave it out"
            )


def check_network(component: str, network: nn.Module) -> None:
    """Refuse a network whose weights are not all here, or whose code a copy would not run.

    Raises:
        ModelError: it is one, with what to do.
    """
    for module in network.modules():
        if any(name in vars(module) for name in MOVED):
            raise ModelError(
                f"{component} is offloaded or cast layer by layer; undo that first (for example "
                "with pipeline.remove_all_hooks(), and move it to its device), or "
                f"{SAVE} with --offload"
            )
        own = vars(module).get("forward")  # accelerate's is a method of the module
        replaced = own is not None and getattr(own, "__self__", None) is not module
        if replaced and bare(module) is module:
            raise ModelError(
                f"the forward of a {kind_of(module)} in {component} was replaced by another "
                "function; compile or wrap the module itself instead"
            )
    for parameter in network.parameters():
        if parameter.is_meta:
            raise ModelError(f"{component} is on the meta device and has no weights; load them")
        if _is_sharded(parameter):
            raise ModelError(
                f"{component} is sharded over several processes (FSDP or DeepSpeed), so none has "
                f"all of its weights; gather them and {SAVE}"
            )
        if _is_quantised(parameter):
            raise ModelError(
                f"{component} is quantised, and its weights cannot be shared with a copy; {SAVE}, "
                f"or call {component}.dequantize() first"
            )


def _is_sharded(parameter: Any) -> bool:
    from torch.distributed.tensor import DTensor

    flat = type(parameter).__name__ == "FlatParameter"  # of FSDP's first version
    return flat or isinstance(parameter.data, DTensor) or hasattr(parameter, "ds_id")


def _is_quantised(parameter: Any) -> bool:
    import torch

    plain = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
    return parameter.dtype not in plain or type(parameter.data) is not torch.Tensor


def bare(module: Any) -> Any:
    """What a wrapper is around: DDP, ``torch.compile`` or PEFT, whose layers stay; else itself."""
    from accelerate.utils import extract_model_from_parallel
    from peft import PeftModel

    inner = extract_model_from_parallel(module, keep_torch_compile=False)
    return inner.get_base_model() if isinstance(inner, PeftModel) else inner


def kind_of(value: object) -> str:
    """The name of its class."""
    return type(value).__name__
