"""Disturbed: a policy's choice, and in its place what a bounded disturbance makes of it.

    continuous   a' = clip(a + δ),  |δ_i| ≤ ε h_i,  h half the range of each dimension
    discrete     a' = the disturbance's action with probability ε in every step, else a

A disturbance wishes; what is done is decided here, and what was changed is measured on what was
done, after it was rounded to the action's type. Coins fall alike for all disturbances: they come
from (seed, purpose, episode), so a loss is that of what was done and not of when.

Reference: Tessler, Efroni, Mannor 2019, https://arxiv.org/abs/1901.09184 (the probabilistic
action-robust process; of the noisy one only the bound is taken: changes are added, not mixed in)
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from gymnasium import spaces
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from policyscope.analyzers.subject import Subject
from policyscope.policies.gradients import action_units
from policyscope.policies.policy import Memory, Policy
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.lockstep import Lockstep
from policyscope.rollouts.seeds import Generators
from policyscope_attacks.disturbing.disturbance import Disturbance, wished


@dataclass(frozen=True)
class OnActions:
    """The arm that disturbs what a policy does. See `Arm`."""

    def outputs(self, policy: Policy) -> int:
        """See `Arm.outputs`."""
        return policy.outputs or 0

    def discrete(self, policy: Policy) -> bool:
        """See `Arm.discrete`."""
        return not isinstance(policy.action_space, spaces.Box)

    def held(self, subject: Subject) -> Subject:
        """See `Arm.held`."""
        return subject

    def disturbed(
        self, policy: Policy, disturbance: Disturbance, epsilon: float, seed: int
    ) -> "Disturbed":
        """See `Arm.disturbed`."""
        return Disturbed(policy, disturbance, epsilon, seed)


class Disturbed:
    """A greedy policy whose actions are disturbed, for one run of `play`."""

    purpose: ClassVar[str] = "disturbance"

    def __init__(self, policy: Policy, disturbance: Disturbance, epsilon: float, seed: int) -> None:
        self._greedy = Greedy(policy)
        self._policy = policy
        self._disturbance = disturbance
        self._epsilon = epsilon
        self._coins = Generators(seed, "coins of a disturbance")
        self._measured: list[tuple[np.ndarray, np.ndarray]] = []

    def initial_memory(self, lanes: int) -> Memory:
        """See `Actor.initial_memory`."""
        return self._greedy.initial_memory(lanes)

    def act(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        memory: Memory,
        playing: Lockstep,
        generators: Generators,
    ) -> tuple[Shaped[np.ndarray, " lane *action"], Memory]:
        """See `Actor.act`."""
        chosen, memory = self._greedy.act(observations, memory, playing, generators)
        episodes = playing.episodes
        wishes = wished(self._disturbance, observations, playing, generators)
        done = self._done(chosen, wishes, episodes)
        self._measured.append((episodes.copy(), self._change(chosen, done)))
        return done, memory

    def changes(self, lengths: Int[np.ndarray, " episode"]) -> Float[np.ndarray, " episode"]:
        """What was done to each of the episodes that were played.

        The share of steps in which another action was done than the policy's; of continuous ones
        the largest change of any dimension, in half ranges.
        """
        episodes, changes = (np.concatenate(part) for part in zip(*self._measured, strict=True))
        found = np.zeros(len(lengths))
        if isinstance(self._policy.action_space, spaces.Box):
            np.maximum.at(found, episodes, changes)
            return found
        np.add.at(found, episodes, changes)
        return found / lengths

    def _done(
        self,
        chosen: Shaped[np.ndarray, " lane *action"],
        wishes: Float[Tensor, " lane output"],
        episodes: Int[np.ndarray, " lane"],
    ) -> Shaped[np.ndarray, " lane *action"]:
        wishes = wishes.nan_to_num(0.0)
        space = self._policy.action_space
        if isinstance(space, spaces.Box):
            bound = self._epsilon * self._units(chosen)
            moved = chosen + bound * wishes.clamp(-1, 1).double().numpy().reshape(chosen.shape)
            done = np.clip(moved, space.low, space.high).astype(chosen.dtype)
            # rounding must not lead out of the budget
            out = np.abs(done - chosen.astype(float)) > bound
            return np.where(out, nearer(done, chosen), done)
        struck = [self._coins.of(e).random() < self._epsilon for e in episodes.tolist()]
        others = self._policy.actions(wishes).astype(chosen.dtype)
        return np.where(np.reshape(struck, (-1, *(1,) * (chosen.ndim - 1))), others, chosen)

    def _change(
        self, chosen: Shaped[np.ndarray, " lane *action"], done: Shaped[np.ndarray, " lane *action"]
    ) -> Float[np.ndarray, " lane"]:
        if isinstance(self._policy.action_space, spaces.Box):
            moved = np.abs(done.astype(float) - chosen) / self._units(chosen)
            return moved.reshape(len(moved), -1).max(1)
        return 1.0 * (done != chosen).reshape(len(done), -1).any(1)

    def _units(self, actions: np.ndarray) -> Float[np.ndarray, " *action"]:
        return action_units(self._policy).numpy().astype(float).reshape(actions.shape[1:])


def nearer(done: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The next number of their type towards what was chosen."""
    return np.nextafter(done, chosen) if np.issubdtype(done.dtype, np.floating) else chosen
