"""Physics: another body, or another floor, than a policy was trained with.

    masses      all of a body's parts are as many times as heavy, and as hard to turn
    friction    all surfaces grip as many times as well, sliding, twisting and rolling

MuJoCo computes some constants of a model from its masses, which have to be computed once more; a
contact takes the larger friction of both surfaces, so all of them are changed.

Reference: Pinto et al. 2017, https://arxiv.org/abs/1703.02702 (masses and friction of a test)
"""

from dataclasses import dataclass

import gymnasium

from policyscope.errors import EnvironmentMismatch


@dataclass(frozen=True)
class Physics:
    """How many times as much there is of it as the simulator would have."""

    mass: float = 1.0
    friction: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.mass < float("inf") and 0 <= self.friction < float("inf")):
            raise ValueError(
                f"Physics needs a mass above 0 and a friction of at least 0, both finite, not "
                f"{self.mass} and {self.friction}."
            )

    def change(self, env: gymnasium.Env) -> None:
        """Change a simulator, before it is reset for the first time.

        Raises:
            EnvironmentMismatch: If it is not simulated by MuJoCo.
        """
        if self == Physics():
            return
        if not is_mujoco(env):
            raise EnvironmentMismatch(
                "Masses and friction can be changed where MuJoCo simulates, and "
                f"{type(env.unwrapped).__name__} is not made of it."
            )
        import mujoco
        from gymnasium.envs.mujoco.mujoco_env import MujocoEnv

        simulator = env.unwrapped
        if isinstance(simulator, MujocoEnv):
            model = simulator.model
            model.body_mass *= self.mass
            model.body_inertia *= self.mass
            model.geom_friction *= self.friction
            model.pair_friction *= self.friction
            mujoco.mj_setConst(model, simulator.data)  # pyright: ignore  it is of the extension


def is_mujoco(env: gymnasium.Env) -> bool:
    """Whether gymnasium's MuJoCo environments are what this is made of."""
    kinds = type(env.unwrapped).__mro__
    return any(kind.__module__.startswith("gymnasium.envs.mujoco.") for kind in kinds)
