"""Where the return ends when the physics is another than in training: a grid of changed models.

Every cell plays the policy's own episodes, from the same first states, so that losses are paired.
The policy is as it is: nothing is trained, and nobody is against it.

Reference: Pinto et al. 2017, https://arxiv.org/abs/1703.02702 (RARL's evaluation)
"""

from contextlib import closing
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from policyscope.analyzers.subject import Subject
from policyscope.errors import EnvironmentMismatch
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.physics import Physics, falls, is_mujoco


def swept(
    subject: Subject, masses: tuple[float, ...], frictions: tuple[float, ...], episodes: int
) -> Float[np.ndarray, " mass friction episode"]:
    """Returns of the subject's first so many episodes under each physics."""
    found = [
        _returns(subject, Physics(mass, grip), episodes) for mass in masses for grip in frictions
    ]
    return np.array(found).reshape(len(masses), len(frictions), episodes)


def fallen(
    subject: Subject, gravities: tuple[float, ...], episodes: int
) -> Float[np.ndarray, " gravity episode"]:
    """Returns of the same under each gravity."""
    found = [_returns(subject, Physics(gravity=gravity), episodes) for gravity in gravities]
    return np.array(found).reshape(len(gravities), episodes)


def _returns(subject: Subject, physics: Physics, episodes: int) -> Float[np.ndarray, " episode"]:
    if physics == Physics():
        return subject.rollouts.returns[:episodes]
    if subject.environment is None:
        raise EnvironmentMismatch("Physics can be changed where there is an environment.")
    elsewhere = replace(subject, environment=replace(subject.environment, physics=physics))
    sizes = f"mass x{physics.mass:g}, friction x{physics.friction:g}, gravity x{physics.gravity:g}"
    return elsewhere.play(Greedy(subject.policy), None, episodes, what=sizes).returns


def changeable(environment: Environment) -> tuple[bool, bool]:
    """Whether masses and friction of an environment can be changed, and whether its gravity can."""
    if environment.frame_stack is not None:
        return False, False
    with closing(environment.simulator()) as env:
        return is_mujoco(env), falls(env)
