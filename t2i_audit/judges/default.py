"""Which judge an audit has where the user names none, or names it without a model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from t2i_audit.errors import JudgeError
from t2i_audit.judges.load import KINDS, judge_specs
from t2i_audit.judges.panel import Panel, load_panel
from t2i_audit.settings import AUTO_JUDGE, BUILTIN_PREFIX, DEFAULT_CLIP

if TYPE_CHECKING:
    from prompts.structure import Prompt

GB = 10**9  # bytes
ACCELERATORS = ("cuda", "mps")


@dataclass(frozen=True)
class DefaultJudge:
    """A judge for real images, and the memory that it takes."""

    spec: str
    """As on the command line."""
    needs: int
    """Bytes of the device's memory that must be free beside the checkpoint; 0 where it also runs
    on a CPU."""


# The best first. GenEval 2 judges with Qwen3-VL-8B-Instruct, which agrees with people better than
# CLIP does at binding and relations; the smaller ones are of the same series. Weights in bfloat16
# take 17.5, 8.9 and 4.3 GB (8.8, 4.4 and 2.1 billion parameters). A fifth more and 3 GB are for the
# questions on a batch of images, and for what the sampler needs beside its own weights. A CPU takes
# tens of seconds for each question to such a model, so that CLIP judges there.
DEFAULTS = (
    DefaultJudge("vqa:Qwen/Qwen3-VL-8B-Instruct", 24 * GB),
    DefaultJudge("vqa:Qwen/Qwen3-VL-4B-Instruct", 14 * GB),
    DefaultJudge("vqa:Qwen/Qwen3-VL-2B-Instruct", 8 * GB),
    DefaultJudge(DEFAULT_CLIP, 0),
)


# What a kind of judge is on real images where no model is named. GenEval's own detector is a
# Mask2Former with a Swin-S, trained on COCO.
OF_REAL_IMAGES = {
    "clip": DEFAULT_CLIP,
    "geneval": "geneval:facebook/mask2former-swin-small-coco-instance",
}


@dataclass(frozen=True)
class ChosenJudges:
    """The judges of a run, the primary one first."""

    specs: tuple[str, ...]
    default: DefaultJudge | None = None
    """The one among them that the user did not name."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Which judge was chosen and why; empty if the user named all, or for the oracle."""
        return () if self.default is None else (_note(self.default),)

    @property
    def text(self) -> str:
        """The judges as on the command line."""
        return ",".join(self.specs)


def choose_judges(
    text: str, *, model: str, device: str, free: int, before: str = ""
) -> ChosenJudges:
    """The judges that the option ``--judge`` stands for.

    Args:
        text: the option's value.
        model: the checkpoint. Images of a built-in one are of the rendered world, for which
            ``auto`` is the oracle, and ``clip``, ``vqa`` and ``geneval`` are the built-in models;
            for any other checkpoint they are models of real images.
        device: the kind of device, e.g. ``cuda``.
        free: bytes of the device's memory that are free.
        before: the judges of the run that is resumed, which keeps its default judge.

    Raises:
        JudgeError: as `judge_specs`.
    """
    default = None
    specs = []
    for spec in judge_specs(text):
        if model.startswith(BUILTIN_PREFIX):
            specs.append("oracle" if spec == AUTO_JUDGE else spec)
        elif spec == AUTO_JUDGE:
            default = _kept(before) or default_judge(device, free)
            specs.append(default.spec)
        elif spec == "vqa":
            specs.append(_vqa_for(device, free))
        else:
            specs.append(OF_REAL_IMAGES.get(spec, spec))
    return ChosenJudges(judge_specs(",".join(specs)), default)


def load_chosen(
    chosen: ChosenJudges, prompts: Sequence[Prompt], *, device: str, strict: bool
) -> Panel:
    """Load the judges of a run; see `load_panel`.

    Raises:
        JudgeError: as `load_panel`; of the default judge it says what to give in its place.
    """
    try:
        return load_panel(chosen.specs, prompts, device=device, strict=strict)
    except JudgeError as err:
        default = chosen.default
        # What CLIP says of itself names another judge already.
        if default is None or not default.needs or default.spec not in str(err):
            raise
        raise JudgeError(
            f"{err} ({default.spec} is the default judge here; --judge {DEFAULT_CLIP} is another "
            "one)"
        ) from err


def default_judge(device: str, free: int, kinds: Collection[str] = tuple(KINDS)) -> DefaultJudge:
    """The best judge of real images that fits a device.

    Args:
        device: its kind, e.g. ``cuda``.
        free: bytes of its memory that are free.
        kinds: the kinds of judges that there are.
    """
    room = free if device in ACCELERATORS else 0
    return next(
        each for each in DEFAULTS if each.needs <= room and each.spec.partition(":")[0] in kinds
    )


def _vqa_for(device: str, free: int) -> str:
    """The best model that answers questions on real images; the smallest where none fits."""
    room = free if device in ACCELERATORS else 0
    models = [each for each in DEFAULTS if each.spec.startswith("vqa:")]
    fitting = (each for each in models if each.needs <= room)
    return next(fitting, models[-1]).spec


def _kept(before: str) -> DefaultJudge | None:
    there = judge_specs(before) if before else ()
    return next((each for each in DEFAULTS if each.spec in there), None)


def _note(default: DefaultJudge) -> str:
    if default.needs:
        why = f"the best for a device with {default.needs // GB} GB of free memory"
    else:
        least = min(each.needs for each in DEFAULTS if each.needs) // GB
        why = (
            "the default on a CPU and where less memory of a device is free than a "
            f"vision-language model needs ({least} GB)"
        )
    return f"No judge was named, so {default.spec} judges: {why}."
