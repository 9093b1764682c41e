"""The denoiser's calls and the sampling steps of a pipeline's call, seen and changed by hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import wraps
from typing import TYPE_CHECKING, Any

from t2i_audit.activations.denoiser.inputs import arguments_of
from t2i_audit.activations.denoiser.observable import observable
from t2i_audit.errors import ModelError
from t2i_audit.generation.sampling import sampler_of
from t2i_audit.models.offload import put_away
from t2i_audit.pipelines.denoiser import without_compilation
from t2i_audit.pipelines.workarounds import replaced_method

if TYPE_CHECKING:
    from torch import nn

    from t2i_audit.generation.batches import Batch
    from t2i_audit.generation.sampling import Sampling
    from t2i_audit.models.loaded import LoadedModel

OnCall = Callable[[dict[str, Any]], dict[str, Any] | None]
"""Is given the denoiser's arguments by name; returns those it is to be called with, or None."""


class AllReadError(Exception):
    """Ends a pipeline's call from which nothing more is to be read."""


@contextmanager
def watching(
    loaded: LoadedModel, on_call: OnCall, on_step: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """While the block runs, have `on_call` see and change every call of the denoiser.

    It runs before the hooks that move a network's arguments to its device, whether the network is
    offloaded or spread over devices, and outside of what ``torch.compile`` made of it.

    Args:
        loaded: the model.
        on_call: see `OnCall`.
        on_step: called whenever a scheduler of the pipeline has been asked for a step.

    Raises:
        ModelError: the pipeline has no denoiser.
    """
    denoiser = loaded.adapter.denoiser_network
    if denoiser is None:
        raise ModelError(f"{loaded.adapter.class_name} has no denoiser that is known.")

    def change(
        module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        arguments = arguments_of(module, args, kwargs)
        changed = on_call(arguments)
        if changed is None:
            return None
        names = list(arguments)
        return (
            tuple(changed[name] for name in names[: len(args)]),
            {name: changed[name] for name in names[len(args) :]},
        )

    with ExitStack() as stack:
        # Where the module was compiled in place, its hooks were compiled with it.
        inner = without_compilation(denoiser)
        compiled = getattr(inner, "_compiled_call_impl", None) is not None
        stack.enter_context(observable(inner, compiled=compiled, attention=False))
        handle = denoiser.register_forward_pre_hook(change, with_kwargs=True)
        stack.callback(handle.remove)
        for scheduler in _schedulers(loaded):
            stack.enter_context(_counted(scheduler, on_step))
        yield


def call_pipeline(loaded: LoadedModel, batch: Batch, sampling: Sampling) -> None:
    """Call the pipeline for `batch` as for its images, which are thrown away.

    Hooks may end the call by `AllReadError`.
    """
    with suppress(AllReadError):
        sampler_of(loaded, sampling, None, steps=sampling.steps)(batch)
    put_away((loaded.pipeline, *loaded.adapter.parts.values()))


def _schedulers(loaded: LoadedModel) -> list[Any]:
    """The schedulers of the pipeline and of its parts, which may be the same ones."""
    pipelines = (loaded.pipeline, *loaded.adapter.parts.values())
    every = [each for pipeline in pipelines for each in pipeline.components.values()]
    found = {id(each): each for each in every if hasattr(each, "set_timesteps")}
    return [each for each in found.values() if hasattr(each, "step")]


def _counted(scheduler: Any, on_step: Callable[[], None]) -> AbstractContextManager[None]:
    step = scheduler.step

    # Pipelines look at the signature to see whether the step draws noise from their generators.
    @wraps(step)
    def counted(*args: Any, **kwargs: Any) -> Any:
        on_step()
        return step(*args, **kwargs)

    return replaced_method(scheduler, "step", counted)
