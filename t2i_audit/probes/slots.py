"""What the best places of a station give for each slot, beside the baseline and the controls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prompts.structure import Prompt
from t2i_audit.probes.decoded import SlotDecodability, SlotProbe
from t2i_audit.probes.enough import too_small
from t2i_audit.probes.plan import Task
from t2i_audit.probes.scoring import BalancedAccuracy, Jackknife
from t2i_audit.probes.selection import (
    Best,
    Chosen,
    mean_probability,
    read_as,
    shuffled_tally,
    tally,
)
from t2i_audit.probes.verdicts import (
    NO_PLACE,
    NO_STATE,
    PRESENCE_THRESHOLD,
    SAME_VALUE,
    TOO_FEW,
    threshold_of,
    verdict_of,
)
from t2i_audit.results.interval import Interval, undefined

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StationSummary:
    """The chosen probes of one station; see `summarise`."""

    prompts: Sequence[Prompt]
    own: Mapping[str, Chosen]
    """By target."""
    with_states: frozenset[str]
    """Targets of which there was a state to read."""
    first: Mapping[str, Chosen]
    """Of the token embeddings alone."""
    random: Sequence[Mapping[str, Chosen]]
    """Of each draw of random weights; empty if that control was not run."""
    words: Mapping[str, Chosen]
    jackknife: Jackknife

    @classmethod
    def of(
        cls,
        prompts: Sequence[Prompt],
        jackknife: Jackknife,
        *,
        own: Best,
        first: Best,
        random: Sequence[Best],
        words: Best,
    ) -> StationSummary:
        """Fit anew what was chosen."""
        return cls(
            prompts,
            own.chosen(jackknife),
            own.with_states,
            first.chosen(jackknife),
            [each.chosen(jackknife) for each in random],
            words.chosen(jackknife),
            jackknife,
        )

    def of_slots(
        self, tasks: Sequence[Task]
    ) -> tuple[dict[str, SlotProbe], dict[str, SlotDecodability]]:
        """Figures of all slots of the prompts, and the decodability of those that were read."""
        results: dict[str, SlotProbe] = {}
        decodability: dict[str, SlotDecodability] = {}
        by_name = {task.target.name: task for task in tasks}
        for slot in sorted({part.slot for prompt in self.prompts for part in prompt.constituents}):
            if slot not in by_name:
                results[slot] = _unread(SAME_VALUE, classes=1)
                continue
            task = by_name[slot]
            if slot not in self.own:
                results[slot] = _unread(NO_PLACE, classes=len(task.target.classes))
                continue
            small = too_small(self.prompts, slot)
            threshold = threshold_of(self.prompts, slot)
            results[slot] = self._probe([task], threshold=threshold, refused=small)
            if small is None:
                decodability[slot] = self._decodability(slot)
        return results, decodability

    def of_presences(self, tasks: Sequence[Task]) -> dict[str, SlotProbe]:
        """Figures of the presence of each kind, the mean over its values."""
        results: dict[str, SlotProbe] = {}
        for name in sorted({task.target.summary_name for task in tasks}):
            kind = [task for task in tasks if task.target.summary_name == name]
            results[name] = self._probe(kind, threshold=PRESENCE_THRESHOLD)
        return results

    def _probe(
        self, tasks: Sequence[Task], *, threshold: float, refused: str | None = None
    ) -> SlotProbe:
        """Mean over `tasks`, each with its own choice of place; a reason to give no verdict."""
        chosen = _among(self.own, tasks)
        ours = self._mean_score(chosen)
        random = self.jackknife.mean_over_draws(
            [self._mean_score(_among(each, tasks)) for each in self.random]
        )
        bag = _among(self.words, tasks)
        # The words alone tell by definition which words occur.
        presence = self._mean_score(bag).interval if bag else Interval(1.0, 1.0, 1.0, ours.n)
        shuffled = [shuffled_tally(each, self.jackknife) for each in chosen]
        gain = ours.minus(random)
        verdict, reason = verdict_of(
            ours.interval,
            gain,
            threshold=threshold,
            controlled=bool(self.random),
            unread=self._why_unread(tasks),
        )
        if refused is not None and ours.interval.is_defined:
            verdict, reason = "undefined", refused
        recalls = self._recalls(tasks, chosen)
        return SlotProbe(
            balanced_accuracy=ours.interval,
            presence_balanced_accuracy=presence,
            shuffled_balanced_accuracy=self.jackknife.mean_accuracy(shuffled).interval,
            layer_0_balanced_accuracy=self._mean_score(_among(self.first, tasks)).interval,
            random_weights_balanced_accuracy=random.interval,
            gain_over_random_weights=gain,
            chance=1 / len(tasks[0].target.classes),
            threshold=threshold,
            verdict=verdict,
            reason=reason,
            recalls={value: share.interval for value, share in recalls.items()},
            read_as=self._read_as(chosen[0], recalls, threshold) if recalls else {},
        )

    def _recalls(
        self, tasks: Sequence[Task], chosen: Sequence[Chosen]
    ) -> dict[str, BalancedAccuracy]:
        """Of a slot by value; of the presence of a kind nothing."""
        if len(chosen) != 1 or tasks[0].target.is_presence:
            return {}
        recalls = self.jackknife.recalls(tally(chosen[0], self.jackknife))
        values = zip(tasks[0].target.classes, recalls, strict=True)
        return {value: recall for value, recall in values if recall.interval.is_defined}

    def _read_as(
        self, chosen: Chosen, recalls: Mapping[str, BalancedAccuracy], threshold: float
    ) -> dict[str, str]:
        """What each value is read as that is lost for certain, alone or on average with that value.

        A probe that guesses between two values may always say the same one, or another one in each
        fold, so that neither is lost for certain.
        """
        others = read_as(chosen, recalls)

        def is_lost(*values: str) -> bool:
            return (
                self.jackknife.mean([recalls[each] for each in values]).interval.upper < threshold
            )

        return {
            value: other
            for value, other in others.items()
            if is_lost(value) or (others.get(other) == value and is_lost(*sorted((value, other))))
        }

    def _decodability(self, slot: str) -> SlotDecodability:
        chosen = self.own[slot]
        mean, error = mean_probability(chosen)
        return SlotDecodability(
            probability=mean,
            lower=np.clip(mean - error, 0, 1),
            upper=np.clip(mean + error, 0, 1),
            presence_probability=mean_probability(self.words[slot])[0],
            selected=chosen.selected,
        )

    def _why_unread(self, tasks: Sequence[Task]) -> str:
        if not _among(self.own, tasks):
            return NO_PLACE
        if not any(task.target.name in self.with_states for task in tasks):
            return NO_STATE
        return TOO_FEW

    def _mean_score(self, chosen: Iterable[Chosen]) -> BalancedAccuracy:
        return self.jackknife.mean_accuracy([tally(each, self.jackknife) for each in chosen])


def _among(chosen: Mapping[str, Chosen], tasks: Iterable[Task]) -> list[Chosen]:
    return [chosen[task.target.name] for task in tasks if task.target.name in chosen]


def _unread(reason: str, *, classes: int) -> SlotProbe:
    """The result of a slot that was not read."""
    nothing = undefined()
    return SlotProbe(
        nothing, nothing, nothing, nothing, nothing, nothing, 1 / classes, "undefined", reason
    )
