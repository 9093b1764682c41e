"""Actors that take one item after the other; what a lost one had in hand, another one makes.

Ray could restart an actor by itself and repeat its call, but the call would wait for the restart
while other actors have nothing to do. So a lost actor's item goes back to the queue, and a new
actor is asked for, which Ray starts where and when there is room.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from t2i_audit.engine.cluster import may_fit
from t2i_audit.errors import AuditError
from t2i_audit.printable import counted

# A cluster that grows gets machines for the actors that are asked for, up to its own limit.
MOST_ACTORS = 1000
# An item that ends its actors so often is to blame itself.
MOST_LOSSES = 5
POLL = 2.0  # seconds between looks at a cluster from which nothing comes
PATIENCE = 60.0  # seconds for a lost machine to be replaced
LOST_TOGETHER = 5.0  # seconds within which a machine's actors are lost with it
SAID_AFTER = 20.0  # seconds of waiting for room before the user is told
KEPT = "what is done is kept, so give the same command again"

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Answer:
    """What an actor's method returns."""

    value: Any = None
    failure: str | None = None
    """Why there is none, as a sentence for the user."""
    notes: tuple[str, ...] = ()
    """What the user should know."""


@dataclass(eq=False)
class _Hand:
    """An actor, and the call it is at."""

    actor: Any
    started: Any
    """A call that ends as soon as the actor has a place."""
    call: Any = None
    item: int | None = None
    """Index of the item that the call is for; None while the actor gets ready."""
    ready: bool = False


class Pool:
    """Actors for one kind of work after the other."""

    def __init__(
        self,
        start: Callable[[], Any],
        needs: Mapping[str, float],
        note: Callable[[str], None],
    ) -> None:
        """Nothing is started yet.

        Args:
            start: asks Ray for an actor.
            needs: the resources that an actor takes, as Ray names them.
            note: receives what the user should know, each sentence once.
        """
        self._start, self._needs, self._note = start, needs, note
        self._hands: list[_Hand] = []
        self._said: set[str] = set()
        self._lost_early = 0  # times that actors were lost since one was last ready
        self._lost_last = -LOST_TOGETHER
        self._waiting_since = time.monotonic()

    def each(
        self,
        items: Sequence[T],
        *,
        ready: Callable[[Any], Any],
        work: Callable[[Any, T], Any],
    ) -> Iterator[tuple[T, Any]]:
        """What the actors make of `items`, in the order in which it comes.

        Args:
            items: handed out in this order.
            ready: calls an actor to get ready for this work, before its first item.
            work: calls an actor to work on an item.

        Raises:
            AuditError: an actor failed as this process would have, an item ended too many actors,
                or the cluster has no room for an actor.
        """
        import ray

        if not items:
            return
        queue = deque(range(len(items)))
        losses: Counter[int] = Counter()
        for hand in self._hands:
            hand.ready, hand.item, hand.call = False, None, ready(hand.actor)
        left = len(items)
        self._waiting_since = time.monotonic()
        while left:
            self._resize(left, ready)
            for hand in self._hands:
                if hand.ready and hand.call is None and queue:
                    self._hand_out(hand, queue, items, work)
            calls = {hand.call: hand for hand in self._hands if hand.call is not None}
            done, _ = ray.wait(list(calls), timeout=POLL)
            if not done:
                self._look_for_room()
                continue
            hand = calls[done[0]]
            item, hand.call, hand.item = hand.item, None, None
            try:
                answer = ray.get(done[0])
            except ray.exceptions.RayTaskError:
                raise  # a fault of the program
            except ray.exceptions.RayError as err:
                self._lose(hand)
                if item is not None:
                    queue.appendleft(item)
                    losses[item] += 1
                self._require_few_losses(losses[item] if item is not None else 0, err)
                continue
            hand.ready, self._lost_early = True, 0
            for sentence in answer.notes:
                self._say(sentence)
            if answer.failure is not None:
                raise AuditError(answer.failure)
            if queue:
                # The actor works on while this process writes.
                self._hand_out(hand, queue, items, work)
            if item is not None:
                left -= 1
                yield items[item], answer.value
                self._waiting_since = time.monotonic()

    def close(self) -> None:
        """End all actors."""
        for hand in self._hands:
            _end(hand.actor)
        self._hands.clear()

    @staticmethod
    def _hand_out(
        hand: _Hand, queue: deque[int], items: Sequence[T], work: Callable[[Any, T], Any]
    ) -> None:
        hand.item = queue.popleft()
        hand.call = work(hand.actor, items[hand.item])

    def _resize(self, left: int, ready: Callable[[Any], Any]) -> None:
        """Ask for as many actors as there are items left, and for no more."""
        import ray

        spare = len(self._hands) - left
        if spare > 0:
            calls = [hand.started for hand in self._hands]
            started, _ = ray.wait(calls, num_returns=len(calls), timeout=0)
            pending = [hand for hand in self._hands if hand.started not in started]
            for hand in pending[:spare]:
                self._drop(hand)
        while len(self._hands) < min(left, MOST_ACTORS):
            actor = self._start()
            self._hands.append(_Hand(actor, actor.__ray_ready__.remote(), ready(actor)))

    def _lose(self, hand: _Hand) -> None:
        now = time.monotonic()
        if not hand.ready and now - self._lost_last >= LOST_TOGETHER:
            self._lost_early, self._lost_last = self._lost_early + 1, now
        self._drop(hand)

    def _drop(self, hand: _Hand) -> None:
        self._hands.remove(hand)
        _end(hand.actor)  # one that Ray only cannot reach would come back

    def _require_few_losses(self, losses: int, err: Exception) -> None:
        if getattr(err, "actor_init_failed", False):
            raise AuditError(
                f"an actor does not start on a machine of the Ray cluster ({reason_of(err)}); "
                "install this project there, with the same versions as here"
            )
        if max(losses, self._lost_early) < MOST_LOSSES:
            return
        reason = reason_of(err)
        short = "memory" in reason
        advice = "give machines with more memory or a smaller --batch-size; " if short else ""
        raise AuditError(
            f"Ray lost {counted(MOST_LOSSES, 'actor')} at the same work ({reason}); {advice}{KEPT}"
        )

    def _look_for_room(self) -> None:
        """Tell the user of a wait for room, and end one that is in vain."""
        if any(hand.ready for hand in self._hands):
            return
        waited = time.monotonic() - self._waiting_since
        wanted = " and ".join(f"{n:g} {name}" for name, n in self._needs.items())
        if waited > PATIENCE and not may_fit(self._needs):
            raise AuditError(f"no machine of the Ray cluster has {wanted} any more; {KEPT}")
        if waited > SAID_AFTER:
            self._say(f"waiting for Ray to start actors, each of which takes {wanted}, and to load")

    def _say(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self._note(sentence)


def reason_of(err: Exception) -> str:
    """The last line of what Ray says, where the reason stands."""
    return " ".join(str(err).strip().split("\n")[-1].split()).rstrip(".")[:300]


def _end(actor: Any) -> None:
    import ray

    ray.kill(actor)
