"""The loop that every attack goes through: it asks, projects, rounds, measures, charges.

An attack proposes; what the policy is shown is decided here, and what was spent is measured on
what was shown, after it was rounded to the observation's type. So no attack can report more than it
achieved, nor spend more than its budget.

Episode i is attacked the same way whatever the number of lanes: all that is random in it comes from
(seed, purpose, i), and proposals are computed in batches of one fixed size, in row i mod that size.
"""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from policyscope.policies.policy import Policy
from policyscope.rollouts.lockstep import places_in_batches
from policyscope.rollouts.perturbation import Sight
from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.seeds import Generators
from policyscope_attacks.attack import Attack
from policyscope_attacks.budget import Budget
from policyscope_attacks.scene import Scene

BATCH = 32
"""Rows of every batch in which changes are computed."""


class StandingBetween:
    """An attack between an environment and a policy, for one run of `play`."""

    purpose: ClassVar[str] = "attack"

    def __init__(self, attack: Attack, policy: Policy, budget: Budget) -> None:
        self._attack = attack
        self._policy = policy
        self._budget = budget
        self._spent: dict[int, float] = {}

    def attack(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        sight: Sight,
        generators: Generators,
    ) -> Shaped[np.ndarray, " lane *observation"]:
        """See `policyscope.rollouts.perturbation.Adversary.attack`."""
        episodes = sight.episodes.tolist()
        spent = np.array([self._spent.get(episode, 0.0) for episode in episodes])
        sizes = self._budget.left(spent)
        frames = () if sight.frames is None else (torch.from_numpy(sight.frames[:, 1:]).float(),)
        given = (
            torch.from_numpy(sight.episodes),
            torch.from_numpy(observations.astype(np.float32)),
            torch.from_numpy(sizes).float(),
            self._draws(episodes, generators, observations.shape[1:]),
            *frames,
            *sight.memory,
        )
        with torch.inference_mode(False), torch.enable_grad():
            proposed = in_rows(sight.episodes, self._propose, given)
        shown = self._budget.shown(observations, proposed, sizes)
        cost = self._budget.charge(_lengths(self._budget, observations, shown))
        self._spent |= dict(zip(episodes, (spent + cost).tolist(), strict=True))
        return shown

    def _propose(self, *given: Tensor) -> Tensor:
        episodes, observations, sizes, draws, *rest = given
        stacked = len(rest) > len(self._policy.memory_shapes)
        scene = Scene(
            policy=self._policy,
            episodes=episodes,
            observations=observations,
            frames=rest[0] if stacked else None,
            memory=tuple(rest[stacked:]),
            budget=self._budget,
            sizes=sizes,
            draws=draws,
        )
        return self._attack.delta(scene).detach()

    def _draws(
        self, episodes: list[int], generators: Generators, shape: tuple[int, ...]
    ) -> Float[Tensor, " lane draw *observation"]:
        drawn = [
            generators.of(episode).random((self._attack.draws, *shape), np.float32)
            for episode in episodes
        ]
        return torch.from_numpy(np.stack(drawn))


def spent(rollouts: Rollouts, budget: Budget) -> Float[np.ndarray, " step"]:
    """The length of every step's change, measured on what was shown."""
    return _lengths(budget, rollouts.observations, rollouts.shown)


def _lengths(
    budget: Budget,
    observations: Shaped[np.ndarray, " step *observation"],
    shown: Shaped[np.ndarray, " step *observation"],
) -> Float[np.ndarray, " step"]:
    moved = shown.astype(np.float64) - observations.astype(np.float64)
    return budget.length(torch.from_numpy(moved)).numpy()


def in_rows(
    episodes: Int[np.ndarray, " lane"],
    function: Callable[..., Tensor],
    given: tuple[Tensor, ...],
    batch: int = BATCH,
) -> Tensor:
    """Apply a function of batches, each episode in a row of its own in batches of a fixed size.

    Rows in which nobody plays hold zeros.
    """
    places = torch.from_numpy(places_in_batches(episodes, batch))
    rows = (int(places.max()) // batch + 1) * batch
    padded = []
    for part in given:
        # never an inference tensor, which could not be differentiated
        padded.append(torch.zeros(rows, *part.shape[1:], dtype=part.dtype))
        padded[-1][places] = part
    batches = zip(*(part.split(batch) for part in padded), strict=True)
    return torch.cat([function(*one) for one in batches])[places]
