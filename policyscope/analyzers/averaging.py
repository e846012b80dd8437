"""Averaging: means over states, with intervals over the blocks of steps that they are from."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from policyscope.rollouts.visited import Visited
from policyscope.statistics import Estimate, bootstrap


@dataclass(frozen=True, eq=False)
class Averaging:
    """Makes estimates of what is known in single states."""

    visited: Visited
    rng: np.random.Generator
    confidence: float

    def means(
        self, steps: Int[np.ndarray, " state"], values: Float[np.ndarray, " state quantity"]
    ) -> tuple[Estimate, ...]:
        """The mean of each quantity over states, which are known by their steps."""
        if not values.shape[1]:
            return ()
        sums = self._per_block(steps, np.column_stack([values, np.ones(len(values))]))
        return bootstrap(sums, _mean, self.rng, self.confidence)

    def shares(
        self, steps: Int[np.ndarray, " state"], values: Float[np.ndarray, " state output part"]
    ) -> tuple[Estimate, ...]:
        """The share of each part in the sum of absolute values, averaged over outputs."""
        shape = values.shape[1:]
        sums = self._per_block(steps, np.abs(values).reshape(len(values), -1))
        return bootstrap(sums, lambda s: shares(s.reshape(shape)), self.rng, self.confidence)

    def ratios(
        self,
        steps: Int[np.ndarray, " state"],
        above: Float[np.ndarray, " state output"],
        below: Float[np.ndarray, " state output"],
    ) -> tuple[Estimate, ...]:
        """The ratio of two sums over states, averaged over outputs; 0 of nothing is 0."""
        sums = self._per_block(steps, np.stack([above, below], 1).reshape(len(above), -1))
        return bootstrap(sums, lambda s: _ratio(s.reshape(2, -1)), self.rng, self.confidence)

    def _per_block(
        self, steps: Int[np.ndarray, " state"], values: Float[np.ndarray, " state quantity"]
    ) -> Float[np.ndarray, " block sum"]:
        sums = np.zeros((len(self.visited.blocks), values.shape[1]))
        np.add.at(sums, self.visited.block_of_step[steps], values)
        return sums


def shares(sums: Float[np.ndarray, " output part"]) -> Float[np.ndarray, " part"]:
    """Share of each part in each output's sum, averaged over outputs; 0 of nothing is 0."""
    whole = sums.sum(1, keepdims=True)
    return np.divide(sums, whole, out=np.zeros_like(sums), where=whole > 0).mean(0)


def _mean(sums: Float[np.ndarray, " sum"]) -> Float[np.ndarray, " quantity"]:
    # a resample may hold only blocks from which no state was drawn
    return sums[:-1] / max(sums[-1], 1)


def _ratio(sums: Float[np.ndarray, " 2 output"]) -> Float[np.ndarray, " 1"]:
    above, below = sums
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0).mean(keepdims=True)
