"""Transitions: what the environment did, step by step, with actions as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium import Space, spaces
from jaxtyping import Float, Int, Shaped

from policyscope.rollouts.rollouts import Rollouts


@dataclass(frozen=True, eq=False)
class Transitions:
    """Steps whose following state was seen: all of an episode but the last."""

    states: Float[np.ndarray, " row feature"]
    controls: Float[np.ndarray, " row control"]
    following: Float[np.ndarray, " row feature"]
    rewards: Float[np.ndarray, " row"]
    episodes: Int[np.ndarray, " row"]
    """Which episode each is from; rows of one follow one another."""

    @classmethod
    def of(cls, rollouts: Rollouts, actions: Space) -> "Transitions":
        """Those of whole episodes."""
        last = rollouts.first_steps + rollouts.lengths - 1
        steps = np.setdiff1d(np.arange(len(rollouts.rewards)), last)
        observations = rollouts.observations.astype(float)
        return cls(
            states=observations[steps],
            controls=as_controls(rollouts.actions[steps], actions),
            following=observations[steps + 1],
            rewards=rollouts.rewards[steps],
            episodes=rollouts.episode_of_step[steps],
        )

    @classmethod
    def joined(cls, parts: Sequence["Transitions"]) -> "Transitions":
        """Several, whose episodes are counted on."""
        counts = [int(part.episodes.max(initial=-1)) + 1 for part in parts]
        before = np.cumsum([0, *counts[:-1]])
        return cls(
            states=np.concatenate([part.states for part in parts]),
            controls=np.concatenate([part.controls for part in parts]),
            following=np.concatenate([part.following for part in parts]),
            rewards=np.concatenate([part.rewards for part in parts]),
            episodes=np.concatenate(
                [part.episodes + n for part, n in zip(parts, before, strict=True)]
            ),
        )

    def where(self, rows: Shaped[np.ndarray, " row"]) -> "Transitions":
        """Some of them, by a mask or by place."""
        return Transitions(
            self.states[rows],
            self.controls[rows],
            self.following[rows],
            self.rewards[rows],
            self.episodes[rows],
        )


def as_controls(
    actions: Shaped[np.ndarray, " row *action"], space: Space
) -> Float[np.ndarray, " row control"]:
    """Continuous actions as they are; of discrete ones an indicator of each but the first."""
    match space:
        case spaces.Discrete(n=n, start=start):
            return (actions.reshape(-1, 1) - start == np.arange(1, n)).astype(float)
        case spaces.MultiDiscrete(nvec=nvec, start=start):
            chosen = actions.reshape(len(actions), -1) - start.flatten()
            groups = zip(chosen.T, nvec.flatten().tolist(), strict=True)
            return np.concatenate(
                [column[:, None] == np.arange(1, n) for column, n in groups], 1
            ).astype(float)
    return actions.reshape(len(actions), -1).astype(float)
