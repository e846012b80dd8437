"""The on-manifold game: what the policy does on average where the known features are like this.

    v(C) = mean of f(s') over the visited states s' with |s'_i − x_i| ≤ tolerance_i for all i in C
    v(F) = f(x)

This is the characteristic function of SVERL, the expectation under the states that the policy
visits given what is known, with agreement to within a tolerance in place of the equality of
rounded features. Nothing is met that was not visited, so that a feature is given credit for what it
tells of others, whether the network looks at it or not.

The more is known the fewer states agree. Where none does but x itself, v(C) is f(x) and all other
features look useless: how often that is so is counted, see `Agreement`.

References: Beechey, Smith, Şimşek 2023, Explaining reinforcement learning with Shapley values,
https://arxiv.org/abs/2306.05810; Frye et al. 2021, Shapley explainability on the data manifold,
https://arxiv.org/abs/2006.01272
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from policyscope.shapley.coalitions import Contributions, sizes, weights


@dataclass(frozen=True, eq=False)
class Agreement:
    """How many visited states the game rests on."""

    matches: Float[np.ndarray, " state size"]
    """How many of them agree with the state in 0, 1, … d − 1 features, the median over sets of
    so many."""
    alone: Float[np.ndarray, " state"]
    """Share of the sets of 1 to d − 1 features, each size counting alike, in which only one does:
    the state itself. 0 where there is a single feature."""


def on_manifold(
    states: Float[np.ndarray, " state feature"],
    doings: Float[np.ndarray, " state output"],
    visited: Float[np.ndarray, " visited feature"],
    done: Float[np.ndarray, " visited output"],
    tolerance: Float[np.ndarray, " feature"],
) -> tuple[Contributions, Agreement]:
    """Shapley values of what is done.

    Args:
        states: Some of the visited ones.
        doings: What is done there.
        visited: All that may agree with them.
        done: What is done there.
        tolerance: How far apart features are that agree, in their own units.

    Returns:
        Values, whose errors are 0: they are exact for what was visited.
    """
    features = states.shape[1]
    size, counted = sizes(features), weights(features)
    values, bases, matches, alone = [], [], [], []
    for state, doing in zip(states, doings, strict=True):
        agreeing, sums = _agreeing(np.abs(visited - state) <= tolerance, done)
        worth = sums / agreeing[:, None]
        worth[-1] = doing
        values.append(counted @ worth)
        bases.append(worth[0])
        matches.append([np.median(agreeing[size == known]) for known in range(features)])
        single = [np.mean(agreeing[size == known] == 1) for known in range(1, features)]
        alone.append(float(np.mean(single)) if single else 0.0)
    found = np.stack(values)
    contributions = Contributions(found, np.zeros_like(found), np.stack(bases))
    return contributions, Agreement(np.array(matches, float), np.array(alone))


def _agreeing(
    agree: np.ndarray, done: Float[np.ndarray, " visited output"]
) -> tuple[Int[np.ndarray, " coalition"], Float[np.ndarray, " coalition output"]]:
    """How many visited states agree in each coalition, and the sum of what is done in them.

    A state that agrees in a set of features agrees in every part of it, so that each is put where
    it agrees in all and sums are taken over larger coalitions, feature by feature.
    """
    features = agree.shape[1]
    most = agree @ (1 << np.arange(features))
    columns = [np.bincount(most, column, 2**features) for column in (np.ones(len(most)), *done.T)]
    sums = np.stack(columns, -1)
    for feature in range(features):
        split = sums.reshape(-1, 2, 2**feature, sums.shape[1])
        split[:, 0] += split[:, 1]
    return sums[:, 0].astype(np.int64), sums[:, 1:]
