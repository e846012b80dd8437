r"""CartPole among distractors: four more numbers are seen, which say nothing about the pole.

Two are noise, drawn anew at every step; two wander slowly, as clocks and temperatures do. All have
mean 0 and variance 1, which is more than the cart and the pole ever vary by, so a policy has to
learn to ignore them. Importing this module registers the environment;
`distractors:CartPoleDistracted-v1` imports it where `examples` is on Python's path:

    PYTHONPATH=examples policyscope analyze examples/cartpole_distracted.zip \
        --env distractors:CartPoleDistracted-v1

Observations are a Dict, whose keys are what reports call the features.
"""

import gymnasium
import numpy as np
from gymnasium.envs.classic_control import CartPoleEnv
from gymnasium.spaces import Box, Dict

STATE = ("cart position", "cart velocity", "pole angle", "pole angular velocity")
DISTRACTORS = ("noise 1", "noise 2", "drift 1", "drift 2")
KEPT = 0.99
"""How much of a drift is left after a step."""


class Distracted(gymnasium.Wrapper):
    """A simulator whose state is seen among distractors, drawn from its own generator."""

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        bounds = zip(env.observation_space.low, env.observation_space.high, strict=True)
        room = [Box(low, high, (1,)) for low, high in bounds]
        room += [Box(-np.inf, np.inf, (1,)) for _ in DISTRACTORS]
        # pairs, for a dict would be sorted
        self.observation_space = Dict(list(zip(STATE + DISTRACTORS, room, strict=True)))

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple:
        """The usual beginning, and drifts that are anywhere."""
        state, info = self.env.reset(seed=seed, options=options)
        self.drifts = self.np_random.standard_normal(2)
        return self._among(state), info

    def step(self, action) -> tuple:
        """The usual step, with new noise and drifts that went on."""
        state, *rest = self.env.step(action)
        pushed = (1 - KEPT**2) ** 0.5 * self.np_random.standard_normal(2)
        self.drifts = KEPT * self.drifts + pushed
        return self._among(state), *rest

    def _among(self, state: np.ndarray) -> dict[str, np.ndarray]:
        numbers = np.float32([*state, *self.np_random.standard_normal(2), *self.drifts])
        return dict(zip(self.observation_space, numbers[:, None], strict=True))


def make(**arguments) -> gymnasium.Env:
    """The usual simulator among distractors."""
    return Distracted(CartPoleEnv(**arguments))


gymnasium.register("CartPoleDistracted-v1", make, max_episode_steps=500)
