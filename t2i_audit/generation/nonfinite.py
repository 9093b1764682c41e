"""Which component of a checkpoint produces NaN or infinity, and what a user can do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError
from t2i_audit.models.devices import nan_advice
from t2i_audit.pipelines.components import DENOISERS

if TYPE_CHECKING:
    import torch
    from torch import nn

    from t2i_audit.models.loaded import LoadedModel


def damaged_component(pipeline: Any) -> str | None:
    """The first component whose weights are not all finite; None where there is none."""
    import torch

    for name, network in _networks(pipeline):
        for parameter in network.parameters():
            weights: torch.Tensor = parameter
            # Layers that are offloaded at the moment have no values here.
            if weights.device.type == "meta" or not weights.is_floating_point():
                continue
            if hasattr(weights, "__tensor_flatten__"):  # quantised, as torchao keeps them
                weights = weights.dequantize()
            if not bool(torch.isfinite(weights).all()):
                return name
    return None


@contextmanager
def watching_for_nan(pipeline: Any) -> Iterator[list[str]]:
    """Yields a list; the first component that turns finite numbers into NaN is put into it by name.

    Infinity inside a network is no fault: some networks clamp it before they go on.
    """
    found: list[str] = []
    with ExitStack() as stack:
        for name, network in _networks(pipeline):
            for module in network.modules():
                hook = module.register_forward_hook(_noting(name, found), with_kwargs=True)
                stack.callback(hook.remove)
        yield found
    found[:] = [name for name in found if name]


def not_finite_error(
    loaded: LoadedModel, *, damaged: str | None = None, overflowing: str | None = None
) -> ModelError:
    """The sentence for the user.

    Args:
        loaded: the checkpoint whose images are not finite.
        damaged: the component whose weights are not finite, if there is one.
        overflowing: the component that turns finite numbers into NaN, if it is known.
    """
    if damaged is not None:
        return ModelError(
            f"{loaded.name!r} makes images of NaN: the weights of {_described(damaged)} hold "
            "numbers that are not finite, so the checkpoint is damaged; fetch or save it again"
        )
    maker = f": {_described(overflowing)} makes them" if overflowing else ""
    return ModelError(
        f"{loaded.name!r} makes images that are not finite (NaN) in {loaded.dtype_name}{maker}; "
        f"{nan_advice(loaded.dtype_name)}"
    )


def states_error(loaded: LoadedModel, encoder: str) -> ModelError:
    """The sentence for a text encoder whose states are not finite, whatever the prompt."""
    what = f"{encoder} of {loaded.name!r} makes NaN or infinite states of every prompt"
    if damaged_component(loaded.pipeline) == encoder:
        return ModelError(
            f"{what}: the weights of {_described(encoder)} hold numbers that are not finite, so "
            "the checkpoint is damaged; fetch or save it again"
        )
    return ModelError(f"{what} in {loaded.dtype_name}; {nan_advice(loaded.dtype_name)}")


def _noting(name: str, found: list[str]) -> Any:
    def note(_: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        if not found and _has_nan(output):
            given = [*args, *kwargs.values()]
            # NaN in the input comes from outside, e.g. from the scheduler, so no network is named.
            found.append("" if _has_nan(given) else name)

    return note


def _has_nan(value: Any) -> bool:
    return any(bool(tensor.isnan().any()) for tensor in _tensors(value))


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    import torch

    if isinstance(value, torch.Tensor):
        if value.is_floating_point() and value.device.type != "meta":
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


def _networks(pipeline: Any) -> Iterator[tuple[str, nn.Module]]:
    from torch import nn

    for name, component in pipeline.components.items():
        if isinstance(component, nn.Module):
            yield name, component


def _described(component: str) -> str:
    role = "component"
    if component in DENOISERS:
        role = "denoiser"
    elif "text_encoder" in component:
        role = "text encoder"
    elif component in ("vae", "movq", "vqgan"):
        role = "autoencoder"
    return f"the {role} ({component})"
