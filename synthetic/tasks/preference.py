"""Compositional preference: imitate the optimal policy under a reward made of preferences.

Redhardt, Akram and Schug (arXiv 2507.07207): four rooms of a small grid world hold objects; each
object has one of `features` kinds; the reward for picking one up is
``code^T preferences[:, kind]``. The expert follows the policy that value iteration finds (discount
0.9, 8 sweeps), the student predicts its action from the encoded code and what the expert sees.
The grid, the actions and the observation follow the official configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from synthetic.streams import stream
from synthetic.tasks.base import Loss, Samples
from synthetic.tasks.supports import Composition, all_compositions

ROOMS = (
    "#######",
    "#  #  #",
    "#  #  #",
    "##   ##",
    "#  #  #",
    "#  #  #",
    "#######",
)
# Row and column steps of: nothing, up, right, down, left.
MOVES = ((0, 0), (-1, 0), (0, 1), (1, 0), (0, -1))
NOTHING = 0
OBJECTS = 4
DISCOUNT = 0.9
SWEEPS = 8
# Tasks in one value iteration; this bounds the memory.
BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Preference:
    """Preferences in the grid world, one set for each member."""

    preferences: torch.Tensor
    """Reward of each kind of object under each module, ``(members, modules, features)``."""
    active: int
    """K, the most modules a task uses."""

    loss: Loss = "cross_entropy"

    @classmethod
    def of(cls, seeds: Sequence[int], *, modules: int, active: int, features: int) -> Preference:
        """Draw normal preferences for each of `seeds`."""
        all_compositions(modules, active)  # raises if the sizes do not fit
        drawn = [stream(seed, "teacher").normal(size=(modules, features)) for seed in seeds]
        return cls(torch.tensor(np.stack(drawn), dtype=torch.float32), active)

    @property
    def modules(self) -> int:
        return self.preferences.shape[1]

    @property
    def features(self) -> int:
        """Kinds of objects."""
        return self.preferences.shape[2]

    @property
    def input_size(self) -> int:
        """For each cell a channel for each kind of object, one for the agent and one for walls."""
        return len(ROOMS) * len(ROOMS[0]) * (self.features + 2)

    @property
    def input_tokens(self) -> int:
        return 1

    @property
    def output_size(self) -> int:
        return len(MOVES)

    @cached_property
    def compositions(self) -> tuple[Composition, ...]:
        """Every set of 1 to K modules."""
        return all_compositions(self.modules, self.active)

    def sample(
        self, codes: torch.Tensor, samples: int, rngs: Sequence[np.random.Generator]
    ) -> Samples:
        """The first `samples` steps of an expert's walk in a new world for each task.

        Once the expert has nothing more to gain it does nothing and its walk ends; later samples
        have the target -1 and are ignored.
        """
        members, tasks = codes.shape[:2]
        free = len(free_cells())
        worlds = [
            (
                rng.permuted(np.tile(np.arange(free), (tasks, 1)), axis=1)[:, : OBJECTS + 1],
                rng.integers(self.features, size=(tasks, OBJECTS)),
            )
            for rng in rngs
        ]
        places = torch.from_numpy(np.concatenate([place for place, _ in worlds]))
        kinds = torch.from_numpy(np.concatenate([kind for _, kind in worlds]))
        worth = torch.bmm(codes, self.preferences).flatten(0, 1)
        rewards = torch.gather(worth, 1, kinds)
        cells, remaining, actions = _walks(places, rewards, samples)
        inputs = observe(places[:, :OBJECTS], kinds, cells, remaining, self.features)
        return Samples(
            inputs.view(members, tasks, samples, -1),
            actions.view(members, tasks, samples),
            codes,
        )


def free_cells() -> list[tuple[int, int]]:
    """Row and column of each cell without a wall."""
    return [
        (row, column)
        for row, line in enumerate(ROOMS)
        for column, cell in enumerate(line)
        if cell != "#"
    ]


def action_values(
    object_cells: torch.Tensor, rewards: torch.Tensor, *, sweeps: int = SWEEPS
) -> torch.Tensor:
    """Value of each action in each state of each world, by value iteration.

    All worlds are computed at once. A state is the agent's cell and the set of remaining objects,
    one bit for each; the agent picks up the objects of the cell in which it arrives or stays.

    Args:
        object_cells: cell of each object, an index into `free_cells`, ``(n, objects)``.
        rewards: reward of each object, ``(n, objects)``.
        sweeps: Bellman backups.

    Returns:
        ``(n, cells, subsets, actions)``.
    """
    n, objects = object_cells.shape
    next_cell = _next_cells()
    cells = len(next_cell)
    subsets = torch.arange(2**objects)
    # The objects in the cell that an action leads to, as a set of bits.
    here = torch.zeros(n, cells, dtype=torch.long)
    for index in range(objects):
        here.scatter_add_(1, object_cells[:, index : index + 1], torch.full((n, 1), 1 << index))
    picked = here[:, next_cell][:, :, None, :] & subsets[None, None, :, None]
    gains = rewards @ _bits(objects).T
    reward = torch.gather(gains, 1, picked.flatten(1)).view(picked.shape)
    # Index of the next state among (cells x subsets).
    next_state = next_cell[None, :, None, :] * len(subsets) + (
        subsets[None, None, :, None] & ~picked
    )
    next_state = next_state.flatten(1)
    values = torch.zeros(picked.shape)
    for _ in range(sweeps):
        best = values.amax(dim=3).flatten(1)
        values = reward + DISCOUNT * torch.gather(best, 1, next_state).view(picked.shape)
    return values


def observe(
    object_cells: torch.Tensor,
    kinds: torch.Tensor,
    agent_cells: torch.Tensor,
    remaining: torch.Tensor,
    features: int,
) -> torch.Tensor:
    """The observation: remaining objects, agent and walls of all cells, scaled to unit mean square.

    Args:
        object_cells: cell of each object, an index into `free_cells`, ``(n, objects)``.
        kinds: kind of each object, ``(n, objects)``.
        agent_cells: cell of the agent at each step, ``(n, steps)``.
        remaining: which objects remain, as bits, ``(n, steps)``.
        features: number of kinds.

    Returns:
        ``(n, steps, cells x (features + 2))``.
    """
    n, steps = agent_cells.shape
    size = len(ROOMS) * len(ROOMS[0])
    at = torch.tensor([row * len(ROOMS[0]) + column for row, column in free_cells()])
    walls = torch.tensor([float(cell == "#") for line in ROOMS for cell in line])
    seen = torch.zeros(n, steps, size, features + 2)
    seen[..., features + 1] = walls
    world, step = torch.arange(n)[:, None], torch.arange(steps)[None]
    seen[world, step, at[agent_cells], features] = 1.0
    for index in range(object_cells.shape[1]):
        is_there = (remaining >> index & 1).bool()
        rows, columns = torch.nonzero(is_there, as_tuple=True)
        seen[rows, columns, at[object_cells[rows, index]], kinds[rows, index]] = 1.0
    flat = seen.flatten(2)
    return flat * flat.square().mean(dim=2, keepdim=True).add(1e-6).rsqrt()


def _walks(
    places: torch.Tensor, rewards: torch.Tensor, steps: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Cells, remaining objects and actions of the expert, each ``(n, steps)``."""
    parts = [
        _walk(block_places, block_rewards, steps)
        for block_places, block_rewards in zip(
            places.split(BLOCK), rewards.split(BLOCK), strict=True
        )
    ]
    cells, remaining, actions = (torch.cat(part) for part in zip(*parts, strict=True))
    return cells, remaining, actions


