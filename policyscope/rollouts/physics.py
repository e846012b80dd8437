"""Physics: another body, or another floor, than a policy was trained with.

    masses      all of a body's parts are as many times as heavy, and as hard to turn
    friction    all surfaces grip as many times as well, sliding, twisting and rolling
    gravity     everything falls as many times as fast

Of some of gymnasium's classic control the gravity can be changed as well, and nothing else. MuJoCo
computes some constants of a model from its masses, which have to be computed once more; a
contact takes the larger friction of both surfaces, so all of them are changed.

Reference: Pinto et al. 2017, https://arxiv.org/abs/1703.02702 (masses and friction of a test)
"""

from dataclasses import dataclass, replace

import gymnasium

from policyscope.errors import EnvironmentMismatch

FALLING = {"CartPoleEnv": "gravity", "MountainCarEnv": "gravity", "PendulumEnv": "g"}
"""Where classic control keeps its gravity, which each of these reads anew in every step."""


@dataclass(frozen=True)
class Physics:
    """How many times as much there is of it as the simulator would have."""

    mass: float = 1.0
    friction: float = 1.0
    gravity: float = 1.0

    def __post_init__(self) -> None:
        least = min(self.friction, self.gravity)
        finite = max(self.mass, self.friction, self.gravity) < float("inf")
        if not (0 < self.mass and 0 <= least and finite):
            raise ValueError(
                "Physics needs a mass above 0, and a friction and a gravity of at least 0, all "
                f"finite, not {self.mass}, {self.friction} and {self.gravity}."
            )

    def change(self, env: gymnasium.Env) -> None:
        """Change a simulator, before it is reset for the first time.

        Raises:
            EnvironmentMismatch: If it is not simulated by MuJoCo, nor one of which the gravity can
                be changed, and nothing else is.
        """
        if self == Physics():
            return
        if not is_mujoco(env):
            self._change_gravity(env)
            return
        import mujoco
        from gymnasium.envs.mujoco.mujoco_env import MujocoEnv

        simulator = env.unwrapped
        if isinstance(simulator, MujocoEnv):
            model = simulator.model
            model.body_mass *= self.mass
            model.body_inertia *= self.mass
            model.geom_friction *= self.friction
            model.pair_friction *= self.friction
            model.opt.gravity *= self.gravity
            mujoco.mj_setConst(model, simulator.data)  # pyright: ignore  it is of the extension

    def _change_gravity(self, env: gymnasium.Env) -> None:
        simulator = env.unwrapped
        kind = type(simulator).__name__
        if replace(self, gravity=1.0) != Physics() or not falls(env):
            raise EnvironmentMismatch(
                "Masses and friction can be changed where MuJoCo simulates, and "
                f"{kind} is not made of it; gravity there, and in {', '.join(FALLING)}."
            )
        before: float = vars(simulator)[FALLING[kind]]
        vars(simulator)[FALLING[kind]] = before * self.gravity


def falls(env: gymnasium.Env) -> bool:
    """Whether the gravity of an environment can be changed."""
    kind = type(env.unwrapped)
    classic = kind.__module__.startswith("gymnasium.envs.classic_control.")
    return is_mujoco(env) or (classic and kind.__name__ in FALLING)


def is_mujoco(env: gymnasium.Env) -> bool:
    """Whether gymnasium's MuJoCo environments are what this is made of."""
    kinds = type(env.unwrapped).__mro__
    return any(kind.__module__.startswith("gymnasium.envs.mujoco.") for kind in kinds)
