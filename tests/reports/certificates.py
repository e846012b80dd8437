"""Certificates by hand."""

import numpy as np

from policyscope.reports.results import Certificate


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
        "images": False,
        "method": "policy smoothing, Clopper–Pearson at 200 values",
        "confidence": 0.95,
    }
    return Certificate(**(fields | other))
