"""Interventions at a denoiser's blocks: what a block hands on of the image is erased or exchanged.

A probe of the denoiser reads the image on a 2 x 2 grid (`t2i_audit.activations.denoiser.GRID`), so
that is where a slot is erased: each cell of the grid has its own eraser, and what it takes from the
mean of a cell is taken from every position of the cell. No linear probe of the grid then reads the
slot, since none reads it from any of the cells: both need a covariance of features and labels.

Every step is changed, with the erasers of the recorded step that is nearest. A denoiser is given
the text in every step, so that what is erased in some steps alone it draws from the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from prompts.structure import Prompt
from t2i_audit.activations.denoiser import DenoiserRecorder, default_steps
from t2i_audit.activations.denoiser.reader import RecordedCall
from t2i_audit.errors import ModelError
from t2i_audit.generation import Batch, cut_batches
from t2i_audit.generation.dry_run import prompts_to_try, try_sampling
from t2i_audit.generation.memory import with_room
from t2i_audit.generation.sampler import sample_batch
from t2i_audit.generation.sampling import Sampling
from t2i_audit.interventions.block_images import (
    CELLS,
    cell_means,
    image_states,
    with_cells_moved,
)
from t2i_audit.interventions.folds import CompositionFolds
from t2i_audit.interventions.intervention import Intervention
from t2i_audit.interventions.leace import LinearEraser, Whitening
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.pipelines.arguments import image_size

if TYPE_CHECKING:
    import torch

Map = tuple[str, str, int]
"""A block, one of its outputs, and the step in which it was recorded."""
Erasers = Mapping[tuple[str, int, int, int], LinearEraser]
"""By output, recorded step, fold and cell."""


@dataclass(frozen=True, eq=False)
class BlockInterventions:
    """What the blocks of a denoiser hold of `n` prompts, and the erasers fitted to it."""

    loaded: LoadedModel
    sampling: Sampling
    """As images are drawn, with the denoiser's layout."""
    folds: CompositionFolds
    """Of the `n` prompts."""
    held: Mapping[Map, torch.Tensor]
    """``(n, 4, c)`` float32: the means of the grid's cells."""
    seed: int
    _fitted: dict[Intervention, Erasers] = field(default_factory=dict)

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
        """Sample each prompt as far as the last recorded step, and keep what the blocks hold.

        Args:
            loaded: the model.
            prompts: those whose images will be drawn anew, all with words that were found.
            sampling: as their images were drawn.
            seed: of folds and random subspaces.
            on_batch: called with the number of prompts of each batch.

        Raises:
            ModelError: the blocks' outputs cannot be changed, in one sentence with the reason.
        """
        import torch

        if sampling.layout is None:
            layout = try_sampling(loaded, prompts_to_try(prompts), sampling).layout
            sampling = replace(sampling, layout=layout)
        held: dict[Map, list[torch.Tensor]] = {}

        def keep(call: RecordedCall, path: str, output: Any) -> None:
            place = call.places.image.get(path)
            if place is None:
                return
            for name, state in image_states(output, place, call.rows).items():
                held.setdefault((path, name, call.step), []).append(cell_means(state).cpu())

        recorder = _recorder(loaded, sampling, keep, steps=default_steps(sampling.steps))
        for batch in cut_batches(prompts, seeds=1, batch_size=sampling.batch_size):
            before = {key: len(each) for key, each in held.items()}
            attempt = partial(_sample, loaded, batch, sampling, recorder)

            def again(attempt: Callable[[], object] = attempt, before: Any = before) -> None:
                for key, each in held.items():  # of an attempt for which memory ran short
                    del each[before.get(key, 0) :]
                attempt()

            with_room(loaded, again, size=len(batch.items))
            if on_batch is not None:
                on_batch(len(batch.items))
        if not held:
            raise ModelError(
                f"Where the image lies in the blocks of {loaded.adapter.class_name}'s denoiser "
                "was not found, so nothing in them can be erased"
            )
        joined = {key: torch.cat(each) for key, each in held.items()}
        folds = CompositionFolds(tuple(prompts), seed)
        return cls(loaded, sampling, folds, joined, seed)

    @property
    def sites(self) -> tuple[str, ...]:
        """The blocks in which something can be erased, in order of depth."""
        assert self.sampling.layout is not None
        there = {block for block, _, _ in self.held}
        return tuple(block for block in self.sampling.layout.blocks if block in there)

    def refusal(self, slot: str) -> str | None:
        """Why `slot` cannot be erased, in a sentence; None if it can."""
        return self.folds.refusal(slot)

    @contextmanager
    def applied(
        self, intervention: Intervention, batch: Batch, targets: Mapping[str, str]
    ) -> Iterator[None]:
        """Within the block `sample_batch` draws the images of `batch` changed, with the same noise.

        A prompt without the slot is drawn as it is.

        Args:
            intervention: ``erase``, ``random`` or ``steer`` of a slot at one of `sites`.
            batch: the very batch that is drawn.
            targets: of ``steer``, by prompt id the value to put in place of the slot's own.

        Raises:
            ModelError: in some step the block's output was not replaced.
            ValueError: there is no such site or slot, or a prompt that was not fitted.
        """
        erasers = self._erasers(intervention)
        groups = self._groups(intervention, batch, targets)
        changed: set[int] = set()

        def change(call: RecordedCall, path: str, output: Any) -> Any:
            if path != intervention.site:
                return None
            changed.add(call.step)
            place = call.places.image[path]
            step = self._nearest(call.step)
            moves = {}
            for name, state in image_states(output, place, call.rows).items():
                means = cell_means(state)
                wanted = means.clone()
                for fold, (rows, values) in groups.items():
                    for cell in range(CELLS):
                        own = erasers[name, step, fold, cell].to(means.device)
                        part = means[rows, cell]
                        wanted[rows, cell] = (
                            own.erase(part) if values is None else own.put(part, values)
                        )
                moves[name] = wanted - means
            return with_cells_moved(output, place, call.rows, moves)

        count = len(batch.items)
        prompts = [item.prompt for item in batch.items]
        size = image_size(self.loaded.adapter.call, self.sampling.options)
        recorder = _recorder(self.loaded, self.sampling, change, steps=())
        with recorder.recording(prompts, range(count), count, size=size):
            yield
        if len(changed) < self.sampling.steps:
            raise ModelError(
                f"{intervention.site} was changed in {len(changed)} of {self.sampling.steps} steps "
                f"of {self.loaded.adapter.class_name}, so its images say nothing"
            )

    def _nearest(self, step: int) -> int:
        recorded = sorted({each for _, _, each in self.held})
        return min(recorded, key=lambda own: abs(own - step))

    def _groups(
        self, intervention: Intervention, batch: Batch, targets: Mapping[str, str]
    ) -> dict[int, tuple[list[int], torch.Tensor | None]]:
        """Fold -> the rows of `batch` that are changed by its erasers, and their new values."""
        import torch

        known = {prompt.id for prompt in self.folds.prompts}
        values = self.folds.values(intervention.slot)
        rows: dict[int, list[int]] = {}
        for row, item in enumerate(batch.items):
            if item.prompt.id not in known:
                raise ValueError(f"prompt {item.prompt.id!r} was not among those fitted")
            if item.prompt.constituent(intervention.slot) is not None:
                rows.setdefault(self.folds.of[item.prompt.composition], []).append(row)
        if intervention.kind != "steer":
            return {fold: (own, None) for fold, own in rows.items()}
        put = [values.index(targets[i.prompt.id]) if i.prompt.id in targets else -1
               for i in batch.items]  # fmt: skip
        return {fold: (own, torch.tensor([put[row] for row in own])) for fold, own in rows.items()}

    def _erasers(self, intervention: Intervention) -> Erasers:
        """One for each output, step, fold and cell; of ``erase`` and ``steer`` the same."""
        import torch

        kind, slot, site = intervention.kind, intervention.slot, intervention.site
        if kind not in ("erase", "random", "steer") or site not in self.sites:
            raise ValueError(f"{kind!r} is no intervention at {site!r} of {self.sites}")
        key = replace(intervention, kind="random" if kind == "random" else "erase")
        if key in self._fitted:
            return self._fitted[key]
        values = self.folds.values(slot)
        parts = [prompt.constituent(slot) for prompt in self.folds.prompts]
        labels = torch.tensor([-1 if part is None else values.index(part.value) for part in parts])
        fold_of = torch.tensor([self.folds.of[each.composition] for each in self.folds.prompts])
        fitted: dict[tuple[str, int, int, int], LinearEraser] = {}
        for (block, name, step), held in self.held.items():
            if block != site:
                continue
            for fold in range(self.folds.count):
                train = (labels >= 0) & (fold_of != fold)
                for cell in range(CELLS):
                    whitening = Whitening.of(held[train, cell])
                    own = whitening.eraser(labels[train], len(values))
                    if kind == "random":
                        rng = _generator(self.seed, slot, site, name, step, fold, cell)
                        own = whitening.random(own.rank, rng)
                    fitted[name, step, fold, cell] = own.to(self.loaded.device, held.dtype)
        self._fitted[key] = fitted
        return fitted


def _recorder(
    loaded: LoadedModel,
    sampling: Sampling,
    change: Callable[[RecordedCall, str, Any], Any],
    *,
    steps: Sequence[int],
) -> DenoiserRecorder:
    return DenoiserRecorder(
        loaded.pipeline,
        steps=steps,
        located=sampling.located,
        layout=sampling.layout,
        stops=bool(steps),
        change=change,
    )


def _sample(
    loaded: LoadedModel, batch: Batch, sampling: Sampling, recorder: DenoiserRecorder
) -> None:
    sample_batch(
        loaded,
        batch,
        steps=sampling.steps,
        guidance_scale=sampling.guidance_scale,
        base_seed=sampling.base_seed,
        recorder=recorder,
        options=sampling.options,
    )


def _generator(*parts: object) -> torch.Generator:
    """Random numbers that depend on `parts` alone, not on what was drawn before."""
    import torch

    digest = hashlib.sha256(repr(parts).encode()).digest()
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)