def _walk(
    places: torch.Tensor, rewards: torch.Tensor, steps: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    object_cells, cell = places[:, :OBJECTS], places[:, OBJECTS]
    n, objects = object_cells.shape
    values = action_values(object_cells, rewards)
    next_cell = _next_cells()
    row = torch.arange(n)
    remaining = torch.full((n,), 2**objects - 1)
    ended = torch.zeros(n, dtype=torch.bool)
    walked = []
    for _ in range(steps):
        action = values[row, cell, remaining].argmax(dim=1)
        walked.append((cell, remaining, torch.where(ended, -1, action)))
        ended = ended | (action == NOTHING)
        cell = next_cell[cell, action]
        for index in range(objects):
            remaining = torch.where(
                object_cells[:, index] == cell, remaining & ~(1 << index), remaining
            )
    cells, lefts, actions = (torch.stack(part, dim=1) for part in zip(*walked, strict=True))
    return cells, lefts, actions


def _next_cells() -> torch.Tensor:
    """The cell that each action leads to, ``(cells, actions)``; a wall stops the agent."""
    cells = free_cells()
    index = {cell: number for number, cell in enumerate(cells)}
    return torch.tensor(
        [
            [index.get((row + down, column + right), number) for down, right in MOVES]
            for number, (row, column) in enumerate(cells)
        ]
    )


def _bits(count: int) -> torch.Tensor:
    """Which elements each subset holds, ``(2 ** count, count)``."""
    return (torch.arange(2**count)[:, None] >> torch.arange(count) & 1).float()
