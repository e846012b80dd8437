"""Instability: the gradients of the decisions along episodes, and what they add up to.

For every visited state s its gradient g(s) (the rows of the Jacobian for continuous actions), in
units in which a step means the same along every feature, goes into

    L = Σ_s g(s) g(s)ᵀ

as a whole, for each block of steps that intervals take as independent, and for each window of time
within episodes. One pass, one backward pass per state and row, no gradient is kept.

Reference: Korkmaz 2024, https://arxiv.org/abs/2406.16979
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Bool, Float, Int
from torch import Tensor

from policyscope.moments import Block, Moments, moments
from policyscope.policies.gradients import decision_gradients
from policyscope.policies.policy import Memory, Policy
from policyscope.rollouts.replay import replayed
from policyscope.rollouts.visited import Visited


@dataclass(frozen=True, eq=False)
class Gradients:
    """How a state's gradient is taken."""

    scale: Float[Tensor, " *observation"]
    """One unit of each feature, in the environment's units; 0 leaves a feature out."""
    unit: bool = False
    """Whether every state counts alike, with gradients of length one, or as it is."""
    temperature: float = 1.0
    """T of the softmax, for discrete actions."""
    fisher: bool = False
    """Whether continuous actions count in the policy's own standard deviations."""

    def of(
        self, policy: Policy, seen: Tensor, memory: Memory = ()
    ) -> tuple[
        Float[Tensor, " batch row feature"], Float[Tensor, " batch"], Float[Tensor, " batch"]
    ]:
        """Gradients of some states.

        Returns:
            Rows, what each state's rows are to be multiplied by, and how many times as long as
            these products its gradient is: something else than 1 where lengths are made one.
        """
        rows, factors = decision_gradients(
            policy, seen, memory, self.temperature, fisher=self.fisher
        )
        low, high = self.scale.aminmax()
        if low == high:  # images: to touch every pixel again would cost as much as the rest
            factors = factors * low
        else:
            rows = rows * self.scale
        rows = rows.flatten(2)
        if not self.unit:
            return rows, factors, torch.ones_like(factors)
        lengths = rows.flatten(1).norm(dim=1).double()
        return rows, torch.where(lengths > 0, 1 / lengths, 0), lengths * factors

    def steepest(
        self, policy: Policy, seen: Tensor, memory: Memory = ()
    ) -> Float[Tensor, " batch feature"]:
        """The direction of length one along which each decision changes fastest; 0 where none does.

        It lowers the margin of a discrete decision; of a continuous one it raises what it changes,
        each dimension counted in its units.
        """
        rows, weights, _ = replace(self, unit=True).of(policy, seen, memory)  # however small it is
        rows = rows.double() * weights[:, None, None]
        if rows.shape[1] > 1:
            _, turned = torch.linalg.eigh(rows @ rows.mT)
            leading = turned[:, :, -1]
            leading = leading * torch.where(leading.sum(1, keepdim=True) < 0, -1, 1)
            rows = leading[:, None] @ rows
        lengths = rows.norm(dim=2)
        return (rows * torch.where(lengths > 0, 1 / lengths, 0)[:, :, None])[:, 0]


@dataclass(frozen=True, eq=False)
class Instability:
    """Moments of the gradients along some episodes."""

    moments: Moments
    """The first groups are the blocks of steps, the others the windows of time."""
    blocks: int
    norms: Float[np.ndarray, " step"]
    """‖g(s)‖ of every step, before anything was made one."""

    @property
    def by_block(self) -> Float[np.ndarray, " block moment"]:
        """Each block's moment as one row, and its trace behind it: what a bootstrap adds up."""
        moments = self.moments.groups[: self.blocks].flatten(1).numpy()
        return np.column_stack([moments, self.moments.traces[: self.blocks].numpy()])

    def swings(
        self, visited: Visited
    ) -> tuple[Float[np.ndarray, " episode"], Bool[np.ndarray, " episode"]]:
        """Standard deviation over mean of ‖g‖ in each episode; 0, and False, where none differs."""
        episodes = np.split(self.norms, visited.first_steps[1:])
        means = np.array([part.mean() for part in episodes])
        deviations = np.array([part.std() for part in episodes])
        swinging = means > 0
        return np.divide(deviations, means, out=np.zeros_like(means), where=swinging), swinging


def square(row: Float[np.ndarray, " moment"]) -> Float[np.ndarray, " kept kept"]:
    """A moment from its row in `Instability.by_block`, without the trace."""
    size = int(len(row) ** 0.5)
    return row.reshape(size, size)


def instability(
    policy: Policy,
    visited: Visited,
    gradients: Gradients,
    windows: int = 0,
    advance: Callable[[int], None] = lambda steps: None,
) -> Instability:
    """Go through all visited states once.

    Args:
        policy: Differentiable, fitted to its action space.
        visited: Where it was.
        gradients: How a state's gradient is taken.
        windows: Into how many stretches of equal time the longest episode is divided.
        advance: Called with the number of steps that have just been done.
    """
    count, states = len(visited.blocks), int(visited.lengths.sum())
    order, lengths = torch.empty(states, dtype=torch.long), torch.ones(states, dtype=torch.float64)
    groups = _groups(visited, windows) if windows else visited.block_of_step[None]

    def blocks() -> Iterator[Block]:
        done = 0
        for steps, seen, memory in replayed(policy, visited):
            rows, weights, length = gradients.of(policy, seen, memory)
            every = np.repeat(steps, rows.shape[1])
            yield Block(
                rows.flatten(0, 1),
                weights.repeat_interleave(rows.shape[1]),
                torch.from_numpy(groups[:, every]),
            )
            order[done : done + len(steps)] = torch.from_numpy(steps)
            lengths[done : done + len(steps)] = length
            done += len(steps)
            advance(len(steps))

    per_state = policy.outputs or 1 if isinstance(policy.action_space, spaces.Box) else 1
    found = moments(blocks(), count + windows, states * per_state)
    norms = np.empty(states)
    squares = found.squares.reshape(states, -1).sum(1)  # over the rows of each state
    norms[order] = squares.sqrt() * lengths
    return Instability(found, count, norms)


def _groups(visited: Visited, windows: int) -> Int[np.ndarray, " kind step"]:
    """Of each step, its block, and behind all blocks its window of time."""
    time = np.arange(visited.lengths.sum()) - visited.first_steps[visited.episode_of_step]
    window = time * windows // visited.lengths.max()
    return np.stack([visited.block_of_step, window + len(visited.blocks)])
