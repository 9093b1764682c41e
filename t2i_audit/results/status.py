"""How far a run is, and which processes are at work in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from t2i_audit.results.interval import Number

WorkerState = Literal["at work", "silent", "absent"]
"""``absent`` is a part of a divided run in which no process is at work: its process has not begun,
has done its part, or has ended before."""


@dataclass(frozen=True)
class ActorStatus:
    """What one actor of an engine has made in this stage, as its driver says."""

    name: str
    is_silent: bool
    """Whether nothing has come back from it for a minute, and three times as long as ever before:
    it is lost, or has nothing to do."""
    made: int
    last: Number
    """Seconds since something came back."""


@dataclass(frozen=True)
class WorkerStatus:
    """One process of a run, by what it last said of itself."""

    number: int
    """Of its part of the run, from 1."""
    state: WorkerState
    images: int | None = None
    """Of its part, made so far by any process; None for runs that make none."""
    of_images: int | None = None
    """Of its part, in all."""
    host: str = ""
    process: int | None = None
    stage: str = ""
    done: int = 0
    """Items of its part of the stage."""
    total: int = 0
    rate: Number | None = None
    """Items in a second, since it began the stage; None before the first."""
    left: Number | None = None
    """Seconds that the rest of its part of the stage takes at this rate."""
    heard: Number | None = None
    """Seconds since it gave a sign of life."""
    last: Number | None = None
    """Seconds since it made an item."""
    actors: tuple[ActorStatus, ...] = ()


@dataclass(frozen=True)
class RunStatus:
    """How far a run is."""

    run: str
    """As the user calls it."""
    finished: bool
    images: int | None
    """Made so far; None for runs that make none."""
    of_images: int | None
    """In all."""
    stages: dict[str, str]
    """Stage -> ``pending``, ``running`` or ``done``."""
    workers: tuple[WorkerStatus, ...]
    """Empty where no process is at work, and none was killed."""
