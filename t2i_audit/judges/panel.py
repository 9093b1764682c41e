"""The judges of one run: loaded and tried one after the other, and the first is the primary one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import JudgeError
from t2i_audit.judges.base import Judge
from t2i_audit.judges.load import load_judge
from t2i_audit.judges.scope import Scope, require_scope, scope_lines

if TYPE_CHECKING:
    from prompts.structure import Prompt

HOST = "cpu"  # where the judges wait that are not at work
DIGITS = 12  # of the hash in a key
LONGEST = 40  # characters of the name in a key


@dataclass(frozen=True, eq=False)
class Member:
    """A judge of a run, and which of the run's prompts it can judge."""

    judge: Judge
    scope: Scope

    @property
    def name(self) -> str:
        """The judge's name in results."""
        return self.judge.name

    @property
    def identity(self) -> dict[str, Any]:
        """All that its verdicts depend on, for the manifest."""
        return {"name": self.judge.name, **self.judge.fingerprint}

    @property
    def key(self) -> str:
        """The name of the folder in which its verdicts are kept: equal for equal identities."""
        digest = hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", self.name).strip("-")[:LONGEST]
        return f"{name}-{digest[:DIGITS]}"


Panel = tuple[Member, ...]


def load_panel(
    specs: Sequence[str], prompts: Sequence[Prompt], *, device: str, strict: bool = False
) -> Panel:
    """Load and try every judge on `device`; of several, only the first stays there.

    Args:
        specs: the judges as on the command line, the primary one first.
        prompts: what they are to judge images of.
        device: where they work, e.g. ``cuda``.
        strict: whether a judge that cannot judge every prompt is refused.

    Raises:
        JudgeError: there is no such judge, one does not load or cannot judge, or one is named
            twice.
    """
    members: list[Member] = []
    for spec in specs:
        judge = load_judge(spec, device=device)
        if any(judge.name == each.name for each in members):
            raise JudgeError(
                f"judge {judge.name!r} is named twice; name each judge once, and give two folders "
                "of one name different names"
            )
        scope = judge.scope(prompts)
        require_scope(judge, scope, prompts, strict=strict)
        if len(specs) > 1:
            judge.move_to(HOST)
        members.append(Member(judge, scope))
    if len(specs) > 1:
        members[0].judge.move_to(device)
    return tuple(members)


@contextmanager
def at_work(panel: Panel, member: Member, device: str) -> Iterator[Judge]:
    """The judge of `member` on `device`, and no other judge of `panel` beside it."""
    if len(panel) == 1:
        yield member.judge
        return
    for other in panel:
        if other is not member:
            other.judge.move_to(HOST)
    member.judge.move_to(device)
    try:
        yield member.judge
    finally:
        member.judge.move_to(HOST)


def panel_lines(panel: Panel, n_prompts: int) -> list[str]:
    """Sentences, without a full stop, on what each judge leaves out of `n_prompts` prompts."""
    return [line for member in panel for line in scope_lines(member.judge, member.scope, n_prompts)]


def panel_identity(panel: Panel) -> dict[str, Any]:
    """What the verdicts of a run depend on, for the manifest: the primary judge, and the others."""
    first, *others = (member.identity for member in panel)
    return {"judge": first, **({"more_judges": others} if others else {})}
