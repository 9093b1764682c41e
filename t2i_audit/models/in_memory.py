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
from typing import TYPE_CHECKING, Any

from prompts.errors import first_line
from t2i_audit.errors import ModelError
from t2i_audit.models.devices import DeviceName, DtypeName, choose_device, choose_dtype
from t2i_audit.models.in_memory_checks import (
    SAVE,
    bare,
    check_name,
    check_network,
    check_options,
    check_pipeline,
    checked_placement,
    kind_of,
)
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

if TYPE_CHECKING:
    import torch
    from torch import nn

# Dictionaries of a module that hold functions of the caller's.
HOOKS = (
    "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks",
    "_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)  # fmt: skip
# Hooks that compute a layer's weight, as those of weight_norm, come from here.
OWN_HOOKS = "torch.nn.utils"


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
    check_pipeline(pipeline)
    placement = checked_placement(Placement() if placement is None else placement)
    check_options(options)
    for component, network in _networks(pipeline):
        check_network(component, network)
    try:
        own = _sharing_copy(pipeline)
    # A component may hold anything, and what cannot be copied says so with any error.
    except Exception as error:
        raise ModelError(
            f"{kind_of(pipeline)} cannot be audited in memory ({first_line(error)}); {SAVE}"
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
        inner = bare(module)
        if inner is not module:
            known[id(module)] = copy.deepcopy(inner, known)
    own = copy.deepcopy(pipeline, known)
    for _, network in _networks(own):
        # Where accelerate trains in mixed precision, `forward` opens an autocast of its own.
        if vars(network).pop("_original_forward", None) is not None:
            del network.forward
    return own


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
        raise ModelError(f"{kind_of(pipeline)} has no networks in it; load them first")
    return first


def _is_in_another_format(network: nn.Module, dtype: torch.dtype) -> bool:
    first = next(network.parameters(), None)
    return first is not None and first.dtype != dtype


def _networks(pipeline: Any) -> list[tuple[str, Any]]:
    from torch import nn

    found = pipeline.components.items()
    return [(name, each) for name, each in found if isinstance(each, nn.Module)]
