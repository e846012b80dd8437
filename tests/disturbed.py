"""Outcomes of disturbances by hand, and an environment of which the best one is known."""

from contextlib import contextmanager

import gymnasium
import numpy as np
from gymnasium import spaces
from handmade import linear, policy

from policyscope.analyzers.subject import Subject
from policyscope.reports.results import DisturbanceOutcome
from policyscope.rollouts.environment import Environment

STEPS = 20


def outcome(**changes) -> DisturbanceOutcome:
    """Two disturbances of two sizes, six physics, five episodes that return 100 and more."""
    clean = 100 + np.arange(5.0)
    returns = clean - np.array([[1.0, 5.0], [20.0, 60.0]])[:, :, None]
    lost = np.array([[80.0, 60.0], [2.0, 0.0], [70.0, -10.0]])  # by mass and friction
    plain = {
        "disturbances": ("sign_noise", "steady"),
        "left_out": ("learned",),
        "epsilons": (0.1, 0.3),
        "pushed": False,
        "discrete": False,
        "clean": clean,
        "returns": returns,
        "changes": np.full((2, 2, 5), 0.1),
        "steady": np.array([[1.0, -0.5], [0.25, -1.0]]),
        "strongest": ("steady", "steady"),
        "held_out_clean": clean,
        "held_out": returns[1],
        "masses": (0.5, 1.0, 1.5),
        "frictions": (0.5, 1.0),
        "physics": clean - lost[:, :, None],
        "unchanged": "",
        "gravities": (0.5, 1.0),
        "gravity": clean - np.array([[30.0], [0.0]]),
        "confidence": 0.95,
    }
    return DisturbanceOutcome(**(plain | changes))


class Tracking(gymnasium.Env):
    """A reward of 1 − |a − target| for each of two motors; one wants 0.5 and the other −0.5.

    Observes what is wanted. It knows no state, so the best disturbance goes away from the target,
    in the same direction in every step.
    """

    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Box(np.array([-1, -3], np.float32), np.array([1, 3], np.float32))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return np.array([0.5, -0.5], np.float32), {}

    def step(self, action):
        self.time += 1
        reward = 2 - float(np.abs(action - np.array([0.5, -0.5])).sum())
        return np.array([0.5, -0.5], np.float32), reward, False, self.time == STEPS, {}


class Choosing(gymnasium.Env):
    """Rewards of 1, 0.5 and −1 for three choices, of which the third does most harm."""

    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return np.ones(2, np.float32), {}

    def step(self, action):
        self.time += 1
        reward = (1.0, 0.5, -1.0)[int(action)]
        return np.ones(2, np.float32), reward, False, self.time == STEPS, {}


@contextmanager
def playing(kind: type[gymnasium.Env]):
    """A subject that does in this environment what is best."""
    id = f"{kind.__name__}-v0"
    gymnasium.register(id, entry_point=kind)
    try:
        if kind is Tracking:
            best = policy(linear([[1.0, 0.0], [0.0, 1.0]]), 2, kind.action_space)
        else:
            best = policy(linear([[1.0, 1.0], [0.5, 0.5], [0.0, 0.0]]), 2, kind.action_space)
        yield Subject.observed(best, Environment(id), episodes=4, seed=0)
    finally:
        del gymnasium.registry[id]
