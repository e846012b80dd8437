"""Certificates by hand."""

import numpy as np

from policyscope.reports.results import ActionCertificates, Certificate


def certificate(
    bounds=((140.0, 60.0, 0.5), (80.0, 70.0, 40.0)),
    noisy=((150.0, 150.0, 144.0), (90.0, 84.0, 90.0)),
    clean=(200.0, 200.0),
    sigmas=(0.2, 0.4),
    **other,
) -> Certificate:
    """Two noises, of which the first is better where the budget is 0."""
    fields = {
        "sigmas": sigmas,
        "budgets": (0.0, 0.2, 1.0),
        "clean": np.array(clean),
        "noisy": np.array(noisy),
        "bounds": np.array(bounds),
        "quantile": 0.5,
        "quantile_bounds": np.array(bounds) // 2,
        "floor": 0.0,
        "goal": None,
        "scale": np.ones(0),
        "unit": "environment units",
        "method": "policy smoothing, Clopper–Pearson at 200 values",
        "confidence": 0.95,
    }
    return Certificate(**(fields | other))


def actions(radii=((0.1, 0.2, 0.3, 0.4), (0.0, 0.0, 1.0, 3.0)), **other) -> ActionCertificates:
    """Of single decisions, by noise and for certain."""
    fields = {
        "methods": ("smoothing", "lines"),
        "norms": ("l2", "l2"),
        "radii": np.array(radii),
        "tolerance": 0.0,
        "epsilons": (),
        "changes": np.zeros((len(radii), 0, len(radii[0]))),
        "reach": 2.0,
        "sigma": 0.2,
        "unit": "environment units",
        "draws": 100,
        "missing": None,
        "kinks": np.zeros(0),
        "bent": None,
        "confidence": 0.95,
    }
    return ActionCertificates(**(fields | other))
