"""A pipeline that is in memory already, taken over for an audit and left as it is.

The audit runs on a copy of the pipeline whose parameters are other objects that share the memory of
the caller's. So whatever an audit does to a network (evaluation mode, hooks, another number format
or device) happens to the copy alone, also where it is broken off, and costs no second set of
weights unless the number format or the device is another one.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from prompts.errors import first_line
from t2i_audit.errors import ModelError
from t2i_audit.models.devices import DeviceName, DtypeName, choose_device, choose_dtype
from t2i_audit.models.in_memory_identity import identity_of, weights_of
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.models.offload import place
from t2i_audit.models.scheduler import set_scheduler
from t2i_audit.models.tokenizers import limit_tokenizers
from t2i_audit.pipelines.components import denoiser_name
from t2i_audit.pipelines.text_to_image import require_text_to_image
from t2i_audit.pipelines.workarounds import quiet_libraries
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.settings import ModelOptions, Placement
from t2i_audit.settings.option import option_name

if TYPE_CHECKING:
    import torch
    from torch import nn

SAVE = "save it with save_pretrained(FOLDER) and audit FOLDER"
# Dictionaries of a module that hold functions of the caller's.
HOOKS = (
    "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks",
    "_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)  # fmt: skip
# Hooks that compute a layer's weight, as those of weight_norm, come from here.
OWN_HOOKS = "torch.nn.utils"
# Set on a network by accelerate and by diffusers where they move or cast it layer by layer.
MOVED = ("_hf_hook", "_diffusers_hook")
NAMED_LIKE_A_PATH = ("/", "\\", ":")


def adopt(
    pipeline: Any,
    *,
    name: str,
    dtype: DtypeName = "auto",
    device: DeviceName = "auto",
    placement: Placement | None = None,
    options: ModelOptions = ModelOptions(),  # noqa: B008, it is frozen
    reporter: Reporter = SILENT,
) -> LoadedModel:
    """Take over `pipeline` as `load_model` loads one; the caller's own objects are not changed.

    Args:
        pipeline: a `diffusers.DiffusionPipeline`; its networks may be wrapped by accelerate,
            ``torch.compile`` or PEFT.
        name: what the user calls it.
        dtype: of all networks; ``auto`` is that of its denoiser.
        device: ``auto`` is that of its denoiser.
        placement: what saves memory; its networks cannot be offloaded.
        options: how it is changed, of which only the scheduler has a meaning.
        reporter: as `load_model` has it.

    Raises:
        ModelError: it is no pipeline, or one that cannot be audited in memory; one sentence.
    """
    check_name(name)
    _check_pipeline(pipeline)
    placement = _checked_placement(Placement() if placement is None else placement)
    _check_options(options)
    for component, network in _networks(pipeline):
        _check_network(component, network)
    try:
        own = _sharing_copy(pipeline)
    # A component may hold anything, and what cannot be copied says so with any error.
    except Exception as error:
        raise ModelError(
            f"{_kind(pipeline)} cannot be audited in memory ({first_line(error)}); {SAVE}"
        ) from error
    require_text_to_image(own, name)
    own.set_progress_bar_config(disable=True)
    checkpoint = identity_of(own)
    if options.scheduler is not None:
        set_scheduler(own, options.scheduler)
    first = _first_weight(own)
    own.hf_device_map = None  # says only how the networks came to where they are
    chosen_device = first.device if device == "auto" else choose_device(device)
    chosen_dtype = first.dtype if dtype == "auto" else choose_dtype(dtype, chosen_device)
    with quiet_libraries():
        for _, network in _networks(own):
            # One that is in this format already may keep some layers in a wider one.
            if _is_in_another_format(network, chosen_dtype):
                network.to(chosen_dtype)
            network.eval()
        own = place(own, chosen_device, placement, reporter)
    notes = limit_tokenizers(own)
    return LoadedModel(
        name=name,
        source="memory",
        path=None,
        pipeline=own,
        dtype=chosen_dtype,
        device=chosen_device,
        checkpoint=checkpoint,
        weights_sha256=weights_of(checkpoint),
        placement=placement,
        notes=notes,
        reporter=reporter,
    )


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


def _check_pipeline(pipeline: Any) -> None:
    from diffusers import DiffusionPipeline

    if not isinstance(pipeline, DiffusionPipeline):
        raise ModelError(
            "the model should be a name or a diffusers pipeline that is in memory, not "
            f"{_kind(pipeline)}; join the networks in a pipeline first"
        )


def _checked_placement(placement: Placement) -> Placement:
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


def _check_options(options: ModelOptions) -> None:
    default = ModelOptions()
    for each in fields(options):
        given = getattr(options, each.name) != getattr(default, each.name)
        if given and each.name != "scheduler":
            raise ModelError(
                f"{option_name(ModelOptions, each.name)} is for a checkpoint that is loaded, and "
                "this pipeline is in memory already; change the pipeline itself and leave it out"
            )


def _check_network(component: str, network: nn.Module) -> None:
    """Refuse a network whose weights are not all here, or whose code a copy would not run."""
    for module in network.modules():
        if any(name in vars(module) for name in MOVED):
            raise ModelError(
                f"{component} is offloaded or cast layer by layer; undo that first (for example "
                "with pipeline.remove_all_hooks(), and move it to its device), or "
                f"{SAVE} with --offload"
            )
        own = vars(module).get("forward")  # accelerate's is a method of the module
        replaced = own is not None and getattr(own, "__self__", None) is not module
        if replaced and _bare(module) is module:
            raise ModelError(
                f"the forward of a {_kind(module)} in {component} was replaced by another "
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
                f"{component} is quantised, and the control with random weights cannot be; "
                f"audit it before it is quantised, or call {component}.dequantize() first"
            )


def _is_sharded(parameter: Any) -> bool:
    from torch.distributed.tensor import DTensor

    flat = type(parameter).__name__ == "FlatParameter"  # of FSDP's first version
    return flat or isinstance(parameter.data, DTensor) or hasattr(parameter, "ds_id")


def _is_quantised(parameter: Any) -> bool:
    import torch

    plain = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
    return parameter.dtype not in plain or type(parameter.data) is not torch.Tensor


def _sharing_copy(pipeline: Any) -> Any:
    """A copy of `pipeline` and of all in it but the memory of its networks' tensors.

    Its networks are bare: without the wrappers of a training, and without the caller's hooks.
    """
    known: dict[int, Any] = {}  # what `deepcopy` takes as copied already, by id
    modules = [module for _, network in _networks(pipeline) for module in network.modules()]
    for module in modules:
        for tensor in _tensors(module):
            known.setdefault(id(tensor), _alias(tensor))
        for hooks in (getattr(module, name, None) for name in HOOKS):
            if hooks:
                own = {key: each for key, each in hooks.items() if _is_own_hook(each)}
                known[id(hooks)] = OrderedDict(own)
    for module in reversed(modules):  # inner wrappers first
        bare = _bare(module)
        if bare is not module:
            known[id(module)] = copy.deepcopy(bare, known)
    own = copy.deepcopy(pipeline, known)
    for _, network in _networks(own):
        # Where accelerate trains in mixed precision, `forward` opens an autocast of its own.
        if vars(network).pop("_original_forward", None) is not None:
            del network.forward
    return own


def _bare(module: Any) -> Any:
    """What a wrapper is around: DDP, ``torch.compile`` or PEFT, whose layers stay; else itself."""
    from accelerate.utils import extract_model_from_parallel
    from peft import PeftModel

    bare = extract_model_from_parallel(module, keep_torch_compile=False)
    return bare.get_base_model() if isinstance(bare, PeftModel) else bare


def _tensors(module: nn.Module) -> Iterator[torch.Tensor]:
    """The tensors that `module` itself holds."""
    import torch

    for held in (module._parameters, module._buffers, vars(module)):
        yield from (each for each in held.values() if isinstance(each, torch.Tensor))


def _alias(tensor: torch.Tensor) -> torch.Tensor:
    """Another tensor in the same memory."""
    from torch import nn

    same = tensor.detach()
    is_parameter = isinstance(tensor, nn.Parameter)
    return nn.Parameter(same, requires_grad=False) if is_parameter else same


def _is_own_hook(hook: Any) -> bool:
    return type(hook).__module__.startswith(OWN_HOOKS)


def _first_weight(pipeline: Any) -> torch.Tensor:
    """A weight of the denoiser, or of the first network of a pipeline whose denoiser is unknown.

    Raises:
        ModelError: there are no weights.
    """
    denoiser = pipeline.components.get(denoiser_name(pipeline) or "")
    networks = (
        [denoiser] if denoiser is not None else [network for _, network in _networks(pipeline)]
    )
    first = next((each for network in networks for each in network.parameters()), None)
    if first is None:
        raise ModelError(f"{_kind(pipeline)} has no networks in it; load them first")
    return first


def _is_in_another_format(network: nn.Module, dtype: torch.dtype) -> bool:
    first = next(network.parameters(), None)
    return first is not None and first.dtype != dtype


def _networks(pipeline: Any) -> list[tuple[str, Any]]:
    from torch import nn

    found = pipeline.components.items()
    return [(name, each) for name, each in found if isinstance(each, nn.Module)]


def _kind(value: object) -> str:
    return type(value).__name__
