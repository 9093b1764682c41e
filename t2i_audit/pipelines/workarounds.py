"""Every change to the state of a library, in one place.

Nothing else in this package assigns to a module, a class or a method of diffusers, transformers,
open_clip, peft, torch or the standard library. Each change is a context manager that undoes it when
its block ends. What is process-wide is shared between threads, because a judge works in another
thread while images are made: the first thread that enters changes it, and the last one that leaves
restores it.

The exception is `keep_all_tokens`, whose change stays: the tokenizer was loaded for one judge, and
nothing else shares it.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from t2i_audit.pipelines.distributions import distributions_by_package
from t2i_audit.pipelines.moved_modules import moved_folder

if TYPE_CHECKING:
    from torch import nn

TOKENIZER_THREADS = "TOKENIZERS_PARALLELISM"  # read by the tokenizers library
ROWS, TIME = "hidden_states", "timestep"  # arguments of denoisers

Block = Callable[[], AbstractContextManager[None]]


def _shared_by_threads(change: Block) -> Block:
    """Make `change`, which changes process-wide state, safe for blocks that overlap in threads.

    Were each block to restore what it found, one that entered second and left last would restore
    what the first one had set.
    """
    lock = threading.Lock()
    holders = 0
    active: AbstractContextManager[None] | None = None

    @contextmanager
    @functools.wraps(change)
    def shared() -> Iterator[None]:
        nonlocal holders, active
        with lock:
            if holders == 0:
                active = change()
                active.__enter__()
            holders += 1
        try:
            yield
        finally:
            with lock:
                holders -= 1
                if holders == 0:
                    assert active is not None
                    active.__exit__(None, None, None)

    return shared


@_shared_by_threads
@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence log messages and progress bars of the libraries that load and run models.

    Their errors still reach the caller, as exceptions.
    """
    from diffusers.utils import logging as diffusers_logging
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars
    from transformers.utils import logging as transformers_logging

    both = (diffusers_logging, transformers_logging)
    # The hub's client and open_clip have loggers of their own, and log even errors that they raise.
    disabled = logging.root.manager.disable
    before = [(log.get_verbosity(), log.is_progress_bar_enabled()) for log in both]
    hub_bars_disabled = are_progress_bars_disabled()
    try:
        logging.disable(max(disabled, logging.ERROR))
        for log in both:
            log.set_verbosity_error()
            log.disable_progress_bar()
        yield
    finally:
        logging.disable(disabled)
        for log, (verbosity, bars) in zip(both, before, strict=True):
            log.set_verbosity(verbosity)
            if bars:
                log.enable_progress_bar()
        if hub_bars_disabled:  # transformers switches the hub's bars on with its own
            disable_progress_bars()


@_shared_by_threads
@contextmanager
def quick_imports() -> Iterator[None]:
    """Have libraries that are imported find their distributions by `distributions_by_package`."""
    from importlib import metadata

    before = metadata.packages_distributions
    try:
        metadata.packages_distributions = distributions_by_package
        yield
    finally:
        metadata.packages_distributions = before


@_shared_by_threads
@contextmanager
def tokenizing_in_one_thread() -> Iterator[None]:
    """Keep the tokenizers library to one thread, unless the user has set its variable.

    Its threads compete with torch's for the cores, and a batch of prompts takes a millisecond.
    """
    if TOKENIZER_THREADS in os.environ:
        yield
        return
    os.environ[TOKENIZER_THREADS] = "false"
    try:
        yield
    finally:
        os.environ.pop(TOKENIZER_THREADS, None)


@_shared_by_threads
@contextmanager
def uninitialised_memory_is_nan() -> Iterator[None]:
    """Have torch fill uninitialised memory with NaN, so that it can be found afterwards."""
    import torch

    before = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        torch.use_deterministic_algorithms(True, warn_only=True)
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned)


@contextmanager
def moved_modules(names: Iterable[str]) -> Iterator[None]:
    """Let diffusers find those packages of pipelines that it has moved to its deprecated ones.

    A checkpoint of Stable Cascade says that its decoder's class lies in ``wuerstchen``; diffusers
    looks for it in the package's old place.
    """
    from diffusers import pipelines

    folders = {name: moved_folder(name) for name in names if not hasattr(pipelines, name)}
    added = {name: folder for name, folder in folders.items() if folder is not None}
    try:
        for name, folder in added.items():
            setattr(pipelines, name, folder)
        yield
    finally:
        for name in added:
            delattr(pipelines, name)


