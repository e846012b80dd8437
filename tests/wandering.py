"""Environments that observe any space, at random, whatever is done in them."""

from contextlib import contextmanager
from copy import deepcopy

import gymnasium
from gymnasium import spaces

STEPS = 6


class Wandering(gymnasium.Env):
    """Every observation is a draw from its space; the episode's seed decides them all."""

    def __init__(self, observations: spaces.Space, actions: spaces.Space) -> None:
        self.observation_space = deepcopy(observations)  # draws of its own
        self.action_space = actions

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        self.time = 0
        return self.observation_space.sample(), {}

    def step(self, action):
        assert self.action_space.contains(action)
        self.time += 1
        return self.observation_space.sample(), 1.0, self.time == STEPS, False, {}


@contextmanager
def registered(observations: spaces.Space, actions: spaces.Space, id: str = "Wandering-v0"):
    """The id of such an environment, while it is registered."""
    gymnasium.register(
        id, lambda: Wandering(observations, actions), disable_env_checker=True, order_enforce=False
    )
    try:
        yield id
    finally:
        gymnasium.registry.pop(id)
