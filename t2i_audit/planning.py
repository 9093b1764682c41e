"""What an audit of a suite can show, from the suite alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit.addresses import as_given
from t2i_audit.errors import AuditError
from t2i_audit.inputs import suite_of
from t2i_audit.printable import counted
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.settings import PlanSettings, check_count

if TYPE_CHECKING:
    from prompts.structure import Prompt
    from t2i_audit.results.plan import AssociationPlan, GroupPlan, SlotPlan, SuitePlan
    from t2i_audit.results.taken import Taken

FEWEST_FOR_REPEATS = 2  # seeds


def plan_suite(settings: PlanSettings, reporter: Reporter = SILENT) -> SuitePlan:
    """Say what an audit of a suite can show and what it cannot; nothing is run.

    Args:
        settings: the suite, the number of images, and what is assumed of the model.
        reporter: receives notes on how the prompts were drawn from their suite.

    Raises:
        AuditError: the suite cannot be used, or would make too many images; or the run that tells
            time and disk is no finished audit.
    """
    from t2i_audit.analysis.planning import POWER, association_plan, group_plan
    from t2i_audit.results.plan import SuitePlan

    suite, notes = suite_of(settings)
    prompts = suite.prompts
    check_count(len(prompts), settings.seeds)
    for note in notes:
        reporter.note(note)
    expected = partial(
        group_plan,
        seeds=settings.seeds,
        repeatability=settings.repeatability,
        spread=settings.spread,
    )
    slots = sorted({part.slot for prompt in prompts for part in prompt.constituents})

    def having(slot: str) -> list[Prompt]:
        return [prompt for prompt in prompts if prompt.constituent(slot) is not None]

    association = association_plan(
        prompts if slots else (),
        seeds=settings.seeds,
        repeatability=settings.repeatability,
        spread=settings.spread,
    )
    return SuitePlan(
        suite=suite.name,
        seeds=settings.seeds,
        images=len(prompts) * settings.seeds,
        repeatability=settings.repeatability,
        spread=settings.spread,
        power=POWER,
        overall=expected(prompts),
        by_slot={slot: expected(having(slot)) for slot in slots},
        by_type=_by(prompts, lambda prompt: prompt.type, expected),
        by_split=_by(prompts, lambda prompt: prompt.split, expected),
        association=association,
        slots={slot: _slot(prompts, slot, seed=settings.seed) for slot in slots},
        missing=dict(_missing(prompts, settings.seeds, association)),
        taken=None
        if settings.like is None
        else taken_like(settings.like, prompts=len(prompts), seeds=settings.seeds),
    )


def taken_like(like: Path, *, prompts: int, seeds: int) -> Taken:
    """What an audit of so many `prompts` and `seeds` takes, by what the audit in `like` took.

    Its images and judgements grow with the images, its activations and other tables with the
    prompts, so all its tables are taken to grow with whichever of both grows more.

    Raises:
        AuditError: there is no finished audit in `like`.
    """
    from t2i_audit.results.run import load_run
    from t2i_audit.results.taken import Taken
    from t2i_audit.run.usage import ACTIVATIONS, IMAGES, TABLES, bytes_of

    run = load_run(like)
    made = run.manifest.settings
    if made.get("command") != "audit":
        raise AuditError(
            f"{like} is no audit of a model, so it does not tell what one takes; give --like the "
            "run of an audit"
        )
    cost, images = run.cost, prompts * seeds
    of_prompts = prompts / run.summary.n_prompts
    of_images = images / run.summary.n_images
    growth = {IMAGES: of_images, ACTIVATIONS: of_prompts, TABLES: max(of_images, of_prompts)}
    return Taken(
        like=as_given(str(like)),
        model=run.summary.model,
        steps=made["sampler"]["steps"],
        height=made["sampler"]["height"],
        width=made["sampler"]["width"],
        like_images=run.summary.n_images,
        timed_images=0 if cost is None else cost.images,
        device="" if cost is None else cost.device,
        seconds_per_image=None if cost is None else cost.seconds_per_image,
        seconds=None if cost is None else images * cost.seconds_per_image,
        bytes={kind: round(own * growth[kind]) for kind, own in bytes_of(like).items()},
    )


def _slot(prompts: tuple[Prompt, ...], slot: str, *, seed: int) -> SlotPlan:
    from t2i_audit.probes.enough import too_small
    from t2i_audit.probes.features import slot_targets
    from t2i_audit.probes.folds import Folds
    from t2i_audit.probes.verdicts import SAME_VALUE, TOO_FEW
    from t2i_audit.results.plan import SlotPlan

    parts = [part for prompt in prompts for part in prompt.constituents if part.slot == slot]
    values = len({part.value for part in parts})
    reason = SAME_VALUE if values < 2 else too_small(prompts, slot)
    if not reason:
        target = next(each for each in slot_targets(prompts) if each.name == slot)
        reason = "" if Folds(prompts, seed).of(target) else TOO_FEW
    return SlotPlan(len(parts), values, reason)


def _by(
    prompts: Iterable[Prompt],
    label: Callable[[Prompt], str | None],
    expected: Callable[[list[Prompt]], GroupPlan],
) -> dict[str, GroupPlan]:
    groups: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        name = label(prompt)
        if name is not None:
            groups.setdefault(name, []).append(prompt)
    return {name: expected(groups[name]) for name in sorted(groups)}


def _missing(
    prompts: tuple[Prompt, ...], seeds: int, association: tuple[AssociationPlan, ...]
) -> Iterator[tuple[str, str]]:
    """Each figure that an audit leaves out, with the reason."""
    from t2i_audit.analysis.chance import FEWEST_IMAGES

    there = counted(seeds, "seed")
    if not any(prompt.constituents for prompt in prompts):
        yield (
            "decodability, association, causes and forecast",
            "no prompt names its constituents; give a suite with structure (see `t2i-audit "
            "prompts`)",
        )
    if association and all(math.isnan(each.smallest_auroc) for each in association):
        yield (
            "association and forecast",
            f"{counted(len(prompts), 'prompt')} with {there} are too few; give more prompts",
        )
    if seeds < FEWEST_FOR_REPEATS:
        yield (
            "repeatability, the ceiling of association and forecast",
            f"with {there} it cannot be seen whether a failure comes again; give --seeds 2 or more",
        )
    if seeds < FEWEST_IMAGES:
        yield (
            "chance as a cause",
            f"with {there} it cannot be told from the denoiser; give --seeds {FEWEST_IMAGES} or "
            "more",
        )
    splits = {prompt.split for prompt in prompts}
    if not {"seen", "held_out"} <= splits:
        yield (
            "held-out against seen compositions",
            "the suite has no split; `t2i-audit prompts generate --held-out` makes one",
        )
