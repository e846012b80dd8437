"""Rollouts: what whole episodes left behind."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from policyscope.rollouts.visited import Visited


@dataclass(frozen=True, eq=False)
class Rollouts:
    """Whole episodes, one after the other."""

    seed: int
    """With an episode's number, it decides everything that was random."""
    lengths: Int[np.ndarray, " episode"]
    """Steps in each."""
    observations: Shaped[np.ndarray, " step *observation"]
    """What the environment gave before each action."""
    shown: Shaped[np.ndarray, " step *observation"]
    """What the policy was shown in its place; the same array where nothing was perturbed."""
    actions: Shaped[np.ndarray, " step *action"]
    """What the environment was given."""
    rewards: Float[np.ndarray, " step"]
    terminated: Bool[np.ndarray, " episode"]
    """The task ended the episode."""
    truncated: Bool[np.ndarray, " episode"]
    """A time limit ended the episode; the return says nothing about what would have followed."""
    frame_stack: int | None = None
    """How many of the newest observations the policy saw at once, where these are frames."""

    def some(self, first: int, count: int) -> "Rollouts":
        """Episodes from one on, as if nothing else had been played; fewer where there are fewer."""
        episodes = slice(first, first + count)
        lengths = self.lengths[episodes]
        begin = int(self.lengths[:first].sum())
        steps = slice(begin, begin + int(lengths.sum()))
        return replace(
            self,
            lengths=lengths,
            observations=self.observations[steps],
            shown=self.shown[steps],
            actions=self.actions[steps],
            rewards=self.rewards[steps],
            terminated=self.terminated[episodes],
            truncated=self.truncated[episodes],
        )

    @property
    def visited(self) -> Visited:
        """What the policy was shown, without what came of it."""
        return Visited(self.lengths, self.shown, self.frame_stack)

    def inputs(self, steps: Int[np.ndarray, " row"]) -> Shaped[np.ndarray, " row *input"]:
        """See `Visited.inputs`."""
        return self.visited.inputs(steps)

    @property
    def first_steps(self) -> Int[np.ndarray, " episode"]:
        """See `Visited.first_steps`."""
        return self.visited.first_steps

    @property
    def episode_of_step(self) -> Int[np.ndarray, " step"]:
        """See `Visited.episode_of_step`."""
        return self.visited.episode_of_step

    @property
    def returns(self) -> Float[np.ndarray, " episode"]:
        """Undiscounted sum of each episode's rewards."""
        return np.add.reduceat(self.rewards, self.first_steps)
