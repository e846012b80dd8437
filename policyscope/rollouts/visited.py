"""Visited: observations that a policy was shown, episode by episode.

Whoever asks only what a policy makes of its observations needs no more than these, whether they
were played here or recorded elsewhere.

States of one episode are not independent, so intervals rest on whole episodes. Where there is a
single one, perhaps because nobody recorded where others begin, they rest on blocks of consecutive
steps, about √n of about √n steps each: both their number and their length grow with the recording,
as a bootstrap of dependent data needs. States that are an episode each are put into as many.

Reference: Künsch 1989, The jackknife and the bootstrap for general stationary observations,
https://doi.org/10.1214/aos/1176347265
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Shaped


@dataclass(frozen=True, eq=False)
class Visited:
    """Observations of whole episodes, one after the other."""

    lengths: Int[np.ndarray, " episode"]
    """Steps in each episode; a policy's memory begins anew with each."""
    observations: Shaped[np.ndarray, " step *observation"]
    """What the policy was shown, frames one by one."""
    frame_stack: int | None = None
    """How many of the newest observations the policy saw at once, where these are frames."""

    def inputs(self, steps: Int[np.ndarray, " row"]) -> Shaped[np.ndarray, " row *input"]:
        """What the policy saw at these steps; frames are stored once and stacked here."""
        if self.frame_stack is None:
            return self.observations[steps]
        first = self.first_steps[self.episode_of_step[steps]]
        back = steps[:, None] - np.arange(self.frame_stack)[::-1]
        frames = self.observations[np.maximum(back, 0)]
        frames[back < first[:, None]] = 0  # nothing was seen before the episode
        return frames

    def first(self, episodes: int) -> "Visited":
        """Only the first so many episodes; all states where each is an episode of its own."""
        if self._alone:
            return self
        lengths = self.lengths[:episodes]
        return Visited(lengths, self.observations[: lengths.sum()], self.frame_stack)

    @property
    def first_steps(self) -> Int[np.ndarray, " episode"]:
        """The step at which each episode begins."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def episode_of_step(self) -> Int[np.ndarray, " step"]:
        """The episode that each step belongs to."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @property
    def blocks(self) -> Int[np.ndarray, " block"]:
        """Steps in each stretch that intervals take as independent: the episodes, if several."""
        if len(self.lengths) > 1 and not self._alone:
            return self.lengths
        steps = int(self.lengths.sum())
        parts = np.array_split(np.arange(steps), max(math.isqrt(steps), 1))
        return np.array([len(part) for part in parts])

    @property
    def unit(self) -> str:
        """What a block is, in the plural."""
        if self._alone:
            return "blocks of independent states"
        return "episodes" if len(self.lengths) > 1 else "blocks of consecutive steps"

    @property
    def block_of_step(self) -> Int[np.ndarray, " step"]:
        """The block that each step belongs to."""
        return np.repeat(np.arange(len(self.blocks)), self.blocks)

    @property
    def _alone(self) -> bool:
        return int(self.lengths.max(initial=0)) <= 1
