"""Of several judges only the one at work has its weights on the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from prompts.structure import Prompt
from t2i_audit.judges.base import Judgement
from t2i_audit.judges.panel import Member, at_work
from t2i_audit.judges.scope import Scope


@dataclass
class Movable:
    """A judge that knows where it is."""

    name: str
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    window: int | None = None
    advice: str = ""
    device: str = "cpu"

    def move_to(self, device: str) -> None:
        self.device = device

    def scope(self, prompts: Sequence[Prompt]) -> Scope:
        return Scope({})

    def judge(self, images: np.ndarray, prompts: Sequence[Prompt]) -> list[Judgement]:
        raise NotImplementedError


def test_the_others_wait_on_the_host() -> None:
    judges = [Movable("a", device="cuda"), Movable("b"), Movable("c")]
    panel = tuple(Member(judge, Scope({})) for judge in judges)

    for index, member in enumerate(panel):
        with at_work(panel, member, "cuda"):
            assert [judge.device for judge in judges] == [
                "cuda" if number == index else "cpu" for number in range(3)
            ]
    assert [judge.device for judge in judges] == ["cpu"] * 3


def test_a_judge_leaves_the_device_when_it_fails() -> None:
    judges = [Movable("a", device="cuda"), Movable("b")]
    panel = tuple(Member(judge, Scope({})) for judge in judges)

    with pytest.raises(ValueError), at_work(panel, panel[1], "cuda"):
        raise ValueError

    assert [judge.device for judge in judges] == ["cpu", "cpu"]


def test_verdicts_are_kept_by_all_that_they_depend_on() -> None:
    def key(name: str, **fingerprint: str) -> str:
        return Member(Movable(name, fingerprint), Scope({})).key

    same = key("vqa:org/model", revision="1", template="a")

    assert same == key("vqa:org/model", template="a", revision="1")
    assert same != key("vqa:org/model", revision="2", template="a")
    assert same != key("vqa:org-model", revision="1", template="a")
    assert not set(key("clip:local-dir:../../\n")) & set("/:.\n")
