"""Interventions at a denoiser's blocks: a slot erased from what a block hands on, or exchanged.

A probe of the denoiser reads the image on a 2 x 2 grid, so a slot is erased cell by cell: every
cell has an eraser, fitted to the cell's means, which is applied to every position of the cell. Then
no linear probe of the grid reads the slot. Where a block hands on the text's tokens as well, the
prompt's words are erased by their role, as in what the denoiser is given
(`t2i_audit.interventions.text`). That itself stays, and later blocks with cross-attention read it
again: what is not used here may be used in the text.

Every step is changed, as a denoiser is given the text in every step, and draws from the others what
is erased in some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from prompts.structure import Prompt, slot_names
from t2i_audit.activations.denoiser import DenoiserRecorder
from t2i_audit.activations.denoiser.reader import RecordedCall
from t2i_audit.errors import ModelError
from t2i_audit.generation.batches import Batch, cut_batches
from t2i_audit.generation.dry_run import prompts_to_try, try_sampling
from t2i_audit.generation.memory import with_room
from t2i_audit.generation.sampler import sample_batch
from t2i_audit.generation.sampling import Sampling
from t2i_audit.interventions.block_erasers import BlockErasers, Held, fitted_steps
from t2i_audit.interventions.block_states import Part, held_states, with_states
from t2i_audit.interventions.folds import CompositionFolds
from t2i_audit.interventions.intervention import Intervention
from t2i_audit.interventions.leace import LinearEraser
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.pipelines.arguments import image_size


@dataclass(frozen=True, eq=False)
class BlockInterventions:
    """What can be changed in what a denoiser's blocks hand on, fitted to a suite's prompts."""

    loaded: LoadedModel
    sampling: Sampling
    """As images are drawn, with the denoiser's layout."""
    erasers: BlockErasers
    slots: tuple[str, ...]
    """Those that can be erased and exchanged, in the suite's order."""
    refused: Mapping[str, str]
    """Slot -> why it cannot be changed, in a sentence."""

    @classmethod
    def fit(
        cls,
        loaded: LoadedModel,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        *,
        seed: int,
        on_batch: Callable[[int], object] | None = None,
    ) -> BlockInterventions:
        """Sample an image of each prompt, and keep what the blocks hold in the fitted steps.

        Args:
            loaded: the model.
            prompts: those that will be drawn; their compositions make the folds.
            sampling: how their images are made.
            seed: of the folds and the random subspaces.
            on_batch: called with the number of prompts after each batch.

        Raises:
            ModelError: what the blocks hold cannot be changed, in one sentence.
        """
        if sampling.layout is None:
            own = replace(sampling, record_denoiser=True)
            layout = try_sampling(loaded, prompts_to_try(prompts), own).layout
            sampling = replace(own, layout=layout)
        held: Held = {}
        for batch in cut_batches(prompts, seeds=1, batch_size=sampling.batch_size):
            read = partial(_read, loaded, batch, sampling, held)
            with_room(loaded, read, size=len(batch.items))
            if on_batch is not None:
                on_batch(len(batch.items))
        if not held:
            raise ModelError(
                f"Where the image lies in the blocks of {loaded.adapter.class_name}'s denoiser "
                "was not found, so nothing in them can be changed."
            )
        folds = CompositionFolds(tuple(prompts), seed)
        every = slot_names(prompts)
        refused = folds.refusals(every)
        slots = tuple(slot for slot in every if slot not in refused)
        erasers = BlockErasers(folds, held, seed, loaded.device)
        return cls(loaded, sampling, erasers, slots, refused)

    @property
    def sites(self) -> tuple[str, ...]:
        """The blocks in which something can be changed, in order of depth."""
        assert self.sampling.layout is not None
        there = {block for block, _ in self.erasers.held}
        return tuple(block for block in self.sampling.layout.blocks if block in there)

    def values(self, slot: str) -> tuple[str, ...]:
        """The values that `slot` can be given by ``steer``, sorted."""
        return self.erasers.folds.values(slot)

    def changes(self, intervention: Intervention, prompt: Prompt) -> bool:
        """Whether `prompt` is drawn otherwise: it has the slot."""
        return prompt.constituent(intervention.slot) is not None

    @contextmanager
    def applied(
        self, intervention: Intervention, batch: Batch, targets: Mapping[str, str]
    ) -> Iterator[None]:
        """Within the block, one call of the pipeline draws the images of `batch` with the change.

        Prompts that do not have the slot stay as they are.

        Args:
            intervention: ``erase``, ``random`` or ``steer`` of one of `slots` at one of `sites`.
            batch: the very one that is sampled in the block.
            targets: for ``steer`` prompt id -> the other value, one of `values`.

        Raises:
            ModelError: the site or the slot is refused; or in some step what the block hands on
                was not replaced.
        """
        self._require(intervention)
        rows = self._rows(intervention, batch, targets)
        if not rows:
            yield
            return
        erasers = self.erasers.of(intervention)
        changed: set[int] = set()

        def change(call: RecordedCall, path: str, output: Any) -> Any:
            if path != intervention.site:
                return None
            changed.add(call.step)
            step = self.erasers.nearest(call.step)
            own = {(part, fold): each for (at, part, fold), each in erasers.items() if at == step}
            return _changed(call, path, output, rows, own)

        count = len(batch.items)
        prompts = [item.prompt for item in batch.items]
        size = image_size(self.loaded.adapter.call, self.sampling.options)
        recorder = _recorder(self.loaded, self.sampling, change, steps=())
        with recorder.recording(prompts, range(count), count, size=size):
            yield
        if len(changed) < self.sampling.steps:
            raise ModelError(
                f"What {intervention.site} of {self.loaded.adapter.class_name}'s denoiser holds "
                f"could be changed in {len(changed)} of {self.sampling.steps} steps only, so the "
                "images show nothing."
            )

    def _require(self, intervention: Intervention) -> None:
        site = intervention.site
        if site not in self.sites:
            raise ModelError(
                f"{site!r} is no block whose output can be changed; those are "
                f"{', '.join(self.sites)}."
            )
        intervention.require(self.slots, self.refused)

    def _rows(
        self, intervention: Intervention, batch: Batch, targets: Mapping[str, str]
    ) -> dict[int, tuple[int, int]]:
        """The rows of `batch` that are changed: fold, and the index of the new value or -1."""
        folds, slot, rows = self.erasers.folds, intervention.slot, {}
        for row, item in enumerate(batch.items):
            if not self.changes(intervention, item.prompt):
                continue
            goal = -1
            if intervention.kind == "steer":
                goal = folds.target(item.prompt, slot, targets.get(item.prompt.id))
            rows[row] = folds.of[item.prompt.composition], goal
        return rows


