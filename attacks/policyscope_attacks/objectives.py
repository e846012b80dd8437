"""Objectives: what an attack raises within one step, a function of the policy's scores.

    margin      discrete: max_{a≠a*} l_a − l_{a*}, summed over groups; above 0 the action is another
                continuous: ‖(μ(s+δ) − μ(s)) / half range‖²
    towards a   discrete: l_a − max_{b≠a} l_b; continuous: −‖(μ(s+δ) − a) / half range‖²
    crossing    discrete: the largest margin of any group; continuous:
                ‖(μ(s+δ) − μ(s)) / half range‖ − MOVED; above 0 the action is another
    difference  discrete: KL(π(·|s) ‖ π(·|s+δ)); continuous: ‖(μ(s+δ) − μ(s)) / spread‖² / 2, the
                same divergence of Gaussian policies

a* and μ(s) are those of the true observation.

Reference: Zhang et al. 2020, https://arxiv.org/abs/2003.08938 (the maximal action difference)
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from policyscope.errors import UsageError
from policyscope.policies.flips import is_discrete
from policyscope.policies.gradients import action_units
from policyscope.policies.policy import Policy, describe
from policyscope_attacks.scene import Scene

MOVED = 0.5
"""By how many half ranges a continuous action must have moved to count as another; ours."""


@dataclass(frozen=True, eq=False)
class Objective:
    """From the scores of what would be shown to what the attack raises."""

    function: Callable[..., Float[Tensor, " row"]]
    """Takes the scores, and what is given."""
    given: tuple[Shaped[Tensor, " row ..."], ...]
    """What else it depends on in each row."""

    def __call__(self, scores: Float[Tensor, " row output"]) -> Float[Tensor, " row"]:
        """The objective of each row."""
        return self.function(scores, *self.given)

    def of(self, rows: Int[Tensor, " some"]) -> "Objective":
        """The same of some of the rows."""
        return Objective(self.function, tuple(part[rows] for part in self.given))


def aimed(scene: Scene, action: tuple[float, ...]) -> Objective:
    """Towards an action, or to the nearest other one where none is named.

    Raises:
        UsageError: If the policy takes no such action.
    """
    if not action:
        return margin(scene.policy, clean_scores(scene))
    space = scene.policy.action_space
    dimensions = 1 if isinstance(space, spaces.Discrete) else int(np.prod(space.shape))  # pyright: ignore
    if len(action) != dimensions:
        raise UsageError(f"An action here has {dimensions} numbers, not {len(action)}.")
    numbers = torch.tensor(action, dtype=torch.float32)
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        numbers = numbers - torch.from_numpy(np.asarray(space.start, np.float32)).flatten()
        most = torch.tensor(outcomes(scene.policy), dtype=torch.float32)
        if bool((numbers < 0).any() or (numbers >= most).any()):
            raise UsageError(f"{describe(space)} do not hold the action {action}.")
    return towards(scene.policy, numbers.expand(len(scene.observations), -1))


def along(direction: Float[Tensor, " row output"]) -> Objective:
    """How far the scores go in a direction."""
    return Objective(lambda scores, to: (to * scores).sum(1), (direction,))


def clean_scores(scene: Scene) -> Float[Tensor, " row output"]:
    """Scores of the true observations."""
    with torch.no_grad():
        return scene.scores(torch.zeros_like(scene.observations))


def margin(policy: Policy, clean: Float[Tensor, " row output"]) -> Objective:
    """How far the policy is from its own action, or beyond."""
    if not is_discrete(policy):
        units = action_units(policy).to(clean)
        return Objective(lambda scores, mean: ((scores - mean) / units).square().sum(1), (clean,))

    def behind(scores: Tensor, *chosen: Tensor) -> Tensor:
        return -reduce(torch.add, _leads(policy, scores, chosen))

    return Objective(behind, tuple(group.argmax(1) for group in groups(policy, clean)))


def towards(policy: Policy, action: Float[Tensor, " row dimension"]) -> Objective:
    """How near the policy is to an action; above 0 it takes a discrete one."""
    if not is_discrete(policy):
        units = action_units(policy).to(action)
        return Objective(lambda scores, at: -((scores - at) / units).square().sum(1), (action,))

    def ahead(scores: Tensor, *wanted: Tensor) -> Tensor:
        return reduce(torch.minimum, _leads(policy, scores, wanted))

    return Objective(ahead, action.long().unbind(1))


def crossing(policy: Policy, clean: Float[Tensor, " row output"]) -> Objective:
    """How far beyond the nearest boundary of its action the policy is; above 0 it takes another."""
    if not is_discrete(policy):
        units = action_units(policy).to(clean)
        return Objective(
            lambda scores, mean: torch.linalg.vector_norm((scores - mean) / units, dim=1) - MOVED,
            (clean,),
        )

    def beyond(scores: Tensor, *chosen: Tensor) -> Tensor:
        return -reduce(torch.minimum, _leads(policy, scores, chosen))

    return Objective(beyond, tuple(group.argmax(1) for group in groups(policy, clean)))


def difference(policy: Policy, clean: Float[Tensor, " row output"]) -> Objective:
    """How different the distribution of actions is."""
    if not is_discrete(policy):
        spread = (action_units(policy) if policy.spread is None else policy.spread).to(clean)
        return Objective(
            lambda scores, mean: ((scores - mean) / spread).square().sum(1) / 2, (clean,)
        )

    def divergence(scores: Tensor, *before: Tensor) -> Tensor:
        after = [group.log_softmax(1) for group in groups(policy, scores)]
        parts = [(p.exp() * (p - q)).sum(1) for p, q in zip(before, after, strict=True)]
        return torch.stack(parts).sum(0)

    return Objective(divergence, tuple(group.log_softmax(1) for group in groups(policy, clean)))


def groups(
    policy: Policy, scores: Float[Tensor, " row output"]
) -> tuple[Float[Tensor, " row choice"], ...]:
    """Scores of each choice that a discrete action consists of."""
    return scores.split(list(outcomes(policy)), 1)


def outcomes(policy: Policy) -> tuple[int, ...]:
    """How many there are to choose from in each group of a discrete action."""
    space = policy.action_space
    if isinstance(space, spaces.MultiDiscrete):
        return tuple(space.nvec.flatten().tolist())
    return (policy.outputs or 0,)


def _leads(
    policy: Policy, scores: Float[Tensor, " row output"], actions: Sequence[Int[Tensor, " row"]]
) -> Iterator[Float[Tensor, " row"]]:
    """How far actions lead before the best of the others, in each group that leaves a choice."""
    for group, action in zip(groups(policy, scores), actions, strict=True):
        if group.shape[1] > 1:
            # found apart, as to differentiate a maximum costs more than all the rest
            rival = group.detach().scatter(1, action[:, None], -torch.inf).max(1, keepdim=True)
            signs = torch.zeros_like(group).scatter(1, action[:, None], 1.0)
            yield (group * signs.scatter(1, rival.indices, -1.0)).sum(1)
