"""Forces: an environment whose body can be pushed, as a part of what is done to it.

    action' = (action, f),  f three numbers: forces along x, y and z, in shares of the weight of all

The force is MuJoCo's `xfrc_applied` at the centre of mass of the torso, or of the pole where there
is none, for one step of the environment; an episode begins without any. Of a body that moves in a
plane a force across it does nothing.

Reference: Pinto et al. 2017, https://arxiv.org/abs/1703.02702 (RARL's adversary)
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from policyscope.errors import EnvironmentMismatch
from policyscope.rollouts.physics import is_mujoco

BODIES = ("torso", "pole")
"""What may be pushed, the first that there is."""
AXES = ("force along x", "force along y", "force along z")


class Pushed(gymnasium.Wrapper):
    """An environment whose actions end in the force on its body.

    Raises:
        EnvironmentMismatch: If there is nothing in it that can be pushed.
    """

    def __init__(self, env: gymnasium.Env) -> None:
        gymnasium.Wrapper.__init__(self, env)
        body, space = pushable(env), env.action_space
        if not body or not isinstance(space, spaces.Box):
            raise EnvironmentMismatch(
                f"There is no body to push in {type(env.unwrapped).__name__}: forces act on the "
                f"{' or the '.join(BODIES)} that MuJoCo simulates."
            )
        simulator: Any = env.unwrapped
        self._forces = simulator.data.body(body).xfrc_applied
        self._weight = float(
            simulator.model.body_mass.sum() * np.linalg.norm(simulator.model.opt.gravity)
        )
        unbounded = np.full(len(AXES), np.inf, space.dtype)
        self.action_space = spaces.Box(
            np.concatenate([space.low, -unbounded]),
            np.concatenate([space.high, unbounded]),
            dtype=space.dtype.type,  # pyright: ignore[reportArgumentType]
        )

    def reset(self, **begun: Any) -> tuple[Any, dict[str, Any]]:
        """See `gymnasium.Env.reset`."""
        self._forces[:] = 0
        return self.env.reset(**begun)

    def step(self, action: np.ndarray) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """See `gymnasium.Env.step`."""
        self._forces[: len(AXES)] = self._weight * action[-len(AXES) :].astype(np.float64)
        try:
            return self.env.step(action[: -len(AXES)])
        finally:
            self._forces[:] = 0


def pushable(env: gymnasium.Env) -> str:
    """Which body of an environment can be pushed; empty where none can."""
    if not is_mujoco(env):
        return ""
    model: Any = env.unwrapped
    names = {model.model.body(number).name for number in range(model.model.nbody)}
    return next((name for name in BODIES if name in names), "")
