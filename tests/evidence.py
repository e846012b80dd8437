"""Counterexamples of episodes that were just played; an environment that knows its worst."""

from contextlib import contextmanager

import gymnasium
import numpy as np
from gymnasium import spaces

from policyscope.reports.results import Counterexample
from policyscope.rollouts.reenactment import changes, digests
from policyscope.rollouts.rollouts import Rollouts


def kept(rollouts: Rollouts, number: int, clean: float = 0.0, **altered) -> Counterexample:
    """One episode of these, as a report keeps it; `altered` fields are planted mistakes."""
    first = int(rollouts.first_steps[number])
    steps = slice(first, first + int(rollouts.lengths[number]))
    observations, shown = rollouts.observations[steps], rollouts.shown[steps]
    plain = {
        "attack": "noise",
        "epsilon": 1.0,
        "norm": "linf",
        "scale": np.ones(observations.shape[1:]),
        "seed": rollouts.seed,
        "episode": number,
        "clean": clean,
        "harm": clean - float(rollouts.returns[number]),
        "digests": digests(observations, shown),
        "changes": changes(observations, shown),
        "actions": rollouts.actions[steps],
        "otherwise": rollouts.actions[steps],
        "rewards": rollouts.rewards[steps],
        "terminated": bool(rollouts.terminated[number]),
        "truncated": bool(rollouts.truncated[number]),
    }
    return Counterexample(**(plain | altered))


FATAL = (3, 7, 11)
STEPS = 16


class Brittle(gymnasium.Env):
    """Observes 1 always. Each fatal step in which 1 is done costs 10, or only all of them do."""

    observation_space = spaces.Box(-10, 10, (1,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, all_of_them: bool = True) -> None:
        self.all_of_them = all_of_them

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time, self.wrong = 0, 0
        return np.ones(1, np.float32), {}

    def step(self, action):
        wrong = action == 1 and self.time in FATAL
        self.wrong += wrong
        self.time += 1
        together = -10.0 * (self.wrong == len(FATAL) and self.time == STEPS)
        reward = 1.0 + (together if self.all_of_them else -10.0 * wrong)
        return np.ones(1, np.float32), reward, False, self.time == STEPS, {}


@contextmanager
def brittle():
    """The id of that environment, while it is registered."""
    gymnasium.register("Brittle-v0", Brittle, disable_env_checker=True)
    try:
        yield "Brittle-v0"
    finally:
        gymnasium.registry.pop("Brittle-v0")


class Pushing:
    """Shows every observation 4 lower: a policy that does 0 above 0 does 1."""

    purpose = "pushing"

    def perturb(self, observations, episodes, generators):
        return observations - np.float32(4)
