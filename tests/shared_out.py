"""Answers of `shapley` that are easy to follow: φ of the first output is the second's, negated."""

from dataclasses import replace

import numpy as np

from policyscope.readable.equations import Equations
from policyscope.readable.readable import Readable
from policyscope.readable.tree import LEAF, Tree
from policyscope.reports.results import OnManifold, ShapleyValues, Surrogates
from policyscope.statistics import Estimate


def estimate(value: float, half: float = 0.01, n: int = 7) -> Estimate:
    return Estimate(value, value - half, value + half, 0.95, n, "bootstrap")


def each(importance) -> tuple[tuple[Estimate, ...], ...]:
    return tuple((estimate(value / 2), estimate(value / 2)) for value in importance)


def on_manifold(importance=(0.3, 0.7), count=5, **changes) -> OnManifold:
    plain = {
        "values": np.zeros((count, len(importance), 2)),
        "base": np.full((count, 2), 0.5),
        "importance": tuple(map(estimate, importance)),
        "importance_each": each(importance),
        "matches": np.arange(len(importance), 0, -1.0),
        "alone": estimate(0.1),
        "tolerance": 0.2,
        "visited": 1234,
    }
    return OnManifold(**(plain | changes))


def surrogates(
    agreement=(0.9, 0.99), returns=((10.0, 12.0), (10.0, 12.0)), **changes
) -> Surrogates:
    """A linear policy and a stump beside a network that returns 10 and 12."""
    linear = Readable(
        Equations.linear(np.array([[0.0, 1.0], [0.0, -1.0]]), np.zeros(2)),
        ("sensor 0 (m)", "sensor 1"),
        ("left", "right"),
        groups=(2,),
        starts=(0,),
    )
    stump = Tree(
        np.array([0, LEAF, LEAF]),
        np.array([0.5, 0.0, 0.0]),
        np.array([1, LEAF, LEAF]),
        np.array([2, LEAF, LEAF]),
        np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
    )
    plain = {
        "models": ("linear", "tree_2"),
        "readables": (linear, replace(linear, form=stump)),
        "agreements": tuple(map(estimate, agreement)),
        "own_agreements": tuple(map(estimate, agreement)),
        "errors": (),
        "clean": np.array([10.0, 12.0]),
        "returns": np.array(returns, float),
        "by_action": np.array([[0.9, 0.5], [1.0, np.nan]]),
        "by_feature": np.array([[0.1, -1.5], [0.0, 0.0]]),
        "parameters": 100,
        "wanted": 0.95,
        "refused": (),
        "confidence": 0.95,
    }
    return Surrogates(**(plain | changes))


def shapley_values(importance=(0.3, 0.7), count=5, on=(), **changes) -> ShapleyValues:
    """In state i feature j contributes (i + 1) times its importance to the second output.

    Importance is the same on the manifold, unless it is given; None is without that game.
    """
    d = len(importance)
    phis = (np.arange(count)[:, None] + 1.0) * np.array(importance) / (count + 1) / 2
    values = np.stack([-phis, phis], -1)
    base = np.tile([0.6, 0.4], (count, 1))
    plain = {
        "features": tuple(f"sensor {i}" for i in range(d)),
        "actions": ("left", "right"),
        "quantity": "probability of the action, the softmax of its logits",
        "measured_in": "probability",
        "discrete": True,
        "how": "all sets of features, 100 background states",
        "states": np.arange(float(count * d)).reshape(count, d),
        "episodes": np.arange(count) // 2,
        "times": 10 * (np.arange(count) % 2),
        "outputs": base + values.sum(1),
        "base": base,
        "values": values,
        "errors": np.full(values.shape, 0.001),
        "importance": tuple(map(estimate, importance)),
        "importance_each": each(importance),
        "efficiency_error": estimate(0.0, 0.0),
        "standard_error": estimate(0.001, 0.0),
        "on_manifold": None if on is None else on_manifold(on or importance, count),
        "surrogates": surrogates(),
    }
    return ShapleyValues(**(plain | changes))
