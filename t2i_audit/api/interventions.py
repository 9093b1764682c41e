"""Use, measured by intervention on finished audits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.api.given import path_of, reporter_for
from t2i_audit.results.run import Run
from t2i_audit.settings import DEFAULT_USE_PROMPTS, UseSettings, checked_settings

if TYPE_CHECKING:
    from t2i_audit.results.use import Use
    from t2i_audit.results.use_plan import UsePlan


def use(
    run: str | Path | Run,
    *,
    prompts: int = DEFAULT_USE_PROMPTS,
    slots: str | Sequence[str] = "all",
    sites: str | Sequence[str] = "text",
    kinds: str | Sequence[str] = "all",
    progress: bool = False,
    **settings: Any,
) -> Use:
    """Measure which slots the denoiser of a finished audit draws from, by images drawn anew.

    The same call goes on after an interruption; what was measured before is kept, and more prompts,
    slots or sites are added to it.

    >>> import t2i_audit as t2i
    >>> few = {"seeds": 1, "limit": 36, "steps": 2, "denoiser_station": False, "random_weights": 1}
    >>> run = t2i.audit("builtin:sound", suite="world-relations", out="runs/relations", **few)
    >>> found = t2i.use(run, prompts=4, slots="relation")
    >>> found.n_images, found.of("relation").verdict  # of 4 prompts little can be said
    (16, 'unclear')

    Args:
        run: the audit, or its directory.
        prompts: how many prompts with a slot are drawn anew for every change of it.
        slots: their names, or ``all``.
        sites: ``text``, names of the denoiser's blocks, or ``all``.
        kinds: some of ``erase`` (beside its random control), ``steer`` and ``context``, or ``all``.
        progress: whether to show progress and messages on stderr.
        settings: any other field of `t2i_audit.settings.UseSettings`: ``device``, ``report`` and
            ``trust_remote_code``.

    Returns:
        What it shows, which is `Run.use` of the run from then on.

    Raises:
        TypeError: there is no setting of that name.
        AuditError: there is no such audit, or its use cannot be measured.
    """
    from t2i_audit.using import execute_use, plan_use

    asked = _settings(run, prompts, slots, sites, kinds, settings, function="use")
    return execute_use(plan_use(asked), reporter_for(progress))


def plan_use(
    run: str | Path | Run,
    *,
    prompts: int = DEFAULT_USE_PROMPTS,
    slots: str | Sequence[str] = "all",
    sites: str | Sequence[str] = "text",
    kinds: str | Sequence[str] = "all",
) -> UsePlan:
    """Say how many images `use` would make, and what they take; nothing is loaded or made.

    >>> import t2i_audit as t2i
    >>> few = {"seeds": 1, "limit": 36, "steps": 2, "denoiser_station": False, "random_weights": 1}
    >>> run = t2i.audit("builtin:sound", suite="world-relations", out="runs/relations", **few)
    >>> plan = t2i.plan_use(run, slots="relation")
    >>> plan.images, [(part.kind, part.prompts) for part in plan.parts]
    (144, [('erase', 36), ('random', 36), ('steer', 36), ('context', 36)])

    Args:
        run: a finished run with images, or its directory.
        prompts: how many prompts would be drawn anew.
        slots: as in `use`.
        sites: as in `use`.
        kinds: as in `use`.

    Raises:
        AuditError: as `use`, as far as the run's directory shows it.
    """
    from t2i_audit.using import plan_use as planned

    return planned(_settings(run, prompts, slots, sites, kinds, {}, function="plan_use")).plan


def _settings(
    run: str | Path | Run,
    prompts: int,
    slots: str | Sequence[str],
    sites: str | Sequence[str],
    kinds: str | Sequence[str],
    others: dict[str, Any],
    *,
    function: str,
) -> UseSettings:
    given = {
        **others,
        "run": path_of(run),
        "use_prompts": prompts,
        "use_slots": _text(slots),
        "use_sites": _text(sites),
        "use_kinds": _text(kinds),
    }
    return checked_settings(UseSettings, given, function=function)


def _text(names: str | Sequence[str]) -> str:
    return names if isinstance(names, str) else ",".join(names)
