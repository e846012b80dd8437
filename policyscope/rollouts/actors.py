"""Who chooses the actions: a policy's greedy choice, or chance."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from gymnasium import Space, spaces
from jaxtyping import Shaped
from torch import Tensor

from policyscope.errors import EnvironmentMismatch
from policyscope.policies.policy import Memory, Policy
from policyscope.rollouts.lockstep import Lockstep
from policyscope.rollouts.seeds import Generators


@runtime_checkable
class Actor(Protocol):
    """Chooses one action per lane."""

    purpose: ClassVar[str]
    """Names its randomness: its generators come from (seed, purpose, episode)."""

    def initial_memory(self, lanes: int) -> Memory:
        """What is carried from step to step, at the beginning of an episode."""
        ...

    def act(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        memory: Memory,
        playing: Lockstep,
        generators: Generators,
    ) -> tuple[Shaped[np.ndarray, " lane *action"], Memory]:
        """Actions, and the memory after them."""
        ...


@dataclass(frozen=True, eq=False)
class Greedy:
    """The policy's best action, without exploration."""

    policy: Policy

    purpose: ClassVar[str] = "greedy policy"

    def initial_memory(self, lanes: int) -> Memory:
        """See `Actor.initial_memory`."""
        return self.policy.initial_memory(lanes)

    def act(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        memory: Memory,
        playing: Lockstep,
        generators: Generators,
    ) -> tuple[Shaped[np.ndarray, " lane *action"], Memory]:
        """See `Actor.act`."""
        del generators
        inputs = (torch.from_numpy(observations), *memory)
        scores, *memory_after = playing.in_fixed_batches(self._scores, inputs)
        return self.policy.actions(scores), tuple(memory_after)

    def _scores(self, observations: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        scores, memory = self.policy.scores(observations, memory)
        return scores, *memory


@dataclass(frozen=True)
class UniformRandom:
    """An action drawn uniformly from the action space: what a return is worth without a policy.

    Raises:
        EnvironmentMismatch: If actions are unbounded, where nothing is uniform.
    """

    action_space: Space

    purpose: ClassVar[str] = "uniform random actions"

    def __post_init__(self) -> None:
        if isinstance(self.action_space, spaces.Box) and not self.action_space.is_bounded():
            raise EnvironmentMismatch("Unbounded actions have no uniform distribution.")

    def initial_memory(self, lanes: int) -> Memory:
        """See `Actor.initial_memory`."""
        del lanes
        return ()

    def act(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        memory: Memory,
        playing: Lockstep,
        generators: Generators,
    ) -> tuple[Shaped[np.ndarray, " lane *action"], Memory]:
        """See `Actor.act`."""
        del observations
        return np.stack([self._draw(generators.of(e)) for e in playing.episodes.tolist()]), memory

    def _draw(self, rng: np.random.Generator) -> np.ndarray:
        match self.action_space:
            case spaces.Discrete(n=n, start=start):
                return np.asarray(start + rng.integers(n))
            case spaces.MultiDiscrete(nvec=nvec, start=start):
                return start + rng.integers(nvec)
            case spaces.Box(low=low, high=high, dtype=dtype):
                return rng.uniform(low, high).astype(dtype)
        raise EnvironmentMismatch(f"Actions {self.action_space} cannot be drawn.")
