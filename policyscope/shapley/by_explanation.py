"""An interpretable policy by explanation: a linear one, read off Shapley values.

SILVER's idea: where what explains a decision is the same, the decision is; so clusters of Shapley
vectors are decisions, and the states at the border between clusters lie on the policy's decision
boundary. A hyperplane through them is a policy that can be read.

As published (SILVER): two clusters by k-means of the Shapley vectors of the first action, a linear
support vector machine between them, the ten states with the smallest |decision function|, and a
linear regression of their last feature on the others,

    x_d = β_0 + Σ_{i<d} β_i x_i,

on the two sides of which the first and the last action are taken. The side is the one that agrees
more with the policy; in the paper it is set by hand.

Mended:

    clusters    one for each action that is used, of the Shapley vectors of all actions
    purity      share of the states in the cluster of their action, under the best assignment of
                clusters to actions; refused where it is low, as explanations then do not tell
                decisions apart
    border      between each two actions, the half of the states on either side whose explanations
                are nearest to the other's: ten points leave the hyperplane to chance
    fit         one softmax regression of the policy's action there: no feature is told from the
                others, each action has scores of its own, and one that is never used is never taken

References: Li, Siddique, Cao 2025, From explainability to interpretability, RLC,
https://arxiv.org/abs/2501.09858
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import SVC

from policyscope.shapley.on_manifold import on_manifold

PURE = 0.8
"""Purity below which clusters are no decisions."""
PUBLISHED_STATES, PUBLISHED_DECIMALS, PUBLISHED_POINTS = 1000, 2, 10
"""States that are explained, how they are rounded, and how many are at the border, as published."""
STRICT = 100.0
"""Inverse strength of the softmax regression's regularisation."""
BELOW = -1.0
"""Score of an action that is never used; the first of the others has a score of 0."""


@dataclass(frozen=True, eq=False)
class LinearPolicy:
    """Takes the action with the largest of scores that are linear in the observation."""

    coefficients: Float[np.ndarray, " feature action"]
    """In the observation's own units."""
    intercept: Float[np.ndarray, " action"]
    purity: float
    """How far clusters of explanations are decisions, 1 where they are."""
    border: Int[np.ndarray, " point"]
    """The explained states that it was fitted to."""

    def actions(self, states: Float[np.ndarray, " state feature"]) -> Int[np.ndarray, " state"]:
        """What it does."""
        return (states @ self.coefficients + self.intercept).argmax(1)


@dataclass(frozen=True)
class Refused:
    """No policy can be read off these explanations, and why."""

    reason: str
    purity: float


def published_explanations(
    seen: Float[np.ndarray, " visited feature"], done: Float[np.ndarray, " visited output"]
) -> tuple[
    Float[np.ndarray, " state feature"],
    Int[np.ndarray, " state"],
    Float[np.ndarray, " state feature"],
]:
    """The most frequent rounded states, what was done there, and values of the first action.

    Args:
        seen: All visited states.
        done: Probabilities of the actions there, or the greedy choice.
    """
    rounded = seen.round(PUBLISHED_DECIMALS)
    kinds, first, counts = np.unique(rounded, axis=0, return_index=True, return_counts=True)
    frequent = np.argsort(-counts, kind="stable")[:PUBLISHED_STATES]
    states, doings = kinds[frequent], done[first[frequent]]
    found, _ = on_manifold(states, doings, rounded, done, np.zeros(seen.shape[1]))
    return states, doings.argmax(1), found.values[:, :, 0]


def as_published(
    values: Float[np.ndarray, " state feature"],
    states: Float[np.ndarray, " state feature"],
    chosen: Int[np.ndarray, " state"],
    actions: int,
    rng: np.random.Generator,
) -> LinearPolicy | Refused:
    """SILVER's policy.

    Args:
        values: Shapley values of the first action.
        states: What was seen.
        chosen: What the policy did.
        actions: How many there are.
        rng: Seeds the clusters.
    """
    clusters = _clustered(values, 2, rng)
    if clusters is None:
        return Refused("all explanations are alike, so that there is no border", 0.0)
    border = np.argsort(_away(values, clusters), kind="stable")[:PUBLISHED_POINTS]
    line = LinearRegression().fit(states[border, :-1], states[border, -1])
    normal = np.append(line.coef_, -1.0)
    above = states @ normal + line.intercept_ > 0
    last = np.where(above, actions - 1, 0)
    sign = 1.0 if np.mean(last == chosen) >= np.mean(actions - 1 - last == chosen) else -1.0
    coefficients = np.zeros((states.shape[1], actions))
    intercept = np.full(actions, BELOW)
    intercept[[0, -1]] = -sign * line.intercept_, sign * line.intercept_
    coefficients[:, 0], coefficients[:, -1] = -sign * normal, sign * normal
    return LinearPolicy(coefficients, intercept, purity(clusters, chosen), border)


