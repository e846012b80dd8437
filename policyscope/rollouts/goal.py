"""Goal: what an attack is after, as a reward for each step.

    lower the return        r^A_t = −r_t
    force an action         r^A_t = 1 where the action taken is the wanted one, else 0
    an adversarial reward   r^A_t = any function of the step, or an expression over its names;
                            to reach a state is to be near it, to avoid it to be far: −|x − 2|

An adversarial reward need have nothing to do with the task: "hover", "drive to the left edge". It
is what the environment's true state, the action and the reward say, not what the policy was shown.

References: Tretschk, Oh, Fritz 2018, https://arxiv.org/abs/1805.12487 (arbitrary rewards);
Zhang et al. 2020, https://arxiv.org/abs/2003.08938 (the negative reward)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Shaped

from policyscope.errors import UsageError
from policyscope.policies.own_code import imported
from policyscope.rollouts.expression import evaluate
from policyscope.rollouts.names import Feature
from policyscope.rollouts.rollouts import Rollouts

Rewarding = Callable[
    [
        Shaped[np.ndarray, " step *observation"],
        Shaped[np.ndarray, " step *action"],
        Float[np.ndarray, " step"],
    ],
    Float[np.ndarray, " step"],
]
"""From observations, actions and rewards to the adversary's reward, for all steps at once."""


@runtime_checkable
class Goal(Protocol):
    """What an attack is after."""

    @property
    def action(self) -> tuple[float, ...]:
        """The action to be forced; empty where any other than the policy's own will do."""
        ...

    def rewards(self, rollouts: Rollouts) -> Float[np.ndarray, " step"]:
        """What the adversary is given for each step."""
        ...


@dataclass(frozen=True)
class LowerReturn:
    """As little reward for the policy as can be."""

    action: tuple[float, ...] = ()

    def rewards(self, rollouts: Rollouts) -> Float[np.ndarray, " step"]:
        """See `Goal.rewards`."""
        return -rollouts.rewards


@dataclass(frozen=True)
class ForceAction:
    """One action, as often as can be."""

    action: tuple[float, ...]
    """As the environment takes it: one number for each dimension."""

    def rewards(self, rollouts: Rollouts) -> Float[np.ndarray, " step"]:
        """See `Goal.rewards`."""
        taken = rollouts.actions.reshape(len(rollouts.actions), -1)
        if taken.shape[1] != len(self.action):
            raise UsageError(
                f"The action to be forced has {len(self.action)} numbers, and the environment "
                f"takes {taken.shape[1]}."
            )
        return 1.0 * np.all(np.abs(taken - np.array(self.action)) <= 1e-3, axis=1)


@dataclass(frozen=True, eq=False)
class AdversarialReward:
    """Any reward: a function of the step."""

    function: Rewarding
    action: tuple[float, ...] = ()

    def rewards(self, rollouts: Rollouts) -> Float[np.ndarray, " step"]:
        """See `Goal.rewards`."""
        step = (rollouts.observations, rollouts.actions, rollouts.rewards)
        try:
            given = np.asarray(self.function(*(part.copy() for part in step)), np.float64)
        except UsageError:
            raise
        except Exception as error:  # a person's code may fail in any way; its reason goes to them
            raise UsageError(
                f"The adversarial reward fails ({type(error).__name__}: {error}); it takes the "
                "observations, actions and rewards of all steps, a row of an array for each."
            ) from error
        if given.shape != rollouts.rewards.shape or not np.isfinite(given).all():
            raise UsageError(
                f"An adversarial reward gives a finite number for each of {len(rollouts.rewards)} "
                f"steps, not an array of shape {given.shape}."
            )
        return given


def expressed(text: str, features: Sequence[Feature]) -> AdversarialReward:
    """The adversarial reward of an expression over the names of features, see `expression`."""

    def function(observations: np.ndarray, actions: np.ndarray, rewards: np.ndarray) -> np.ndarray:
        seen = observations.reshape(len(observations), -1).astype(np.float64).T
        taken = actions.reshape(len(actions), -1).astype(np.float64).T
        values = {f"o[{i}]": column for i, column in enumerate(seen)}
        values |= {f"a[{i}]": column for i, column in enumerate(taken)}
        values |= {
            feature.slug: column for feature, column in zip(features, seen, strict=bool(features))
        }
        return evaluate(text, values | {"reward": rewards})

    return AdversarialReward(function)


def asked_for(text: str, force: tuple[float, ...], features: Sequence[Feature]) -> Goal:
    """The goal that a person asked for: to lower the return where they asked for nothing.

    Args:
        text: An adversarial reward: an expression, or a function as `package.module:name`.
        force: An action to be forced; without a reward, forcing it is the goal.
        features: Names that an expression may hold.

    Raises:
        UsageError: If the function cannot be imported.
    """
    if not text:
        return ForceAction(force) if force else LowerReturn()
    reward = AdversarialReward(imported(text)) if ":" in text else expressed(text, features)
    return replace(reward, action=force)


def per_episode(goal: Goal, rollouts: Rollouts) -> Float[np.ndarray, " episode"]:
    """What the adversary is given for each episode."""
    return np.add.reduceat(goal.rewards(rollouts), rollouts.first_steps)
