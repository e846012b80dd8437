"""Exploring: the policy's own actions, and now and then another.

On-policy actions are a function of the state: nothing could tell what the action does from what
the state does. Some random ones among them can.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from gymnasium import Space, spaces
from jaxtyping import Shaped

from policyscope.policies.policy import Memory
from policyscope.rollouts.actors import Greedy, UniformRandom
from policyscope.rollouts.lockstep import Lockstep
from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.seeds import Generators


@dataclass(frozen=True, eq=False)
class Exploring:
    """A greedy policy whose action is a random one in a share of the steps."""

    greedy: Greedy
    random: UniformRandom
    share: float

    purpose: ClassVar[str] = "exploring policy"

    def initial_memory(self, lanes: int) -> Memory:
        """See `Actor.initial_memory`."""
        return self.greedy.initial_memory(lanes)

    def act(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        memory: Memory,
        playing: Lockstep,
        generators: Generators,
    ) -> tuple[Shaped[np.ndarray, " lane *action"], Memory]:
        """See `Actor.act`."""
        own, after = self.greedy.act(observations, memory, playing, generators)
        drawn, _ = self.random.act(observations, (), playing, generators)
        chances = [generators.of(episode).random() for episode in playing.episodes.tolist()]
        instead = np.array(chances) < self.share
        return np.where(instead.reshape(-1, *[1] * (own.ndim - 1)), drawn, own), after


def drawable(space: Space, rollouts: Rollouts) -> Space:
    """The action space; where it has no bounds, the range of the actions that were taken."""
    if not isinstance(space, spaces.Box) or space.is_bounded():
        return space
    seen = rollouts.actions
    low = np.where(np.isfinite(space.low), space.low, seen.min(0))
    high = np.where(np.isfinite(space.high), space.high, seen.max(0))
    return spaces.Box(low.astype(space.dtype), high.astype(space.dtype))
