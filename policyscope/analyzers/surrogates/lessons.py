"""Lessons: observations, and what a policy does there, to learn from and to be judged by."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Bool, Float

from policyscope.policies.flips import flat_actions
from policyscope.policies.gradients import action_units
from policyscope.policies.policy import Policy
from policyscope.policies.readable import choices_of
from policyscope.rollouts.replay import replayed
from policyscope.rollouts.visited import Visited

CLOSE = 0.1
"""Half ranges within which two continuous actions count as the same."""


@dataclass(frozen=True, eq=False)
class Lessons:
    """Rows of observations with the teacher's action at each."""

    observations: Float[np.ndarray, " row feature"]
    actions: Float[np.ndarray, " row choice"]
    """As the environment takes them: a number per choice, or per dimension."""
    groups: tuple[int, ...]
    """How many alternatives each choice has; none where actions are continuous."""
    starts: Float[np.ndarray, " group"]
    """Number of the first alternative of each choice."""
    units: Float[np.ndarray, " bounded"]
    """Half the range of each continuous action; 1 where it has no bounds."""
    low: Float[np.ndarray, " bounded"]
    high: Float[np.ndarray, " bounded"]

    def some(self, rows: np.ndarray) -> "Lessons":
        """Only these rows."""
        return replace(self, observations=self.observations[rows], actions=self.actions[rows])

    def and_(self, more: "Lessons") -> "Lessons":
        """These, and then others of the same teacher."""
        return replace(
            self,
            observations=np.concatenate([self.observations, more.observations]),
            actions=np.concatenate([self.actions, more.actions]),
        )

    def same(self, decided: np.ndarray) -> Bool[np.ndarray, " row"]:
        """Whether other decisions are the teacher's: equal, or `CLOSE` where continuous."""
        if self.groups:
            return (decided == self.actions).all(1)
        return self.distances(decided) <= CLOSE

    def closeness(self, decided: np.ndarray) -> Float[np.ndarray, " row"]:
        """1 where other decisions are the teacher's, 0 where they are far from it.

        Discrete ones that differ are far; continuous ones are by half a range or more.
        """
        if self.groups:
            return self.same(decided).astype(float)
        return 1 - np.minimum(self.distances(decided), 1)

    def distances(self, decided: np.ndarray) -> Float[np.ndarray, " row"]:
        """Lengths of the differences to other continuous actions, in half ranges."""
        return np.linalg.norm((decided - self.actions) / self.units, axis=1)


def lessons_of(policy: Policy, visited: Visited) -> Lessons:
    """What a policy does at visited observations, with the memory that it has there."""
    observations = visited.observations
    space, none = policy.action_space, np.empty(0)
    units, low, high = none, none, none
    groups, starts = choices_of(space)
    if isinstance(space, spaces.Box):
        units = action_units(policy).numpy()
        low, high = space.low.flatten().astype(float), space.high.flatten().astype(float)
    return Lessons(
        observations=observations.reshape(len(observations), -1).astype(float),
        actions=_actions(policy, visited),
        groups=groups,
        starts=np.array(starts, float),
        units=units,
        low=low,
        high=high,
    )


def _actions(policy: Policy, visited: Visited) -> Float[np.ndarray, " row choice"]:
    parts = []
    for steps, seen, memory in replayed(policy, visited):
        with torch.no_grad():
            scores, _ = policy.scores(seen, memory)
        parts.append((steps, flat_actions(policy, scores).numpy()))
    every = np.concatenate([actions for _, actions in parts])
    actions = np.empty_like(every)
    actions[np.concatenate([steps for steps, _ in parts])] = every
    return actions
