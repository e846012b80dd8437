"""Shapley: how much does each feature contribute to what the policy does, and what does the same?

What a policy does is shared out among the features that it sees, such that the parts add up, equal
features get equal parts, and a feature that changes nothing gets none:

    φ_i(x) = Σ_{C ⊆ F∖{i}} |C|! (d − |C| − 1)! / d! · (v_x(C ∪ {i}) − v_x(C))
    Σ_i φ_i(x) = f(x) − v(∅)            importance_i = Σ_outputs mean over x of |φ_i(x)|

f are the probabilities of the actions, of q-values the greedy choice, or the mean action
(`shapley.acting`). What it means to know only the features in C makes the game:

    interventional    all others are drawn from visited states, whatever is known; exact for up to
                      `exact` features, by shap's permutations beyond
    on the manifold   the mean over visited states that agree in C; for up to `exact` features

The first asks what the network uses, the second what a feature tells of what will be done; where
they disagree the features depend on one another. A policy with memory keeps what it remembered.

References: Shapley 1953, https://doi.org/10.1515/9781400881970-018; Lundberg, Lee 2017,
https://arxiv.org/abs/1705.07874; Beechey, Smith, Şimşek 2023, https://arxiv.org/abs/2306.05810
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from policyscope.analyzers.averaging import Averaging
from policyscope.analyzers.subject import Need, Subject
from policyscope.analyzers.surrogates.comparing import Schooling, compared
from policyscope.analyzers.surrogates.explaining import by_explanation
from policyscope.analyzers.surrogates.role import role_of
from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.sampling import drawn, glimpsed, one_at_a_time
from policyscope.policies.flips import is_discrete
from policyscope.policies.policy import Policy
from policyscope.readable.readable import Readable
from policyscope.reports.results import NotApplicable, OnManifold, ShapleyValues
from policyscope.rollouts.replay import replayed
from policyscope.rollouts.units import usual_changes
from policyscope.rollouts.visited import Visited
from policyscope.shapley.acting import acts, quantity, unit
from policyscope.shapley.coalitions import Contributions
from policyscope.shapley.interventional import interventional
from policyscope.shapley.on_manifold import Agreement, on_manifold
from policyscope.shapley.sampled import sampled
from policyscope.statistics import CONFIDENCE, Estimate


@dataclass(frozen=True)
class Shapley:
    """How much does each feature contribute to what the policy does?"""

    states: int = 200
    """How many visited states are explained."""
    background: int = 100
    """How many visited states stand for not knowing a feature; of permutations, each run's own."""
    exact: int = 12
    """Up to how many features all sets of them are asked, each one more doubling the time."""
    runs: int = 8
    """How many runs of permutations there are of observations with more."""
    tolerance: float = 0.2
    """How far features are apart that agree, in usual changes of each."""
    matched: int = 10_000
    """How many visited states may agree with one that is explained."""
    read: int = 1000
    """Of how many visited states explanations are clustered, to read a policy off them."""
    answers: int = 20_000_000
    """How often the policy is asked at most: fewer states are explained where it would be more."""
    steps: int = 5000
    """Of the policy that surrogates learn from, and as many again to choose among their forms."""
    rounds: int = 2
    """In which surrogates learn from the states that they get into themselves."""
    leaves: tuple[int, ...] = (4, 16, 64, 256)
    """Of the trees among them."""
    degree: int = 4
    """Of the polynomials among them, or a lower one where the terms would be too many."""
    tries: int = 100
    """Linear policies played in search of a higher return, where that which acts alike has less."""
    agreement: float = 0.95
    """Share of steps at which a surrogate has to act as the policy does to be called faithful."""
    confidence: float = CONFIDENCE
    """Of every interval."""

    needs: ClassVar[tuple[Need, ...]] = (Need.VECTORS,)

    def __post_init__(self) -> None:
        counts = (self.states, self.matched, self.read, self.answers)
        if min(*counts, self.background - 1, self.runs - 1) < 1:
            raise ValueError(
                "Shapley needs states, matched, read and answers ≥ 1, background and runs ≥ 2."
            )
        if min(self.exact, self.tolerance, self.rounds, self.tries) < 0:
            raise ValueError("Shapley needs exact, tolerance, rounds and tries of 0 or more.")
        if min(self.steps, self.degree, min(self.leaves, default=2) - 1) < 1:
            raise ValueError("Shapley needs steps and degree ≥ 1, and trees of two leaves or more.")

    def run(self, subject: Subject, rng: np.random.Generator) -> ShapleyValues | NotApplicable:
        """See `Analyzer.run`."""
        policy, visited = subject.policy, subject.visited
        if one_at_a_time(policy):
            return NotApplicable(
                "the policy answers one observation after the other, and Shapley values need "
                "millions of answers; `saliency` explains it"
            )
        steps = drawn(visited, self._affordable(len(subject.features)), 1, rng)
        glimpses = _newest(glimpsed(policy, visited, steps, 1))
        found, how = self._played(subject, glimpses, rng)
        averaging = Averaging(visited, rng, self.confidence)
        outputs = acts(policy, glimpses.seen, glimpses.memory).double().numpy()
        importance, importance_each = importances(found.values, steps, averaging)
        efficiency_error, standard_error = exactness(found, outputs, steps, averaging)
        explained, refused = self._read_off(subject, glimpses, found, outputs, rng)
        return ShapleyValues(
            features=tuple(feature.name for feature in subject.features),
            actions=tuple(action.name for action in subject.actions),
            quantity=quantity(policy),
            measured_in=unit(policy),
            discrete=is_discrete(policy),
            how=how,
            states=glimpses.seen.numpy().astype(visited.observations.dtype),
            episodes=visited.episode_of_step[steps],
            times=steps - visited.first_steps[visited.episode_of_step[steps]],
            outputs=outputs,
            base=found.base,
            values=found.values,
            errors=found.errors,
            importance=importance,
            importance_each=importance_each,
            efficiency_error=efficiency_error,
            standard_error=standard_error,
            on_manifold=self._agreeing(policy, visited, glimpses, averaging, rng),
            surrogates=compared(subject, self._schooling, explained, refused, rng),
            unit=visited.unit,
        )

    def _affordable(self, features: int) -> int:
        """How many states are explained."""
        asked = 2**features if features <= self.exact else (2 * features + 1) * self.runs
        return min(self.states, max(self.answers // (asked * self.background), 1))

    @property
    def _schooling(self) -> Schooling:
        return Schooling(
            self.steps,
            self.rounds,
            self.leaves,
            self.degree,
            self.tries,
            self.agreement,
            self.confidence,
        )

    def _played(
        self, subject: Subject, glimpses: Glimpses, rng: np.random.Generator
    ) -> tuple[Contributions, str]:
        """The interventional game, and how it was played."""
        policy, visited, (count, features) = subject.policy, subject.visited, glimpses.seen.shape
        with subject.progress("Shapley values", count) as advance:
            if features <= self.exact:
                background = _observations(visited, drawn(visited, self.background, 1, rng))
                found = interventional(policy, glimpses.seen, glimpses.memory, background, advance)
                how = f"all {2**features:,} sets of features, {len(background)} background states"
                return found, how
            some = [drawn(visited, self.background, 1, rng) for _ in range(self.runs)]
            backgrounds = torch.stack([_observations(visited, steps) for steps in some])
            seeds = rng.integers(2**31, size=(count, self.runs))
            found = sampled(policy, glimpses.seen, glimpses.memory, backgrounds, seeds, advance)
        each = backgrounds.shape[1]
        how = f"{self.runs} runs of shap's permutations, each with {each} background states"
        return found, how

    def _agreeing(
        self,
        policy: Policy,
        visited: Visited,
        glimpses: Glimpses,
        averaging: Averaging,
        rng: np.random.Generator,
    ) -> OnManifold | None:
        """The game on the manifold; None where there are too many features."""
        if glimpses.seen.shape[1] > self.exact:
            return None
        found, agreement, (some, _, _) = self._met(policy, visited, glimpses.steps, rng)
        importance, importance_each = importances(found.values, glimpses.steps, averaging)
        (alone,) = averaging.means(glimpses.steps, agreement.alone[:, None])
        return OnManifold(
            values=found.values,
            base=found.base,
            importance=importance,
            importance_each=importance_each,
            matches=np.median(agreement.matches, 0),
            alone=alone,
            tolerance=self.tolerance,
            visited=some,
        )

    def _met(
        self,
        policy: Policy,
        visited: Visited,
        steps: Int[np.ndarray, " state"],
        rng: np.random.Generator,
    ) -> tuple[Contributions, Agreement, tuple[int, np.ndarray, np.ndarray]]:
        """The game at some steps: how many states might agree, what was seen there, and done."""
        # what is explained is among what agrees, so that something does
        some = np.union1d(drawn(visited, self.matched, 1, rng), steps)
        seen, done = did(policy, visited, some)
        here = np.searchsorted(some, steps)
        tolerance = self.tolerance * usual_changes(policy, visited).double().numpy()
        found, agreement = on_manifold(seen[here], done[here], seen, done, tolerance)
        return found, agreement, (len(some), seen[here], done[here])

    def _read_off(
        self,
        subject: Subject,
        glimpses: Glimpses,
        found: Contributions,
        outputs: Float[np.ndarray, " state output"],
        rng: np.random.Generator,
    ) -> tuple[dict[str, Readable], tuple[str, ...]]:
        """The policy of explanations: of the quick game on the manifold, and of more states.

        Of the interventional game where there are too many features.
        """
        values, seen = found.values, glimpses.seen.double().numpy()
        if seen.shape[1] <= self.exact:
            steps = drawn(subject.visited, self.read, 1, rng)
            met, _, (_, seen, outputs) = self._met(subject.policy, subject.visited, steps, rng)
            values = met.values
        return by_explanation(values, seen, outputs, role_of(subject), rng)


def importances(
    values: Float[np.ndarray, " state feature output"],
    steps: Int[np.ndarray, " state"],
    averaging: Averaging,
) -> tuple[tuple[Estimate, ...], tuple[tuple[Estimate, ...], ...]]:
    """Mean |φ| of each feature over all outputs together, and for each output."""
    _, features, outputs = values.shape
    sizes = np.abs(values)
    means = averaging.means(steps, np.column_stack([sizes.sum(2), sizes.reshape(len(sizes), -1)]))
    each = means[features:]
    return means[:features], tuple(
        each[first : first + outputs] for first in range(0, len(each), outputs)
    )


def exactness(
    found: Contributions,
    outputs: Float[np.ndarray, " state output"],
    steps: Int[np.ndarray, " state"],
    averaging: Averaging,
) -> tuple[Estimate, Estimate]:
    """How far values are from adding up, and their standard error, in the mean over states."""
    missing = np.abs(found.values.sum(1) - (outputs - found.base)).mean(1)
    missed, error = averaging.means(steps, np.column_stack([missing, found.errors.mean((1, 2))]))
    return missed, error


def did(
    policy: Policy, visited: Visited, steps: Int[np.ndarray, " some"]
) -> tuple[Float[np.ndarray, " some feature"], Float[np.ndarray, " some output"]]:
    """What was seen at these steps, and done with what was remembered then."""
    seen = np.empty((len(steps), visited.observations.shape[-1]))
    done = np.empty((len(steps), policy.outputs or 0))
    for now, observations, memory in replayed(policy, visited):
        _, here, there = np.intersect1d(steps, now, return_indices=True)
        seen[here] = observations[there]
        remembered = tuple(part[there] for part in memory)
        done[here] = acts(policy, observations[there], remembered).numpy()
    return seen, done


def _newest(glimpses: Glimpses) -> Glimpses:
    """A policy with memory is explained by its newest observation, and keeps what it remembers."""
    seen = glimpses.seen[:, -1] if glimpses.memory else glimpses.seen
    return Glimpses(glimpses.policy, seen, glimpses.memory, glimpses.steps)


def _observations(
    visited: Visited, steps: Int[np.ndarray, " some"]
) -> Float[Tensor, " some feature"]:
    return torch.from_numpy(visited.inputs(steps)).float()
