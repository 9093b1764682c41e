"""Settings of what is drawn anew to measure use, and of the command that does so."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from t2i_audit.errors import AuditError
from t2i_audit.settings.model import DeviceOption, TrustRemoteCode
from t2i_audit.settings.option import Option, check_options, option_name
from t2i_audit.settings.run import WriteReport
from t2i_audit.settings.sampling import MOST_IMAGES

# The half-width of every use is then 0.099 at most (`t2i_audit.analysis.use.size`).
DEFAULT_USE_PROMPTS = 200
ALL = "all"
TEXT = "text"
KINDS = ("erase", "steer", "context")
"""What can be asked for; the random control always goes with ``erase``."""


@dataclass(frozen=True)
class UseOptions:
    """What is drawn anew.

    Raises:
        AuditError: a value is out of its range, or names nothing.
    """

    use_prompts: Annotated[
        int,
        Option(
            "--use-prompts",
            "Number of prompts with a slot that are drawn anew, one image each, for every change "
            "of the slot. With 200 a 95% interval of use reaches at most 0.10 to either side.",
            group="Use",
            metavar="N",
            at_least=1,
            at_most=MOST_IMAGES,
        ),
    ] = DEFAULT_USE_PROMPTS
    use_slots: Annotated[
        str,
        Option(
            "--use-slots",
            "Slots whose use is measured, separated by commas, or all.",
            group="Use",
            metavar="SLOT,...|all",
            not_empty=True,
        ),
    ] = ALL
    use_sites: Annotated[
        str,
        Option(
            "--use-sites",
            "Where slots are changed, separated by commas: text, what the denoiser is given; the "
            "name of one of its blocks (see t2i-audit doctor); or all of these.",
            group="Use",
            metavar="text|BLOCK,...|all",
            not_empty=True,
        ),
    ] = TEXT
    use_kinds: Annotated[
        str,
        Option(
            "--use-kinds",
            "What is done, separated by commas: erase takes a slot out, beside the control that "
            "takes out a random subspace; steer exchanges it for another value; context encodes "
            "every word by itself. Or all of these.",
            group="Use",
            metavar="KIND,...|all",
            not_empty=True,
        ),
    ] = ALL

    def __post_init__(self) -> None:
        check_options(self)
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown:
            raise AuditError(
                f"{option_name(UseOptions, 'use_kinds')} should name some of {', '.join(KINDS)}, "
                f"or {ALL}; it names {unknown[0]!r}"
            )

    @property
    def slots(self) -> tuple[str, ...] | None:
        """The slots by name; None for all."""
        return _listed(self.use_slots)

    @property
    def sites(self) -> tuple[str, ...] | None:
        """The sites by name; None for all."""
        return _listed(self.use_sites)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is done, of `KINDS`."""
        return _listed(self.use_kinds) or KINDS


@dataclass(frozen=True, kw_only=True)
class UseSettings:
    """Settings of the command that measures use on a finished audit.

    Raises:
        AuditError: a value is out of its range.
    """

    run: Annotated[
        Path, Option("RUN", "Directory or URL of a finished audit.", metavar="RUN", place="run")
    ]
    options: UseOptions = field(default_factory=UseOptions)
    plan: Annotated[
        bool,
        Option("--plan", "Say how many images would be made and what they take; make none."),
    ] = False
    device: DeviceOption = "auto"
    report: WriteReport = True
    trust_remote_code: TrustRemoteCode = None
    """The one model whose own code may run."""

    def __post_init__(self) -> None:
        check_options(self)


def _listed(text: str) -> tuple[str, ...] | None:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    return None if names == (ALL,) else names
