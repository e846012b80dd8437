"""Saliency: which features does the policy act on?

For the score S that decided (the chosen action's logit or q-value, each mean of a continuous
action), at states s sampled from those the policy visits, with the mean visited state s̄ as
baseline and σ_j the spread of feature j over visited states:

    contribution   c_j(s) = (s_j − s̄_j) ∫₀¹ ∂S/∂s_j (s̄ + α(s − s̄)) dα       integrated gradients
    completeness   Σ_j c_j(s) = S(s) − S(s̄)                                 checked, reported
    importance_j   = mean over outputs of Σ_s |c_j(s)| / Σ_j Σ_s |c_j(s)|
    sensitivity_j  = the same share of σ_j |∂S/∂s_j (s)|                       plain gradient

Importance says what the score's distance from the average state is made of; sensitivity what a
small change would do now. Intervals come from a bootstrap over episodes (over blocks of one).

References: Sundararajan, Taly, Yan 2017, https://arxiv.org/abs/1703.01365 (integrated gradients);
Simonyan et al. 2013, https://arxiv.org/abs/1312.6034 (gradient). Computed by captum.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from captum.attr import IntegratedGradients
from captum.attr import Saliency as Gradient
from gymnasium import spaces
from jaxtyping import Float, Int
from torch import Tensor

from policyscope.analyzers.subject import Need, Subject
from policyscope.policies.policy import Policy
from policyscope.reports.results import Attribution
from policyscope.statistics import CONFIDENCE, Estimate, bootstrap

BATCH = 4096
"""States × integration steps at once, so that memory stays small."""


@dataclass(frozen=True)
class Saliency:
    """Which features does the policy act on?"""

    states: int = 1000
    """How many visited states are explained."""
    steps: int = 50
    """Integration steps of integrated gradients."""
    confidence: float = CONFIDENCE
    """Of every interval."""

    needs: ClassVar[tuple[Need, ...]] = (Need.GRADIENTS, Need.VECTORS, Need.NO_MEMORY)

    def __post_init__(self) -> None:
        if self.states < 1 or self.steps < 1:
            raise ValueError("Saliency needs states ≥ 1 and steps ≥ 1.")

    def run(self, subject: Subject, rng: np.random.Generator) -> Attribution:
        """See `Analyzer.run`."""
        visited, policy = subject.visited, subject.policy
        observations = visited.observations.astype(np.float64)
        count = min(self.states, len(observations))
        rows = np.sort(rng.choice(len(observations), count, replace=False))
        states = torch.from_numpy(observations[rows])
        baseline = torch.from_numpy(observations.mean(0))
        targets = explained(policy, states)
        with subject.progress("integrated gradients", len(targets)) as advance:
            parts = []
            for target in targets:
                parts.append(attribute(policy, states, baseline, target, self.steps))
                advance(1)
        contributions, gradients, errors, changes = (
            torch.stack(part, 1).numpy() for part in zip(*parts, strict=True)
        )
        blocks = visited.block_of_step[rows]

        def estimated(values: np.ndarray, statistic: Callable[..., np.ndarray]) -> Estimates:
            sums = per_block(np.abs(values), blocks, len(visited.blocks))
            shape = values.shape[1:]
            return bootstrap(sums, lambda s: statistic(s.reshape(shape)), rng, self.confidence)

        return Attribution(
            features=tuple(feature.name for feature in subject.features),
            outputs=_output_names(subject),
            states=states.numpy(),
            episodes=visited.episode_of_step[rows],
            chosen=targets.numpy().T,
            baseline=baseline.numpy(),
            contributions=contributions,
            gradients=gradients,
            importance=estimated(contributions, shares),
            sensitivity=estimated(gradients * observations.std(0), shares),
            completeness_error=estimated(np.stack([errors, changes], 1), relative)[0],
            unit=visited.unit,
        )


Estimates = tuple[Estimate, ...]


def explained(
    policy: Policy, states: Float[Tensor, " state feature"]
) -> Int[Tensor, " output state"]:
    """Which score is explained: the chosen one of each discrete action, every continuous one."""
    with torch.no_grad():
        scores, _ = policy.scores(states)
    match policy.action_space:
        case spaces.MultiDiscrete(nvec=nvec):
            first = np.cumsum(nvec) - nvec
            groups = zip(scores.split(nvec.tolist(), 1), first.tolist(), strict=True)
            return torch.stack([group.argmax(1) + offset for group, offset in groups])
        case spaces.Box():
            return torch.arange(scores.shape[1])[:, None].expand(-1, len(states))
        case _:
            return scores.argmax(1)[None]


def attribute(
    policy: Policy,
    states: Float[Tensor, " state feature"],
    baseline: Float[Tensor, " feature"],
    target: Int[Tensor, " state"],
    steps: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Explain one score per state.

    Returns:
        Contributions and gradients (state, feature); the error of completeness and the score's
        change from the baseline (state).
    """

    def score(observations: Tensor) -> Tensor:
        return policy.scores(observations)[0]

    baselines = baseline.expand_as(states)
    contributions, error = IntegratedGradients(score).attribute(
        states,
        baselines,
        target,
        n_steps=steps,
        internal_batch_size=BATCH,
        return_convergence_delta=True,
    )
    gradients = Gradient(score).attribute(states.clone().requires_grad_(), target, abs=False)
    with torch.no_grad():
        change = (score(states) - score(baselines)).gather(1, target[:, None])[:, 0]
    return contributions.detach(), gradients.detach(), error.detach(), change


def per_block(
    values: Float[np.ndarray, " state *quantity"], blocks: Int[np.ndarray, " state"], count: int
) -> Float[np.ndarray, " block sum"]:
    """Sums over the states of each block, one row per block."""
    sums = np.zeros((count, *values.shape[1:]))
    np.add.at(sums, blocks, values)
    return sums.reshape(count, -1)


def shares(sums: Float[np.ndarray, " output feature"]) -> Float[np.ndarray, " feature"]:
    """Share of each feature in each output's sum, averaged over outputs; 0 of nothing is 0."""
    whole = sums.sum(1, keepdims=True)
    return np.divide(sums, whole, out=np.zeros_like(sums), where=whole > 0).mean(0)


def relative(sums: Float[np.ndarray, " 2 output"]) -> Float[np.ndarray, " 1"]:
    """Error over change, averaged over outputs."""
    error, change = sums
    return np.divide(error, change, out=np.zeros_like(error), where=change > 0).mean(keepdims=True)


def _output_names(subject: Subject) -> tuple[str, ...]:
    match subject.policy.action_space:
        case spaces.MultiDiscrete(nvec=nvec):
            return tuple(f"chosen action {group}" for group in range(len(nvec)))
        case spaces.Box():
            return tuple(action.name for action in subject.actions)
        case _:
            return ("chosen action",)
