"""Changed vectors put in place of the prompts' own at every call of the denoiser."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import ModelError
from t2i_audit.generation.batches import Batch
from t2i_audit.interventions.arguments import TextArgument, at, with_value
from t2i_audit.interventions.calls import watching
from t2i_audit.interventions.given import Given, encoders_read, given_in, never_given
from t2i_audit.interventions.locating import TextInput

if TYPE_CHECKING:
    import torch

    from t2i_audit.models.loaded import LoadedModel

Change = Callable[[Given], Mapping[TextArgument, Sequence["torch.Tensor"]]]
"""The vectors of every prompt by argument, changed; those that stay are the very same tensors."""


@contextmanager
def replacing(loaded: LoadedModel, batch: Batch, text: TextInput, change: Change) -> Iterator[None]:
    """Within the block the pipeline's call for `batch` has its denoiser given changed vectors.

    They are put wherever the denoiser is given the prompts' own, found by value: in every part of a
    guided batch that equals what the prompts were given at the first call, perturbed ones included.
    What holds something else, as a negative prompt, stays.

    Raises:
        ModelError: in some step one of the text arguments did not hold the prompts' own vectors.
    """
    with encoders_read(loaded, batch, text) as states:
        replacer = _Replacer(loaded, batch, text, change, states)
        with watching(loaded, replacer.call, replacer.step):
            yield
        replacer.step()
        if replacer.given is None:
            raise never_given(loaded)


class _Replacer:
    def __init__(
        self,
        loaded: LoadedModel,
        batch: Batch,
        text: TextInput,
        change: Change,
        states: Mapping[str, Any],
    ) -> None:
        self._loaded, self._batch, self._text = loaded, batch, text
        self._change, self._states = change, states
        self._changed: Mapping[TextArgument, Sequence[torch.Tensor]] = {}
        self._steps = self._calls = 0  # calls of this step
        self._left = set(text.arguments)
        """Arguments that were not changed in this step."""
        self.given: Given | None = None

    def call(self, arguments: dict[str, Any]) -> dict[str, Any] | None:
        self._calls += 1
        if self.given is None:
            if self._calls <= self._text.call:
                return None
            self.given = given_in(self._loaded, arguments, self._batch, self._text, self._states)
            self._changed = self._change(self.given)
        changed = arguments
        for argument, own in self.given.parts.items():
            value = at(arguments, argument.path)
            new = None if value is None else self._with_changed(argument, value, own)
            if new is not None:
                changed = with_value(changed, argument.path, new)
                self._left.discard(argument)
        return changed

    def _with_changed(self, argument: TextArgument, value: Any, own: Any) -> Any:
        """`value` with its parts that equal the prompts' `own` changed; None if there is none."""
        size = len(self._batch.items)
        new = None
        if argument.count(value) % size:
            return None
        for part in range(argument.count(value) // size):
            if _equal(argument.part(value, part, size), own):
                new = argument.with_part(
                    value if new is None else new, part, size, self._changed[argument]
                )
        return new

    def step(self) -> None:
        """End a step; steps of another stage, in which the denoiser was not called, are none."""
        if not self._calls:
            return
        if self._left:
            names = " and ".join(sorted(each.name for each in self._left))
            raise ModelError(
                f"At step {self._steps} the denoiser of {self._loaded.adapter.class_name} was not "
                f"given the prompts in {names} as at its first step, so they could not be changed "
                "there."
            )
        self._steps += 1
        self._calls, self._left = 0, set(self._text.arguments)


def _equal(one: Any, two: Any) -> bool:
    import torch

    if isinstance(one, torch.Tensor):
        return one.shape == two.shape and bool(((one == two) | (one.isnan() & two.isnan())).all())
    pairs = zip(one, two, strict=True)
    return len(one) == len(two) and all(
        _equal(a[0], b[0]) if isinstance(a, list | tuple) else _equal(a, b) for a, b in pairs
    )
