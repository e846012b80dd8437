"""Imitated: what equations have to answer in a network's place, and how far off they are.

Continuous actions have an equation for each dimension, of the mean action before it is clipped.
Discrete ones have an equation for each action's score, and a choice between two a single one, for
by how much the second is preferred.

Equations are fitted to one of two *aims*, whichever does better on held-out states:

    scores    the network's own: actions before clipping, up to a few half ranges beyond the bounds;
              scores less their mean
    bounded   actions clipped to the bounds, margins m_a = s_a − max_{b≠a} s_b to their median size;
              at a bound, going further is no error (one-sided, as in Tobin 1958,
              https://doi.org/10.2307/1907382)

What the clip of the action, or the choice of the largest score, does anyway need not be fitted.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from policyscope.policies.policy import Policy
from policyscope.policies.readable import in_place_of
from policyscope.readable.equations import Equations
from policyscope.readable.readable import Readable
from policyscope.readable.tree import Tree

WIDE = 4.0
"""Half ranges beyond the bounds up to which actions are fitted."""
BATCH = 4096
"""States that a network sees at once."""


@dataclass(frozen=True, eq=False)
class Aim:
    """What equations are fitted to."""

    name: str
    targets: Float[np.ndarray, " row equation"]
    one_sided: bool
    """Whether further than the largest target, or the smallest, is no error."""


@dataclass(frozen=True, eq=False)
class Imitated:
    """A network, and the form that an answer in its place has."""

    policy: Policy
    features: tuple[str, ...]
    actions: tuple[str, ...]
    environment: str
    groups: tuple[int, ...]
    """How many alternatives each choice has; none where actions are continuous."""
    starts: tuple[int, ...]
    low: Float[np.ndarray, " dimension"]
    """Of continuous actions; infinite where there is no bound."""
    high: Float[np.ndarray, " dimension"]
    half: Float[np.ndarray, " dimension"]
    """Half ranges, in which errors are counted; deviations where there are no bounds."""

    @property
    def equations(self) -> int:
        """How many there are to be found."""
        return len(self.mixing.T)

    @property
    def mixing(self) -> Float[np.ndarray, " output equation"]:
        """Scores from equations: a choice between two has one, for the second."""
        if not self.groups:
            return np.eye(len(self.half))
        blocks = [np.array([[0.0], [1.0]]) if n == 2 else np.eye(n) for n in self.groups]
        return _block_diagonal(blocks)

    def scores(self, states: Float[np.ndarray, " row feature"]) -> Float[np.ndarray, " row output"]:
        """The network's own."""
        parts = np.array_split(states.astype(np.float32), max(len(states) // BATCH, 1))
        with torch.inference_mode():
            answers = [self.policy.scores(torch.from_numpy(part))[0].numpy() for part in parts]
        return np.concatenate(answers).astype(float)

    def aims(self, scores: Float[np.ndarray, " row output"]) -> tuple[Aim, ...]:
        """What may be fitted."""
        if not self.groups:
            wide = np.clip(scores, self.low - WIDE * self.half, self.high + WIDE * self.half)
            bounded = np.clip(scores, self.low, self.high)
            return Aim("scores", wide, False), Aim("bounded", bounded, True)
        parts = np.split(scores, np.cumsum(self.groups)[:-1], axis=1)
        plain = np.concatenate([_preferences(part) for part in parts], 1)
        margins = np.concatenate([_margins(part) for part in parts], 1)
        usual = np.median(np.abs(margins), 0)
        return Aim("scores", plain, False), Aim("bounded", np.clip(margins, -usual, usual), True)

    def errors(
        self,
        answers: Float[np.ndarray, " row output"],
        scores: Float[np.ndarray, " row output"],
    ) -> Float[np.ndarray, " row"]:
        """Of each state: 1 where another action is chosen; mean squared error in half ranges."""
        if self.groups:
            return np.any(self.chosen(answers) != self.chosen(scores), 1).astype(float)
        done, wanted = (np.clip(values, self.low, self.high) for values in (answers, scores))
        return np.mean(np.square((done - wanted) / self.half), 1)

    def summary(self, errors: Float[np.ndarray, " row"]) -> float:
        """One number: the share of other actions, or the root mean squared error."""
        mean = float(errors.mean())
        return mean if self.groups else math.sqrt(mean)

    def chosen(self, scores: Float[np.ndarray, " row output"]) -> Int[np.ndarray, " row choice"]:
        """The place of the largest score of each choice."""
        parts = np.split(scores, np.cumsum(self.groups)[:-1], axis=1)
        return np.stack([part.argmax(1) for part in parts], 1)

    def readable(self, form: Equations | Tree) -> Readable:
        """What a person reads in the network's place."""
        bounds = [
            tuple(None if np.isinf(bound) else float(bound) for bound in bounds)
            for bounds in (self.low, self.high)
        ]
        return Readable(
            form=form,
            features=self.features,
            actions=self.actions,
            groups=self.groups,
            starts=self.starts,
            low=() if self.groups else bounds[0],
            high=() if self.groups else bounds[1],
            environment=self.environment,
        )

    def played(self, form: Equations | Tree) -> Policy:
        """What can act in the network's place."""
        return in_place_of(self.policy, self.readable(form), "surrogate")


def _preferences(scores: np.ndarray) -> np.ndarray:
    if scores.shape[1] == 2:
        return scores[:, 1:] - scores[:, :1]
    return scores - scores.mean(1, keepdims=True)


def _margins(scores: np.ndarray) -> np.ndarray:
    """By how much each action is preferred to the best of the others."""
    if scores.shape[1] == 2:
        return scores[:, 1:] - scores[:, :1]
    first, second = np.sort(scores, 1)[:, [-1, -2]].T[:, :, None]
    return scores - np.where(scores == first, second, first)


def _block_diagonal(blocks: list[np.ndarray]) -> np.ndarray:
    whole = np.zeros(tuple(np.sum([block.shape for block in blocks], 0)))
    row = column = 0
    for block in blocks:
        whole[row : row + len(block), column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return whole
