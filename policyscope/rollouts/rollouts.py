"""Rollouts: what whole episodes left behind."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped


@dataclass(frozen=True, eq=False)
class Rollouts:
    """Whole episodes 0, 1, …, one after the other."""

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

    def inputs(self, steps: Int[np.ndarray, " row"]) -> Shaped[np.ndarray, " row *input"]:
        """What the policy saw at these steps; frames are stored once and stacked here."""
        if self.frame_stack is None:
            return self.shown[steps]
        first = self.first_steps[self.episode_of_step[steps]]
        back = steps[:, None] - np.arange(self.frame_stack)[::-1]
        frames = self.shown[np.maximum(back, 0)]
        frames[back < first[:, None]] = 0  # nothing was seen before the episode
        return frames

    @property
    def first_steps(self) -> Int[np.ndarray, " episode"]:
        """The step at which each episode begins."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def episode_of_step(self) -> Int[np.ndarray, " step"]:
        """The episode that each step belongs to."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @property
    def returns(self) -> Float[np.ndarray, " episode"]:
        """Undiscounted sum of each episode's rewards."""
        return np.add.reduceat(self.rewards, self.first_steps)