def mended(
    values: Float[np.ndarray, " state feature output"],
    states: Float[np.ndarray, " state feature"],
    chosen: Int[np.ndarray, " state"],
    actions: int,
    rng: np.random.Generator,
) -> LinearPolicy | Refused:
    """The same with every weak step mended, see above.

    Args:
        values: Shapley values of all actions.
        states: What was seen.
        chosen: What the policy did.
        actions: How many there are.
        rng: Seeds the clusters.
    """
    vectors, used = values.reshape(len(values), -1), np.unique(chosen)
    coefficients, intercept = np.zeros((states.shape[1], actions)), np.full(actions, BELOW)
    if len(used) == 1:
        intercept[used] = 0
        return LinearPolicy(coefficients, intercept, 1.0, np.arange(0))
    clusters = _clustered(vectors, len(used), rng)
    pure = 0.0 if clusters is None else purity(clusters, chosen)
    if clusters is None or pure < PURE:
        return Refused(
            f"clusters of explanations are no decisions: {pure:.0%} of the states are in the "
            f"cluster of their action, and {PURE:.0%} are needed",
            pure,
        )
    border = _border(vectors, chosen)
    weights, constant = regressed(states[border], chosen[border])
    coefficients[:, used], intercept[used] = weights, constant
    return LinearPolicy(coefficients, intercept, pure, border)


def regressed(
    states: Float[np.ndarray, " point feature"], chosen: Int[np.ndarray, " point"]
) -> tuple[Float[np.ndarray, " feature used"], Float[np.ndarray, " used"]]:
    """Scores of a softmax regression, in the states' own units."""
    mean, deviation = states.mean(0), states.std(0)
    unit = np.where(deviation > 0, deviation, 1.0)
    model = LogisticRegression(C=STRICT, max_iter=10_000)
    model.fit((states - mean) / unit, chosen)
    weights = model.coef_.T / unit[:, None]
    constant = model.intercept_ - mean @ weights
    if len(model.classes_) == 2:  # of two classes there is one row, the second's log odds
        weights, constant = weights * [0, 1], constant * np.array([0, 1])
    # only differences decide, so the first needs no numbers of its own
    return weights - weights[:, :1], constant - constant[0]


def purity(clusters: Int[np.ndarray, " state"], chosen: Int[np.ndarray, " state"]) -> float:
    """Share of the states in the cluster that belongs to their action, under the best assignment.

    Each cluster belongs to one action at most, so that clusters within one action do not count.
    """
    counts = np.zeros((clusters.max() + 1, chosen.max() + 1), int)
    np.add.at(counts, (clusters, chosen), 1)
    return float(counts[linear_sum_assignment(-counts)].sum() / len(chosen))


def _clustered(
    vectors: Float[np.ndarray, " state number"], count: int, rng: np.random.Generator
) -> Int[np.ndarray, " state"] | None:
    """The cluster of each state; None where there are fewer kinds of vectors."""
    if len(np.unique(vectors, axis=0)) < count:
        return None
    seed = int(rng.integers(2**31))
    kmeans = KMeans(count, n_init=10, random_state=seed)  # pyright: ignore[reportArgumentType]
    return kmeans.fit_predict(vectors).astype(np.int64)


def _border(
    vectors: Float[np.ndarray, " state number"], chosen: Int[np.ndarray, " state"]
) -> Int[np.ndarray, " point"]:
    """The half of the states of each action that is nearest to another, for each two actions."""
    found = []
    for pair in combinations(np.unique(chosen), 2):
        both = np.flatnonzero(np.isin(chosen, pair))
        away = _away(vectors[both], chosen[both])
        for action in pair:
            side = np.flatnonzero(chosen[both] == action)
            near = side[np.argsort(away[side], kind="stable")]
            found.append(both[near[: (len(near) + 1) // 2]])
    return np.unique(np.concatenate(found))


def _away(
    vectors: Float[np.ndarray, " state number"], sides: Int[np.ndarray, " state"]
) -> Float[np.ndarray, " state"]:
    """How far each is from the border between two sides, by a linear support vector machine."""
    # nothing in it is random, but without a seed it would draw one from numpy's global generator
    machine = SVC(kernel="linear", random_state=0)
    return np.abs(machine.fit(vectors, sides).decision_function(vectors))