def _changed(
    call: RecordedCall,
    path: str,
    output: Any,
    rows: Mapping[int, tuple[int, int]],
    erasers: Mapping[tuple[Part, int], LinearEraser],
) -> Any:
    """A block's output with the vectors of some rows erased, or given other values."""
    import torch

    new = {}
    for name, states in held_states(call, path, output).items():
        vectors, count = states.vectors, len(states.vectors)
        fold_of = torch.tensor([rows.get(row, (-1, -1))[0] for row in range(count)])
        goal_of = torch.tensor([rows.get(row, (-1, -1))[1] for row in range(count)])
        fold_of, goal_of = fold_of.to(vectors.device), goal_of.to(vectors.device)
        for part, (row, position) in states.places.items():
            for fold in {fold for fold, _ in rows.values()}:
                eraser = erasers.get((part, fold))
                if eraser is None:
                    continue
                own = fold_of[row] == fold
                at = row[own], position[own]
                held, goals, eraser = vectors[at], goal_of[at[0]], eraser.to(vectors.device)
                steered = len(goals) > 0 and bool((goals >= 0).all())
                vectors[at] = eraser.put(held, goals) if steered else eraser.erase(held)
        new[name] = vectors
    return with_states(call, path, output, new)


def _read(loaded: LoadedModel, batch: Batch, sampling: Sampling, held: Held) -> None:
    """Add to `held` what the blocks hold of the prompts of `batch` in the fitted steps."""
    prompts = [item.prompt for item in batch.items]

    def keep(call: RecordedCall, path: str, output: Any) -> None:
        if path not in call.places.image:
            return
        parts = held.setdefault((path, call.step), {})
        for states in held_states(call, path, output).values():
            for part in states.places:
                own = parts.setdefault(part, {})
                for prompt, mean in zip(prompts, states.means(part).cpu(), strict=True):
                    if bool(mean.isfinite().all()):
                        own[prompt.id] = mean

    sample_batch(
        loaded,
        batch,
        steps=sampling.steps,
        guidance_scale=sampling.guidance_scale,
        base_seed=sampling.base_seed,
        recorder=_recorder(loaded, sampling, keep, steps=fitted_steps(sampling.steps)),
        options=sampling.options,
    )


def _recorder(
    loaded: LoadedModel,
    sampling: Sampling,
    change: Callable[[RecordedCall, str, Any], Any],
    *,
    steps: Sequence[int],
) -> DenoiserRecorder:
    return DenoiserRecorder(
        loaded.pipeline, steps=steps, layout=sampling.layout, stops=bool(steps), change=change
    )
