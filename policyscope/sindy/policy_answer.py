"""What is found of a policy's equations, judged on the network's own episodes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from policyscope import statistics
from policyscope.readable.equations import Equations, monomials
from policyscope.readable.text import bare
from policyscope.readable.tree import Tree
from policyscope.reports.results.sparse_policy import SparsePolicy
from policyscope.rollouts.actors import Actor, Greedy
from policyscope.rollouts.rollouts import Rollouts
from policyscope.sindy.imitated import Imitated
from policyscope.sindy.imitation import Found, equations, form_scores
from policyscope.sindy.library import term_names
from policyscope.sindy.regression import Ensemble
from policyscope.sindy.rivals import linear, tree
from policyscope.statistics import Estimate

DOUBTED = 2000
"""States in which the ensemble is asked, at most."""
LISTED = 5
"""States that are listed as doubtful."""


@dataclass(frozen=True, eq=False)
class Judge:
    """The network's own episodes, and who plays them again."""

    imitated: Imitated
    own: Rollouts
    again: Callable[[Actor], Rollouts]
    confidence: float
    rng: np.random.Generator

    @property
    def states(self) -> Float[np.ndarray, " step feature"]:
        """What the network saw."""
        return self.own.observations.astype(float)

    def per_episode(
        self, values: Shaped[np.ndarray, " step"], rollouts: Rollouts, root: bool = False
    ) -> Estimate:
        """The mean over steps, or its root; its interval is over episodes."""
        sums = np.add.reduceat(values.astype(float), rollouts.first_steps)

        def statistic(row: np.ndarray) -> np.ndarray:
            mean = row[:1] / row[1:]
            return np.sqrt(mean) if root else mean

        rows = np.column_stack([sums, rollouts.lengths])
        return statistics.bootstrap(rows, statistic, self.rng, self.confidence)[0]

    def fidelity(
        self, answers: Float[np.ndarray, " step output"], scores: Float[np.ndarray, " step output"]
    ) -> Estimate:
        """Share of the same actions, or the root mean squared error."""
        errors = self.imitated.errors(answers, scores)
        if self.imitated.groups:
            return self.per_episode(1 - errors, self.own)
        return self.per_episode(errors, self.own, root=True)

    def played(self, form: Equations | Tree) -> Rollouts:
        """The same episodes, acted in by the form."""
        return self.again(Greedy(self.imitated.played(form)))


def policy_answer(
    judge: Judge, found: Found, terms: Int[np.ndarray, " term variable"], models: int, seed: int
) -> SparsePolicy:
    """Judge what was found, and its rivals."""
    imitated, winner = judge.imitated, found.contenders[found.chosen]
    form = equations(imitated, terms, winner.fit.coefficients)
    scores = imitated.scores(judge.states)
    played = judge.played(form)
    rivals: dict[str, Equations | Tree] = {
        "linear": linear(imitated, found.training, found.held_out),
        "tree": tree(imitated, found.training, winner.size, seed),
    }
    disagreement, worst = _doubt(judge, found, terms)
    beyond = outside(played.observations.astype(float), found.training.states)
    return SparsePolicy(
        surrogate=imitated.readable(form),
        left=_left(imitated),
        **_said(judge, winner.fit, terms),
        parameters=imitated.policy.checkpoint.parameters,
        discrete=bool(imitated.groups),
        models=models,
        fidelity=judge.fidelity(form_scores(form, judge.states), scores),
        clean=judge.own.returns,
        returns=played.returns,
        rivals=tuple(rivals),
        rival_sizes=tuple(rival.size for rival in rivals.values()),
        rival_fidelity=tuple(
            judge.fidelity(rival.scores(judge.states), scores) for rival in rivals.values()
        ),
        rival_returns=np.stack([judge.played(rival).returns for rival in rivals.values()]),
        **_front(found),
        disagreement=disagreement,
        doubtful=judge.states[worst[:LISTED]],
        unusual=_unusual(judge.states, worst),
        extrapolation=judge.per_episode(beyond, played),
        confidence=judge.confidence,
    )


def _said(judge: Judge, fit: Ensemble, terms: Int[np.ndarray, " term variable"]) -> dict[str, Any]:
    """The terms that an equation has, and how sure they are."""
    used = np.any(fit.coefficients, axis=0)
    usual = np.sqrt(np.mean(np.square(monomials(judge.states, terms[used])), 0))
    return {
        "terms": term_names(terms[used], judge.imitated.features),
        "coefficients": fit.coefficients[:, used],
        "spread": fit.spread[:, used],
        "inclusion": fit.inclusion[:, used],
        "effect": np.abs(fit.coefficients[:, used]) * usual,
    }


def _front(found: Found) -> dict[str, Any]:
    """The candidates that played."""
    return {
        "front_sizes": np.array([contender.size for contender in found.contenders]),
        "front_errors": np.array([contender.error for contender in found.contenders]),
        "front_returns": np.stack([contender.returns for contender in found.contenders]),
        "front_clean": found.reference,
        "chosen": found.chosen,
    }


def _left(imitated: Imitated) -> tuple[str, ...]:
    """What each equation is of."""
    names = tuple(bare(name) for name in imitated.actions)
    if not imitated.groups:
        return names
    ends = np.cumsum(imitated.groups).tolist()
    parts = zip(imitated.groups, ends, strict=True)
    return tuple(
        left
        for count, end in parts
        for left in (
            [f"preference for {names[end - 1]}"]
            if count == 2
            else [f"preference for {name}" for name in names[end - count : end]]
        )
    )


def outside(
    states: Float[np.ndarray, " row feature"], known: Float[np.ndarray, " state feature"]
) -> Bool[np.ndarray, " row"]:
    """Whether a feature is beyond all that was fitted."""
    return np.any((states < known.min(0)) | (states > known.max(0)), axis=1)


def _doubt(
    judge: Judge, found: Found, terms: Int[np.ndarray, " term variable"]
) -> tuple[Estimate, Int[np.ndarray, " worst"]]:
    """How far the members disagree in visited states, and the steps where they do most."""
    imitated, fit = judge.imitated, found.contenders[found.chosen].fit
    count = len(judge.states)
    every = np.unique(np.linspace(0, count - 1, min(DOUBTED, count)).round().astype(int))
    theta = monomials(judge.states[every], terms)
    own = theta @ fit.coefficients.T @ imitated.mixing.T
    answers = np.stack([theta @ member.T @ imitated.mixing.T for member in fit.members])
    if imitated.groups:
        doubts = np.mean([imitated.errors(answer, own) for answer in answers], 0)
    else:
        clipped = np.clip(answers, imitated.low, imitated.high) / imitated.half
        doubts = np.sqrt(np.mean(np.var(clipped, 0), 1))
    worst = np.argsort(-doubts, kind="stable")[: max(LISTED, len(every) // 100)]
    sums = np.zeros((len(judge.own.lengths), 2))
    np.add.at(
        sums, judge.own.episode_of_step[every], np.column_stack([doubts, np.ones(len(every))])
    )
    estimate = statistics.bootstrap(
        sums, lambda row: row[:1] / max(row[1], 1.0), judge.rng, judge.confidence
    )[0]
    return estimate, every[worst]


def _unusual(
    states: Float[np.ndarray, " step feature"], worst: Int[np.ndarray, " worst"]
) -> Float[np.ndarray, " feature"]:
    """Mean of some states, in deviations from the mean of all."""
    deviation = states.std(0)
    away = states[worst].mean(0) - states.mean(0)
    return np.divide(away, deviation, out=np.zeros_like(away), where=deviation > 0)
