"""What is known of returns before a policy is played: a floor, and sometimes a ceiling.

Simulators do not say how much they reward. The table holds what gymnasium's own code gives at a
step, at least and at most, read in its sources and not sampled, https://gymnasium.farama.org. An
episode may end at any step, so over at most H steps with rewards in [r, s], and e more at the goal,

    min(r, 0)·H ≤ R ≤ max(s, 0)·H + e

Of environments that are not in the table, or have arguments that could change rewards, nothing is
known.
"""

import math
from dataclasses import dataclass

import gymnasium
import numpy as np
from jaxtyping import Float

from policyscope.errors import UsageError
from policyscope.rollouts.environment import Environment

MOST = 1000
"""Values of a return that are looked at one by one; between that many, ones evenly spaced."""


@dataclass(frozen=True)
class ReturnRange:
    """No return is outside of it."""

    floor: float
    ceiling: float = math.inf
    whole: bool = False
    """Whether every return is a whole number."""

    @property
    def values(self) -> Float[np.ndarray, " value"] | None:
        """Increasing values above the floor to ask for, all that there are; None if unbounded."""
        if math.isinf(self.ceiling):
            return None
        between = self.ceiling - self.floor
        count = max(int(between), 1) if self.whole and between <= MOST else MOST
        return self.floor + between / count * np.arange(1, count + 1)


@dataclass(frozen=True)
class _Rewards:
    """What a step gives."""

    least: float
    most: float
    whole: bool = True
    at_goal: float = 0
    """Given besides, where an episode ends there."""
    harmless: tuple[str, ...] = ()
    """Arguments that do not change any of it, beside `max_episode_steps`."""


PENDULUM = math.pi**2 + 0.1 * 8**2 + 0.001 * 2**2
"""The largest cost of a step: hanging down, at full speed and full torque."""

REWARDS = {
    "CartPole-v0": _Rewards(1, 1),
    "CartPole-v1": _Rewards(1, 1),
    "MountainCar-v0": _Rewards(-1, -1, harmless=("goal_velocity",)),
    # what is rewarded is the action as it was chosen, and policies choose within [-1, 1]
    "MountainCarContinuous-v0": _Rewards(-0.1, 0, False, 100, harmless=("goal_velocity",)),
    "Acrobot-v1": _Rewards(-1, 0),
    "Pendulum-v1": _Rewards(-PENDULUM, 0, False, harmless=("g",)),
    "InvertedPendulum-v4": _Rewards(1, 1),
}
GAMES = {"Pong": ReturnRange(-21, 21, whole=True), "Freeway": ReturnRange(0)}
"""Atari games of which the rules bound the score, whatever is done to frames and actions."""


def require_above(floor: float, returns: Float[np.ndarray, " *run"]) -> None:
    """What was played is no lower than the lowest there should be.

    Raises:
        UsageError: If it is.
    """
    if returns.min() < floor:
        raise UsageError(
            f"An episode returned {returns.min():g}, below the floor of {floor:g}; give a floor "
            "that no return is below, with --set certify.floor=…"
        )


def known_range(environment: Environment) -> ReturnRange | None:
    """What is known of an environment's returns, or None."""
    id, options = environment.playable, dict(environment.options)
    for game, scores in GAMES.items():
        atari = environment.frame_stack is not None and not options.get("reward_clipping")
        if atari and id.removeprefix("ALE/").startswith((f"{game}-", f"{game}NoFrameskip-")):
            return scores
    if id not in REWARDS:
        return None
    rewards = REWARDS[id]
    limit = options.pop("max_episode_steps", gymnasium.spec(id).max_episode_steps)
    if set(options) - {"render_mode", *rewards.harmless}:
        return None
    steps = limit if isinstance(limit, int) and limit > 0 else math.inf
    floor = rewards.least * steps if rewards.least < 0 else 0.0
    ceiling = rewards.most * steps if rewards.most > 0 else 0.0
    if math.isinf(floor):
        return None
    return ReturnRange(float(floor), ceiling + rewards.at_goal, rewards.whole)
