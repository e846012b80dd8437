"""Outcomes of attacks by hand."""

import numpy as np

from policyscope.reports.results import AttackOutcome


def outcome(**changes) -> AttackOutcome:
    """Two attacks of two sizes, on five episodes that return 100 and a little more without."""
    clean = 100 + np.arange(5.0)
    lowered = np.array([[1.0, 5.0], [20.0, 60.0]])  # by attack and size
    returns = clean - lowered[:, :, None]
    plain = {
        "attacks": ("sign_noise", "fgsm"),
        "white_box": (False, True),
        "left_out": ("mad",),
        "epsilons": (0.1, 0.3),
        "norm": "linf",
        "units": "deviations",
        "whole_episode": False,
        "goal": "",
        "clean": clean,
        "returns": returns,
        "gains": -returns,
        "clean_gains": -clean,
        "spent": np.array([[0.1, 0.3], [0.1, 0.3]]),
        "strongest": ("fgsm", "fgsm"),
        "held_out_clean": clean,
        "held_out": returns[1],
        "held_out_clean_gains": -clean,
        "held_out_gains": -returns[1],
        "confidence": 0.95,
    }
    return AttackOutcome(**(plain | changes))
