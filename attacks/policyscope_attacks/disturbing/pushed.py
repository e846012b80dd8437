"""Pushed: a policy does what it chooses, and meanwhile a bounded force acts on its body.

    f_i = ε W clip(wish_i, −1, 1),  along x, y and z, in every step;  W the weight of the whole body

A disturbance wishes; what acts is decided here, and measured after it was rounded to the action's
type. Where the body is, and how, is told in `policyscope.rollouts.forces`.

Reference: Pinto et al. 2017, https://arxiv.org/abs/1703.02702 (forces on a body; theirs are in
newtons, of at most two dimensions, and for each environment at another part)
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int, Shaped

from policyscope.analyzers.subject import Subject
from policyscope.errors import EnvironmentMismatch
from policyscope.policies.policy import Memory, Policy
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.forces import AXES
from policyscope.rollouts.lockstep import Lockstep
from policyscope.rollouts.seeds import Generators
from policyscope_attacks.disturbing.disturbance import Disturbance, wished
from policyscope_attacks.disturbing.disturbed import Disturbed, nearer


@dataclass(frozen=True)
class OnBody:
    """The arm that pushes a body. See `Arm`."""

    def outputs(self, policy: Policy) -> int:
        """See `Arm.outputs`."""
        del policy
        return len(AXES)

    def discrete(self, policy: Policy) -> bool:
        """See `Arm.discrete`."""
        del policy
        return False

    def held(self, subject: Subject) -> Subject:
        """See `Arm.held`."""
        if subject.environment is None:
            raise EnvironmentMismatch("A body can be pushed where there is an environment.")
        return replace(subject, environment=replace(subject.environment, pushed=True))

    def disturbed(
        self, policy: Policy, disturbance: Disturbance, epsilon: float, seed: int
    ) -> "Pushed":
        """See `Arm.disturbed`."""
        del seed
        return Pushed(policy, disturbance, epsilon)


class Pushed:
    """A greedy policy whose body is pushed, for one run of `play`."""

    purpose: ClassVar[str] = Disturbed.purpose

    def __init__(self, policy: Policy, disturbance: Disturbance, epsilon: float) -> None:
        self._greedy = Greedy(policy)
        self._disturbance = disturbance
        self._epsilon = epsilon
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
        wishes = wished(self._disturbance, observations, playing, generators)
        shares = self._epsilon * wishes.nan_to_num(0.0).clamp(-1, 1).double().numpy()
        forces = shares.astype(chosen.dtype)
        # rounding must not lead out of the budget
        out = np.abs(forces.astype(float)) > self._epsilon
        forces = np.where(out, nearer(forces, np.zeros_like(forces)), forces)
        self._measured.append((playing.episodes.copy(), np.abs(forces.astype(float)).max(1)))
        return np.concatenate([chosen, forces], 1), memory

    def changes(self, lengths: Int[np.ndarray, " episode"]) -> Float[np.ndarray, " episode"]:
        """The largest force along any axis in each episode, in shares of the weight."""
        found = np.zeros(len(lengths))
        for episodes, sizes in self._measured:
            np.maximum.at(found, episodes, sizes)
        return found
