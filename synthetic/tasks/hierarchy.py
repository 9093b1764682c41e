"""The random hierarchy model: random production rules generate a sequence for each class.

Cagnetta, Petrini, Tomasini, Favero and Wyart (arXiv 2307.02129, "How deep neural networks learn
compositional data"). Each of the `symbols` symbols of a level has `synonyms` productions, tuples of
`branches` symbols of the level below, and no tuple is a production of two symbols. A class is a
symbol of the highest level; the student receives the lowest level, one-hot, and predicts the class.
The constituents are the latent symbols of the levels between.

Compositions: a task is the production of the class together with the synonym chosen for each of the
symbols below it. Every choice is trained; some of their combinations are held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import torch

from synthetic.streams import stream
from synthetic.tasks.base import Loss, Samples
from synthetic.tasks.supports import Composition
from t2i_audit.errors import AuditError


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Random hierarchy models of the same sizes, one for each member."""

    rules: torch.Tensor
    """``(members, levels, symbols, synonyms, branches)``; level 0 holds those of the classes."""

    loss: Loss = "cross_entropy"

    @classmethod
    def of(
        cls,
        seeds: Sequence[int],
        *,
        levels: int,
        symbols: int,
        synonyms: int,
        branches: int = 2,
    ) -> Hierarchy:
        """Draw the rules of one model for each of `seeds`.

        Raises:
            AuditError: there are too few tuples for so many synonyms, or fewer than two levels.
        """
        if levels < 2:
            raise AuditError(f"a hierarchy needs at least 2 levels, not {levels}")
        if symbols * synonyms > symbols**branches:
            raise AuditError(
                f"{symbols} symbols with {synonyms} synonyms each need {symbols * synonyms} "
                f"different tuples, but there are only {symbols**branches} of {branches} symbols; "
                "lower --active"
            )
        tuples = np.array(list(product(range(symbols), repeat=branches)))
        drawn = []
        for seed in seeds:
            rng = stream(seed, "teacher")
            drawn.append(
                [
                    tuples[rng.permutation(len(tuples))[: symbols * synonyms]].reshape(
                        symbols, synonyms, branches
                    )
                    for _ in range(levels)
                ]
            )
        return cls(torch.tensor(np.array(drawn)))

    @property
    def levels(self) -> int:
        return self.rules.shape[1]

    @property
    def symbols(self) -> int:
        return self.rules.shape[2]

    @property
    def synonyms(self) -> int:
        return self.rules.shape[3]

    @property
    def branches(self) -> int:
        return self.rules.shape[4]

    @property
    def modules(self) -> int:
        """The choices of a task: a production of the class, and a synonym for each branch."""
        return self.symbols * self.synonyms + self.branches * self.synonyms

    @property
    def input_size(self) -> int:
        return self.branches**self.levels * self.symbols

    @property
    def input_tokens(self) -> int:
        return self.branches**self.levels

    @property
    def output_size(self) -> int:
        return self.symbols

    @cached_property
    def compositions(self) -> tuple[Composition, ...]:
        """Every combination of one production of a class and one synonym for each branch below."""
        first = self.symbols * self.synonyms
        return tuple(
            (
                rule,
                *(first + branch * self.synonyms + synonym for branch, synonym in enumerate(below)),
            )
            for rule in range(first)
            for below in product(range(self.synonyms), repeat=self.branches)
        )

    def sample(
        self, codes: torch.Tensor, samples: int, rngs: Sequence[np.random.Generator]
    ) -> Samples:
        """Expand each task `samples` times; choices that the task leaves open are drawn each time.

        The constituents are the last sample's latent symbols, those of the highest level first.
        """
        members, tasks = codes.shape[:2]
        first = self.symbols * self.synonyms
        used = codes > 0
        rule = used[..., :first].float().argmax(dim=2)
        below = used[..., first:].view(members, tasks, self.branches, -1).float().argmax(dim=3)
        member = torch.arange(members)[:, None, None, None]
        row = (rule // self.synonyms)[:, :, None, None].expand(-1, -1, samples, 1)
        classes = row[..., 0]
        latents = []
        for level in range(self.levels):
            width = row.shape[3]
            if level == 0:
                synonym = (rule % self.synonyms)[:, :, None, None].expand(row.shape)
            elif level == 1:
                synonym = below[:, :, None].expand(row.shape)
            else:
                drawn = [rng.integers(self.synonyms, size=(tasks, samples, width)) for rng in rngs]
                synonym = torch.from_numpy(np.stack(drawn))
            row = self.rules[:, level][member, row, synonym].flatten(3)
            latents.append(row)
        inputs = torch.nn.functional.one_hot(row, self.symbols).flatten(3).float()
        constituents = torch.cat([level[:, :, -1] for level in latents[:-1]], dim=2)
        return Samples(inputs, classes, constituents)
