"""Counterexamples: the worst episode that the strongest attack of each ε was seen to play.

    harm = Σ_t r^A_t under the attack − Σ_t r^A_t of the same episode without it

r^A is the adversary's reward, so that where its goal is to lower the return, harm is the loss of
it. Episodes in which there was none are no counterexamples. The gravest is number one.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped

from policyscope.policies.policy import Policy
from policyscope.reports.results import Counterexample
from policyscope.rollouts.goal import per_episode
from policyscope.rollouts.reenactment import changes, digests
from policyscope.rollouts.rollouts import Rollouts
from policyscope_attacks.sight import true_scores
from policyscope_attacks.suite import Task

LARGEST = 2**26
"""Bytes of changes beyond which an episode is not kept: 64 MiB, 9,500 frames of Atari."""


def counterexamples(
    names: Sequence[str],
    tasks: Sequence[Task],
    untouched: Rollouts,
    attacked: Sequence[Rollouts],
) -> tuple[Counterexample, ...]:
    """The worst episode of each attack in which harm was done, the gravest first.

    Args:
        names: Of the strongest attack, for each budget.
        tasks: With the budget.
        untouched: Episodes without an attack.
        attacked: The same episodes under each attack.
    """
    found = [
        _worst(name, task, untouched, rollouts)
        for name, task, rollouts in zip(names, tasks, attacked, strict=True)
    ]
    return tuple(sorted(filter(None, found), key=lambda one: -one.harm))


def _worst(name: str, task: Task, untouched: Rollouts, attacked: Rollouts) -> Counterexample | None:
    harm = per_episode(task.goal, attacked) - per_episode(task.goal, untouched)
    number = int(harm.argmax())
    episode = attacked.some(number, 1)
    if harm[number] <= 0 or episode.shown.nbytes > LARGEST:
        return None
    return Counterexample(
        attack=name,
        epsilon=task.budget.size,
        norm=task.budget.norm,
        scale=task.budget.scale.numpy().astype(np.float64),
        seed=attacked.seed,
        episode=number,
        clean=float(untouched.returns[number]),
        harm=float(harm[number]),
        digests=digests(episode.observations, episode.shown),
        changes=changes(episode.observations, episode.shown),
        actions=episode.actions,
        otherwise=_otherwise(task.subject.policy, episode),
        rewards=episode.rewards,
        terminated=bool(episode.terminated[0]),
        truncated=bool(episode.truncated[0]),
    )


def _otherwise(policy: Policy, episode: Rollouts) -> Shaped[np.ndarray, " step *action"]:
    """What the policy would do in each step if it were shown that one observation as it is."""
    actions = np.empty_like(episode.actions)
    for steps, scores in true_scores(policy, episode):
        actions[steps] = policy.actions(scores)
    return actions
