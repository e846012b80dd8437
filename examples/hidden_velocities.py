r"""CartPole without its velocities: the cart's position and the pole's angle are all that is seen.

Each is a share of the bound at which an episode ends. One observation does not tell where the
pole is falling to, so a policy has to remember. Importing this module registers the environment;
`hidden_velocities:CartPoleHiddenVelocity-v1` imports it where `examples` is on Python's path:

    PYTHONPATH=examples policyscope analyze examples/cartpole_recurrent.zip \
        --env hidden_velocities:CartPoleHiddenVelocity-v1
"""

import gymnasium
import numpy as np
from gymnasium.envs.classic_control import CartPoleEnv
from gymnasium.wrappers import TransformObservation


def make(**arguments) -> gymnasium.Env:
    """The usual simulator, with position and angle left of what it observes."""
    cartpole = CartPoleEnv(**arguments)
    ends = np.array([cartpole.x_threshold, cartpole.theta_threshold_radians], np.float32)
    # CartPole, too, has room for twice the bound
    room = gymnasium.spaces.Box(-2, 2, (2,), np.float32)
    return TransformObservation(cartpole, lambda state: state[[0, 2]] / ends, room)


gymnasium.register("CartPoleHiddenVelocity-v1", make, max_episode_steps=500)
