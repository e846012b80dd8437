"""Equations by hand."""

import dataclasses

import numpy as np

from policyscope.readable.equations import Equations
from policyscope.readable.readable import Readable
from policyscope.reports.results import SparseDynamics, SparseEquations, SparsePolicy
from policyscope.statistics import Estimate


def estimate(value: float, width: float = 0.01) -> Estimate:
    return Estimate(value, value - width, value + width, 0.95, 5, "bootstrap")


def sparse_policy(**changes) -> SparsePolicy:
    """Three terms for a torque, on five episodes that return 100 and a little more."""
    clean = 100 + np.arange(5.0)
    form = Equations(np.array([[0, 0], [1, 0], [1, 2]]), np.array([[0.5], [-2.0], [0.1]]))
    plain = {
        "surrogate": Readable(form, ("x (m)", "v (m/s)"), ("torque",), low=(-1.0,), high=(1.0,)),
        "left": ("torque",),
        "terms": ("1", "x", "x · v²"),
        "coefficients": form.coefficients.T,
        "spread": np.array([[0.05, 0.1, 0.02]]),
        "inclusion": np.array([[1.0, 1.0, 0.6]]),
        "effect": np.array([[0.5, 1.0, 0.001]]),
        "parameters": 1000,
        "discrete": False,
        "models": 20,
        "fidelity": estimate(0.05),
        "clean": clean,
        "returns": clean + [1, -1, 0, 1, -1],
        "rivals": ("linear", "tree"),
        "rival_sizes": (2, 3),
        "rival_fidelity": (estimate(0.2), estimate(0.3)),
        "rival_returns": np.stack([clean - 50, clean - 60]),
        "front_sizes": np.array([9, 3, 1]),
        "front_errors": np.array([0.01, 0.05, 0.4]),
        "front_returns": np.stack([clean, clean, clean - 80]),
        "front_clean": clean,
        "chosen": 1,
        "disagreement": estimate(0.01),
        "doubtful": np.array([[2.0, -3.0]]),
        "unusual": np.array([0.1, -1.5]),
        "extrapolation": estimate(0.0, 0.0),
        "confidence": 0.95,
    }
    return SparsePolicy(**(plain | changes))


def sparse_dynamics(**changes) -> SparseDynamics:
    """x' − x = 0.1 v, v' − v = u − 0.2 x, and a reward of −x²; one stable fixed point."""
    plain = {
        "targets": ("change of x", "change of v", "reward"),
        "terms": ("x", "v", "torque", "x²"),
        "variables": ("x", "v", "torque"),
        "exponents": np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [2, 0, 0]]),
        "coefficients": np.array([[0, 0.1, 0, 0], [-0.2, 0, 1, 0], [0, 0, 0, -1.0]]),
        "spread": np.zeros((3, 4)),
        "inclusion": np.array([[0, 1.0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0.9]]),
        "effect": np.array([[0, 1.0, 0, 0], [0.2, 0, 0.9, 0], [0, 0, 0, 1]]),
        "angles": (),
        "pairs": (),
        "one_step": np.array([0.0, 0.01, 0.3]),
        "suddenness": np.array([0.1, 0.9, 0.1]),
        "errors": tuple(estimate(0.1 * step) for step in range(1, 21)),
        "horizon": estimate(5.0, 1.0),
        "reward_error": estimate(0.02),
        "condition": 12.0,
        "redundant": ("v²", "x · v"),
        "smooth": "",
        "fixed_points": np.array([[0.0, 0.0], [1.5, 0.0]]),
        "moduli": np.array([[0.9, 0.5], [1.25, 0.1]]),
        "low": np.array([-2.0, -3.0]),
        "high": np.array([2.0, 3.0]),
        "beginnings": np.array([[1.0, 0.0], [-1.0, 0.5]]),
        "longest": 50,
    }
    return SparseDynamics(**(plain | changes))


def sparse_equations(policy=None, dynamics=None) -> SparseEquations:
    return SparseEquations(
        sparse_policy(**(policy or {})), sparse_dynamics(**(dynamics or {})), unfitted=""
    )


def without_dynamics() -> SparseEquations:
    found = sparse_equations()
    return dataclasses.replace(found, dynamics=None, unfitted="there are only 3 steps")
