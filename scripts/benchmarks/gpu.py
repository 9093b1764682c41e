"""What makes sampling faster or smaller on a GPU, each against the same without it.

    python -m scripts.bench gpu --model OWNER/NAME --rounds 1

is meant to take ten minutes with a checkpoint of FLUX's size. A GPU holds one checkpoint at a time,
so that what is compared with the plain one is measured after it there, and in turns on a CPU.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.benchmarks.line import Line, over, timed
from t2i_audit.settings import ModelOptions, Placement

if TYPE_CHECKING:
    from prompts.structure import Prompt
    from t2i_audit.generation.sampling import Sampling
    from t2i_audit.models.loaded import LoadedModel

Side = Callable[[tuple["Prompt", ...]], None]

BATCH_SIZE, IMAGES = 4, 8
SUITE = "world-relations"
SIDE = 1024  # of the images that are compressed


@dataclass(frozen=True)
class Option:
    """What is compared with the checkpoint as it is."""

    name: str
    placement: Placement = field(default_factory=Placement)
    model: ModelOptions = field(default_factory=ModelOptions)


OPTIONS = (
    Option("--compile", Placement(compile=True)),
    Option("--channels-last", Placement(channels_last=True)),
    *(
        Option(f"--attention {name}", Placement(attention=name))
        for name in ("_native_cudnn", "flash", "_flash_3", "sage", "xformers")
    ),
    *(
        Option(f"--quantize {name}", model=ModelOptions(quantize=name))
        for name in ("fp8", "int8", "nf4")
    ),
)


@dataclass(frozen=True, eq=False)
class Plain:
    """The checkpoint as it is, without recording."""

    seconds: tuple[float, ...]
    """Of its images, a value a round."""
    again: Callable[[], None] | None
    """Makes them once more; None on a GPU, which may not hold two checkpoints."""


def gpu(rounds: int, limit: int, *, model: str) -> list[Line]:
    """Bare loop, denoiser station, PNG files, and each option that the checkpoint takes."""
    from prompts.suite import load_suite
    from t2i_audit.errors import ModelError

    prompts = load_suite(SUITE).limited(min(limit, IMAGES)).prompts
    lines, plain = _plain(model, prompts, rounds)
    for option in OPTIONS:
        _give_back_memory()
        try:
            lines.append(_with_option(model, prompts, rounds, option, plain))
        except ModelError as error:
            remark = f"{option.name} was left out: {error}"
            lines[0] = replace(lines[0], remark=f"{lines[0].remark}\n{remark}")
    return [*lines, _compression(rounds)]


def _plain(model: str, prompts: tuple[Prompt, ...], rounds: int) -> tuple[list[Line], Plain]:
    loaded = _load(model, Option(""))
    ours = partial(_ours, loaded, record=False)
    sides: list[Side] = [
        _bare(loaded),
        ours,
        partial(_ours, loaded, record=True),
        _encoding(loaded),
    ]
    for side in sides:
        side(prompts[:BATCH_SIZE])  # the first pass sets up more than the later ones
    times: list[list[float]] = [[] for _ in sides]
    for number in range(rounds):
        # A machine's clock drifts within a round, so each side comes first in its turn.
        for turn in range(number, number + len(sides)):
            side = sides[turn % len(sides)]
            times[turn % len(sides)].append(timed(partial(side, prompts)))
    baseline, plain, recorded, encoding = times
    what = f"{model} on {_device(loaded)}, {len(prompts)} images in batches of {BATCH_SIZE}: "
    remark = f"Without any option: {_memory(loaded)}."
    lines = [
        Line(f"{what}ours over the bare loop", tuple(plain), over(plain, baseline), "", remark),
        Line("denoiser station on", tuple(recorded), over(recorded, baseline), ""),
        Line("encoding the prompts alone", tuple(encoding), over(encoding, baseline), ""),
    ]
    on_host = loaded.device.type == "cpu"
    return lines, Plain(tuple(plain), partial(ours, prompts) if on_host else None)


def _with_option(
    model: str, prompts: tuple[Prompt, ...], rounds: int, option: Option, plain: Plain
) -> Line:
    loaded = _load(model, option)
    first = timed(partial(_ours, loaded, prompts[:BATCH_SIZE], record=False))
    own, others = [], []
    for number in range(rounds):
        own.append(timed(partial(_ours, loaded, prompts, record=False)))
        others.append(plain.seconds[number] if plain.again is None else timed(plain.again))
    remark = f"{option.name}: the first batch took {first:.0f} s; {_memory(loaded)}."
    return Line(f"{option.name} over without", tuple(own), over(own, others), "< 1", remark)


def _give_back_memory() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _load(model: str, option: Option) -> LoadedModel:
    import torch

    from t2i_audit.models import load_model

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    return load_model(model, placement=option.placement, options=option.model)


def _sampling(loaded: LoadedModel, *, record: bool) -> Sampling:
    from t2i_audit.generation.defaults import sampling_defaults
    from t2i_audit.generation.sampling import Sampling

    chosen = sampling_defaults(loaded, ()).given(None, None)
    return Sampling(chosen.steps, chosen.guidance_scale, 1, BATCH_SIZE, record_denoiser=record)


def _ours(loaded: LoadedModel, prompts: tuple[Prompt, ...], *, record: bool) -> None:
    from t2i_audit.run.directory import open_run
    from t2i_audit.stages.images import make_images

    with tempfile.TemporaryDirectory() as folder, open_run(Path(folder) / "run", {}) as run:
        make_images(run, loaded, prompts, _sampling(loaded, record=record))


def _bare(loaded: LoadedModel) -> Side:
    from t2i_audit.pipelines.workarounds import quiet_libraries

    sampling, call = _sampling(loaded, record=False), loaded.adapter.call
    arguments: dict[str, Any] = {call.steps: sampling.steps}
    if sampling.guidance_scale is not None and call.takes(call.guidance):
        arguments[call.guidance] = sampling.guidance_scale

    def loop(prompts: tuple[Prompt, ...]) -> None:
        with tempfile.TemporaryDirectory() as folder, quiet_libraries():
            for texts in _batches(prompts):
                for row, image in enumerate(loaded.pipeline(texts, **arguments)[0]):
                    image.save(Path(folder) / f"{row}.png")

    return loop


def _encoding(loaded: LoadedModel) -> Side:
    def encode(prompts: tuple[Prompt, ...]) -> None:
        with loaded.adapter.encoding() as encoded:
            for texts in _batches(prompts):
                for tensor in encoded(texts):
                    tensor.cpu()  # so that the device has done its work

    return encode


def _batches(prompts: tuple[Prompt, ...]) -> list[list[str]]:
    texts = [prompt.text for prompt in prompts]
    return [texts[start : start + BATCH_SIZE] for start in range(0, len(texts), BATCH_SIZE)]


def _compression(rounds: int) -> Line:
    """The PNG files of a batch of large images, in threads and one after the other."""
    import numpy as np

    from t2i_audit.images.png import encode_pngs

    rng = np.random.default_rng(0)
    smooth = np.linspace(0, 200, SIDE)[:, None, None] + rng.integers(0, 24, (SIDE, SIDE, 3))
    images = np.stack([np.roll(smooth, row, axis=1) for row in range(IMAGES)]).astype(np.uint8)

    def one_by_one() -> None:
        for image in images:
            encode_pngs(image[None])

    ours, others = [], []
    for _ in range(rounds):
        ours.append(timed(lambda: encode_pngs(images)))
        others.append(timed(one_by_one))
    what = f"{IMAGES} PNG files of {SIDE} x {SIDE} in threads over one after the other"
    return Line(what, tuple(ours), over(ours, others), "< 1")


def _device(loaded: LoadedModel) -> str:
    from t2i_audit.models.hardware import device_label

    kind = "a CPU, " if loaded.device.type == "cpu" else ""
    return f"{kind}{device_label(loaded.device)} in {loaded.dtype_name}"


def _memory(loaded: LoadedModel) -> str:
    import torch

    if loaded.device.type != "cuda":
        return "memory is not measured on a CPU"
    peak = torch.cuda.max_memory_allocated(loaded.device)
    return f"at most {peak / 2**30:.1f} GiB on the device"
