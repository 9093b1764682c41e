"""What success is measured with, and what two runs must share to be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from t2i_audit.io import to_json
from t2i_audit.results.leaderboard import LeaderboardRow, Scalar

Allowed = Literal["suite", "judge", "prompts", "seeds"]


ALLOWED: tuple[Allowed, ...] = get_args(Allowed)


SHORT = 8  # digits of a hash that are shown


@dataclass(frozen=True)
class Measure:
    """What success is measured with; runs of unequal measures are not compared."""

    suite: str
    judge: str
    suite_sha256: str
    judge_sha256: str
    """Of the judge's fingerprint."""
    prompts: Scalar
    seeds: Scalar
    fingerprint: Mapping[str, Any] = field(default_factory=dict)
    """Of the judge; empty for a row whose run is gone."""

    @classmethod
    def of_row(cls, row: LeaderboardRow) -> Measure:
        """As far as a row of a board says."""
        return cls(
            row.suite,
            row.judge,
            row.suite_sha256,
            row.judge_sha256,
            row.prompts_asked,
            row.n_seeds,
        )

    @property
    def contents(self) -> str:
        """What distinguishes suites: the same one may go by several names."""
        return self.suite_sha256 or self.suite

    def key(self, allow: Sequence[Allowed] = ()) -> str:
        """Equal where two measures are, or differ only in what is in `allow`."""
        parts: dict[Allowed, Any] = {
            "suite": self.contents,
            "judge": [self.judge, self.judge_sha256],
            "prompts": self.prompts,
            "seeds": self.seeds,
        }
        return as_key([value for name, value in parts.items() if name not in allow])


def as_key(value: object) -> str:
    """A SHA-256 of `value` as JSON: equal for equal values."""
    text = json.dumps(to_json(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def scalar(value: Any) -> Scalar:
    """`value` for one cell of a table; what is no scalar becomes JSON."""
    if value is None or isinstance(value, str | int | float):
        return value
    return json.dumps(to_json(value), sort_keys=True, ensure_ascii=False)