@contextmanager
def replaced_method(owner: Any, name: str, method: Callable[..., Any]) -> Iterator[None]:
    """Have the object `owner` use `method` in place of its own method `name`.

    If the object already had a method of its own in place of its class's, it gets that one back.
    """
    missing = object()
    before = vars(owner).get(name, missing)
    setattr(owner, name, method)
    try:
        yield
    finally:
        if before is missing:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


@contextmanager
def without_textual_inversion_search(pipeline: Any) -> Iterator[None]:
    """Skip the search of every prompt for textual inversions of several vectors if there are none.

    Diffusers tokenizes each prompt once more to find such words, which are added tokens ``word``,
    ``word_1`` and so on (`TextualInversionLoaderMixin`). Without any ``word_1`` among the added
    tokens every prompt stays as it is.
    """
    name = "maybe_convert_prompt"
    tokenizers = [each for part, each in pipeline.components.items() if "tokenizer" in part]
    added = {token for each in tokenizers for token in getattr(each, "added_tokens_encoder", {})}
    if not hasattr(pipeline, name) or any(f"{token}_1" in added for token in added):
        yield
        return
    with replaced_method(pipeline, name, lambda prompt, tokenizer: prompt):
        yield


@contextmanager
def guided_by(guiders: Sequence[Any], guidance_scale: float | None) -> Iterator[None]:
    """Have `guiders` use `guidance_scale`.

    They are left as they are if it is None, or the scale that the first one has already.
    """
    own = [each.guidance_scale for each in guiders]
    if guidance_scale is None or guidance_scale in own[:1]:
        yield
        return
    try:
        for each in guiders:
            each.guidance_scale = guidance_scale
        yield
    finally:
        for each, scale in zip(guiders, own, strict=True):
            each.guidance_scale = scale


@contextmanager
def one_text_per_image(pipeline: Any, count: int) -> Iterator[None]:
    """Have a text that the pipeline encodes once for `count` images encoded once for each image.

    Some pipelines encode an empty negative prompt once, and then cannot join it with the prompts.
    """
    encode = getattr(pipeline, "encode_prompt", None)
    if encode is None or count == 1:
        yield
        return

    @functools.wraps(encode)
    def encode_all(*args: Any, **kwargs: Any) -> Any:
        if isinstance(kwargs.get("prompt"), str):
            kwargs["prompt"] = [kwargs["prompt"]] * count
        return encode(*args, **kwargs)

    with replaced_method(pipeline, "encode_prompt", encode_all):
        yield


@contextmanager
def one_time_per_row(denoiser: nn.Module | None) -> Iterator[None]:
    """Give the denoiser as many time steps as it gets rows, where all of them are equal.

    PRX repeats a step's time for the two halves of a guided batch but not for the prompts in them,
    so its call fails with more than one prompt.
    """
    if denoiser is None:
        yield
        return
    handle = denoiser.register_forward_pre_hook(_repeat_time, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def mask_as_long_as(tower: Any, length: int) -> Iterator[None]:
    """Cut the causal mask of open_clip's text tower to `length` tokens.

    The tower keeps its mask as wide as its context, whatever it is given.
    """
    mask = tower.attn_mask
    if mask is None:
        yield
        return
    tower.attn_mask = mask[:length, :length]
    try:
        yield
    finally:
        tower.attn_mask = mask


def _repeat_time(
    _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    import torch

    rows, time = kwargs.get(ROWS), kwargs.get(TIME)
    if not isinstance(rows, torch.Tensor) or not isinstance(time, torch.Tensor) or time.ndim != 1:
        return None
    # A single time is broadcast, and times that differ belong to one row each.
    if len(time) in (1, len(rows)) or not bool((time == time[0]).all()):
        return None
    return args, {**kwargs, TIME: time[:1].expand(len(rows))}


def keep_all_tokens(tokenizer: Any) -> None:
    """Have an open_clip tokenizer keep the first tokens of a text that is too long.

    A model may be trained on texts from which tokens are dropped at random; judging must read the
    same tokens each time.
    """
    if getattr(tokenizer, "reduction_fn", None) is not None:
        tokenizer.reduction_fn = None
