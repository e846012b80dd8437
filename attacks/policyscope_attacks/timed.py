"""Attacks that time themselves: what they wait for is set by what the policy was seen to do.

A threshold is a share of the visited states that stays below it, so it means the same whatever
scores are: logits, or q-values of any reward.
"""

from collections.abc import Mapping

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Float
from torch import Tensor

from policyscope.policies.flips import is_discrete
from policyscope.policies.policy import Policy
from policyscope.rollouts.perturbation import Adversary
from policyscope.rollouts.threat import Threat
from policyscope.rollouts.visited import Visited
from policyscope_attacks.attack import Attack
from policyscope_attacks.budget import Budget
from policyscope_attacks.dynamics import Dynamics
from policyscope_attacks.methods.critical_point import CriticalPoint
from policyscope_attacks.methods.fgsm import Fgsm
from policyscope_attacks.methods.flips import Flips
from policyscope_attacks.methods.pgd import Pgd
from policyscope_attacks.methods.rationed import Rationed
from policyscope_attacks.methods.strategically_timed import StrategicallyTimed, preference
from policyscope_attacks.methods.value_timed import ValueTimed
from policyscope_attacks.smoothed import smoothed
from policyscope_attacks.standing_between import StandingBetween

TIMED = (CriticalPoint, Flips, Rationed, StrategicallyTimed, ValueTimed)
"""Attacks that time themselves, and spend a whole episode's budget as they see fit."""
WAITED = (0.0, 0.5, 0.9)
"""Shares of the visited states in which an attack waits."""
STATES = 256
"""Visited states, evenly spread, that a threshold is set by."""


def flipping(policy: Policy, visited: Visited) -> tuple[Attack, ...]:
    """Flips that wait for those that are worth more and more; none where actions are computed."""
    if not _one_choice(policy):
        return ()
    scores = _seen(policy, visited)
    if scores is None:
        return (Flips(),)
    best = scores.topk(2, 1).values
    return tuple(Flips(threshold) for threshold in _thresholds(best[:, 0] - best[:, 1]))


def strategic(policy: Policy, visited: Visited) -> tuple[Attack, ...]:
    """A rationed attack in the states of the surest decisions, fewer and fewer of them."""
    scores = _seen(policy, visited) if is_discrete(policy) else None
    if scores is None:
        return ()
    waits = _thresholds(preference(policy, scores))
    return tuple(StrategicallyTimed(Rationed(Pgd(5, 1)), wait) for wait in waits[1:])


def valued(policy: Policy, visited: Visited) -> tuple[Attack, ...]:
    """A rationed attack in the states of the highest value, fewer and fewer of them."""
    critic = policy.valuing()
    values = _seen(critic, visited) if critic else None
    if critic is None or values is None:
        return ()
    waits = _thresholds(values[:, 0])
    return tuple(ValueTimed(Rationed(Pgd(5, 1)), critic, wait) for wait in waits[1:])


def rationed() -> tuple[Attack, ...]:
    """The same attack in haste and at leisure: all at once, or a part of what is left."""
    return tuple(Rationed(Pgd(5, 1), share) for share in (1.0, 0.2, 0.01))


def critical(policy: Policy, visited: Visited, dynamics: Dynamics) -> tuple[Attack, ...]:
    """Flips in the states of which other actions lead further and further astray."""
    steps = int(visited.lengths.sum())
    some = np.linspace(0, steps - 1, min(steps, STATES)).astype(int)
    seen = torch.from_numpy(visited.inputs(some)).float()
    worth = CriticalPoint(dynamics, 0.0).astray(policy, seen).amax(1)
    return tuple(CriticalPoint(dynamics, wait) for wait in _thresholds(worth))


def opponents(threat: Threat) -> Mapping[str, Adversary]:
    """The cheap ones, against the policy as it is under noise. See `Opponents`.

    Of images there are none: the average over draws of the noise would take minutes.
    """
    policy = threat.policy
    if threat.unit.ndim > 1 or not policy.differentiable or not threat.budget:
        return {}
    under_noise = smoothed(policy, threat.sigma * threat.unit)
    attacks: dict[str, Attack] = {"rationed": Rationed(Fgsm())}
    scores = _seen(under_noise, threat.visited) if is_discrete(policy) else None
    if scores is not None:
        sure = float(preference(policy, scores).median())
        attacks["strategically_timed"] = StrategicallyTimed(Rationed(Fgsm()), sure)
    if _one_choice(policy):
        attacks["flips"] = Flips()
    budget = Budget(threat.budget, torch.from_numpy(threat.unit).float(), "l2", whole_episode=True)
    return {name: StandingBetween(attack, under_noise, budget) for name, attack in attacks.items()}


def _one_choice(policy: Policy) -> bool:
    """Whether an action is one choice among several."""
    return isinstance(policy.action_space, spaces.Discrete)


def _thresholds(values: Float[Tensor, " state"]) -> tuple[float, ...]:
    return tuple(values.double().quantile(torch.tensor(WAITED, dtype=torch.float64)).tolist())


def _seen(policy: Policy, visited: Visited) -> Float[Tensor, " state output"] | None:
    """Scores of some visited states; None where they hang on what the policy remembers."""
    if policy.memory_shapes:
        return None
    steps = int(visited.lengths.sum())
    some = np.linspace(0, steps - 1, min(steps, STATES)).astype(int)
    with torch.no_grad():
        return policy.scores(torch.from_numpy(visited.inputs(some)))[0]
