"""Interventions on what the denoiser is given: a slot erased from it, or exchanged; words alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from prompts.structure import Prompt, slot_names
from t2i_audit.generation.batches import Batch, cut_batches
from t2i_audit.interventions.alone import context_refusal, words_alone
from t2i_audit.interventions.arguments import TextArgument
from t2i_audit.interventions.fitted import Erasers, ReadVectors, Station, stations
from t2i_audit.interventions.folds import CompositionFolds
from t2i_audit.interventions.given import Given, read_given
from t2i_audit.interventions.intervention import Intervention
from t2i_audit.interventions.leace import LinearEraser
from t2i_audit.interventions.locating import TextInput, find_text_input, nothing_held
from t2i_audit.interventions.replacing import Change, replacing

if TYPE_CHECKING:
    import torch

    from t2i_audit.generation.sampling import Sampling
    from t2i_audit.models.loaded import LoadedModel

CONTEXT = "context"


@dataclass(frozen=True, eq=False)
class TextInterventions:
    """What can be changed in the text that a denoiser is given, fitted to a suite's prompts."""

    loaded: LoadedModel
    sampling: Sampling
    text: TextInput
    erasers: Erasers
    held: frozenset[str]
    """Ids of the prompts that can be changed."""
    slots: tuple[str, ...]
    """Those that can be erased and exchanged, in the suite's order."""
    refused: Mapping[str, str]
    """Slot, or ``context`` -> why it cannot be changed, in a sentence."""
    notes: tuple[str, ...] = field(default=())
    """What a reader of the results must know, in sentences."""

    @classmethod
    def fit(
        cls,
        loaded: LoadedModel,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        *,
        seed: int,
        on_batch: Callable[[int], None] | None = None,
    ) -> TextInterventions:
        """Read what the denoiser is given for `prompts`, and prepare erasers across folds.

        Reading costs the encoding of the texts: each call of the pipeline ends at the denoiser.
        The result does not depend on the size of batches or the order of the prompts in them.

        Args:
            loaded: the model.
            prompts: all of a run, not only those that will be drawn: in few prompts other slots go
                along with the erased one by chance, and are damaged with it.
            sampling: how their images are made.
            seed: of the folds and the random subspaces.
            on_batch: called with the number of prompts after each batch.

        Raises:
            ModelError: the denoiser's text input cannot be replaced, in one sentence.
        """
        text = find_text_input(loaded, prompts, sampling)
        read, held, place = ReadVectors(), set(), {p.id: row for row, p in enumerate(prompts)}
        found = [prompt for prompt in prompts if text.located[prompt.id]]
        for batch in cut_batches(found, seeds=1, batch_size=sampling.batch_size):
            given = read_given(loaded, batch, sampling, text)
            rows = {
                row: place[item.prompt.id]
                for row, item in enumerate(batch.items)
                if given.is_held(row)
            }
            read.add(given, rows)
            held |= {batch.items[row].prompt.id for row in rows}
            if on_batch is not None:
                on_batch(len(batch.items))
        if not held:
            raise nothing_held(loaded)
        folds = CompositionFolds(tuple(p for p in prompts if p.id in held), seed)
        every = slot_names(prompts)
        refused = folds.refusals(every)
        alone = context_refusal(loaded, text)
        refused |= {} if alone is None else {CONTEXT: alone}
        left = len(prompts) - len(held)
        lacking = (
            f"{left} of {len(prompts)} prompts are left out of the interventions: no text encoder "
            "gets all their words in finite numbers.",
        )
        return cls(
            loaded=loaded,
            sampling=sampling,
            text=text,
            erasers=Erasers(tuple(prompts), folds, read, seed),
            held=frozenset(held),
            slots=tuple(slot for slot in every if slot not in refused),
            refused=refused,
            notes=(*text.notes, *(lacking if left else ())),
        )

    def values(self, slot: str) -> tuple[str, ...]:
        """The values that `slot` can be given by ``steer``, sorted."""
        return self.erasers.folds.values(slot)

    def changes(self, intervention: Intervention, prompt: Prompt) -> bool:
        """Whether `prompt` is drawn otherwise: it has the slot, and its words are held."""
        has = intervention.kind == CONTEXT or prompt.constituent(intervention.slot) is not None
        return has and prompt.id in self.held

    @contextmanager
    def applied(
        self, intervention: Intervention, batch: Batch, targets: Mapping[str, str]
    ) -> Iterator[None]:
        """Within the block, one call of the pipeline draws the images of `batch` with the change.

        Prompts that do not have the slot stay as they are.

        Args:
            intervention: one of this site that is not refused.
            batch: the very one that is sampled in the block.
            targets: for ``steer`` prompt id -> the other value, one of `values`.

        Raises:
            ModelError: the slot is refused; or in some step the states were not replaced.
        """
        self._require(intervention, batch, targets)
        rows = [
            row for row, item in enumerate(batch.items) if self.changes(intervention, item.prompt)
        ]
        change: Change
        if not rows:
            yield
            return
        if intervention.kind == CONTEXT:
            change = words_alone(self.loaded, batch, self.sampling, self.text, rows)
        else:
            change = partial(self._changed, intervention, batch, rows, targets)
        with replacing(self.loaded, batch, self.text, change):
            yield

    def _require(
        self, intervention: Intervention, batch: Batch, targets: Mapping[str, str]
    ) -> None:
        intervention.require((*self.slots, CONTEXT), self.refused)
        for item in batch.items if intervention.kind == "steer" else ():
            if self.changes(intervention, item.prompt):
                value = targets.get(item.prompt.id)
                self.erasers.folds.target(item.prompt, intervention.slot, value)

    def _changed(
        self,
        intervention: Intervention,
        batch: Batch,
        rows: Sequence[int],
        targets: Mapping[str, str],
        given: Given,
    ) -> dict[TextArgument, list[torch.Tensor]]:
        slot, kind = intervention.slot, intervention.kind
        values = self.values(slot)
        changed = {argument: list(own) for argument, own in given.vectors.items()}
        for argument, sequences in changed.items():
            tokens: dict[tuple[Station, int], list[tuple[int, int]]] = {}
            for row in rows:
                fold = self.erasers.folds.of[batch.items[row].prompt.composition]
                for index, station in enumerate(stations(argument, given.origins[argument][row])):
                    if station is not None:
                        tokens.setdefault((station, fold), []).append((row, index))
            new = {row: sequences[row].clone() for row in rows}
            for (station, fold), places in tokens.items():
                eraser = self.erasers.of(slot, station, fold, random=kind == "random")
                if eraser is None:
                    continue
                goals = None
                if kind == "steer":
                    goals = [values.index(targets[batch.items[row].prompt.id]) for row, _ in places]
                _apply(eraser, new, places, goals)
            for row, own in new.items():
                sequences[row] = own
        return changed


def _apply(
    eraser: LinearEraser,
    sequences: Mapping[int, torch.Tensor],
    places: Sequence[tuple[int, int]],
    goals: Sequence[int] | None,
) -> None:
    """Change the vectors at `places`, each a row and an index in its sequence, in `sequences`."""
    import torch

    vectors = torch.stack([sequences[row][index] for row, index in places])
    on_device = eraser.to(vectors.device)
    x = vectors.float()
    if goals is None:
        new = on_device.erase(x)
    else:
        new = on_device.put(x, torch.tensor(goals, device=x.device))
    for (row, index), vector in zip(places, new.to(vectors.dtype), strict=True):
        sequences[row][index] = vector
