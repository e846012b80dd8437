"""Answers of `saliency` whose numbers are easy to follow: every value in a map is different."""

import dataclasses
import math

import numpy as np

from policyscope.reports.results import Attribution, Faithfulness, Reliance, WhatIf
from policyscope.statistics import Estimate

METHODS = ("integrated gradients", "gradient", "occlusion")
SCORES = ("insertion", "deletion", "RIS", "completeness error", "randomised weights")
MASKS = ("salient", "removed", "random", "random_removed")


def estimate(value: float, half: float = 0.01, n: int = 7) -> Estimate:
    return Estimate(value, value - half, value + half, 0.95, n, "bootstrap")


def faithfulness(advantages=(0.3, 0.2, -0.1), refused=("", "", "no better than random"), **changes):
    """Methods whose insertion is 0.9, 0.8, 0.7 and that of chance 0.5; deletion the other way."""
    methods = METHODS[: len(advantages)]
    values = tuple(
        (
            estimate(0.9 - i / 10),
            estimate(0.1 + i / 10),
            estimate(35_000.0, 1_000.0),
            estimate(0.0, 0.0) if i == 0 else None,
            estimate(0.05),
        )
        for i in range(len(methods))
    )
    curves = np.arange((len(methods) + 1) * 3.0).reshape(-1, 3) / 20
    plain = {
        "methods": methods,
        "refused": refused,
        "advantages": tuple(map(estimate, advantages)),
        "scores": SCORES,
        "values": values,
        "chance": (estimate(0.5), estimate(0.5), estimate(30_000.0, 2_000.0), None, None),
        "fractions": np.array([0.0, 0.5, 1.0]),
        "insertion": curves,
        "deletion": 1 - curves,
        "skipped": (("DeepLift", "it needs layers that it knows"),),
    }
    return Faithfulness(**(plain | changes))


def reliance(kept=(0.9, 0.4, 0.5, 0.8), earned=(90.0, 20.0, 30.0, 80.0), **changes) -> Reliance:
    """Kept at ρ = 0.9, and returned in the mean, by the four masks; at 0.5 all is kept."""
    clean = 100 + np.arange(5.0)
    plain = {
        "masks": MASKS,
        "size": 2,
        "rho": 0.9,
        "rhos": (0.5, 0.9),
        "keeps_action": tuple((estimate(1.0, 0.0), estimate(share)) for share in kept),
        "value_changes": tuple((estimate(0.1), estimate(0.2 + i / 10)) for i in range(4)),
        "played": (0.9,),
        "quick": METHODS[0],
        "clean": clean,
        "returns": np.stack([[mean + np.arange(5.0) - 2] for mean in earned]),
        "shifts": ("observation noise", "brightness"),
        "overlaps": (estimate(0.8), estimate(0.6)),
        "rank_correlations": (estimate(0.95), estimate(0.7)),
        "predictability": estimate(0.12),
        "confidence": 0.95,
    }
    return Reliance(**(plain | changes))


def what_if(count=5, features=2, **changes) -> WhatIf:
    """An increase of the last feature by 0.25 turns every state but the last, and nothing else."""
    smallest = np.full((count, features, 2), np.inf)
    smallest[:-1, -1, 1] = 0.25
    becomes = np.full(smallest.shape, -1)
    becomes[:-1, -1, 1] = 1
    shares = [0.0] * (features - 1) + [1 - 1 / count]
    plain = {
        "cases": np.arange(count),
        "changes": smallest,
        "becomes": becomes,
        "units": np.full(features, 0.5),
        "reach": 3.0,
        "turns": tuple(estimate(share, 0.0 if share == 0 else 0.01) for share in shares),
    }
    return WhatIf(**(plain | changes))


def attribution(importance=(0.3, 0.7), count=5, actions=("left", "right"), **changes):
    """Of vectors; the actions are chosen in turn, two states to an episode."""
    d = len(importance)
    plain = {
        "features": tuple(f"sensor {i}" for i in range(d)),
        "outputs": ("chosen action",),
        "actions": actions,
        "method": METHODS[0],
        "additive": METHODS[1],
        "states": np.arange(float(count * d)).reshape(count, d),
        "episodes": np.arange(count) // 2,
        "times": 10 * (np.arange(count) % 2),
        "chosen": np.arange(count)[:, None] % max(len(actions), 1),
        "baseline": np.arange(d) + 0.5,
        "decision": numbered(count, 1, d) - 1,
        "each": numbered(count, len(actions), d) ** 2 / 100,
        "value": numbered(count, 1, d),
        "importance": tuple(map(estimate, importance)),
        "sensitivity": tuple(estimate(value / 2) for value in importance),
        "credit_of_past": (),
        "completeness_error": estimate(0.0),
        "faithfulness": faithfulness(),
        "reliance": reliance(),
        "what_if": what_if(count, d),
    }
    return Attribution(**(plain | changes))


def continuous(importance=(0.3, 0.7), count=5, outputs=("hip", "knee"), **changes) -> Attribution:
    """Every dimension of the action is explained, and nobody asks what would change it."""
    d = len(importance)
    plain = {
        "outputs": outputs,
        "chosen": np.tile(np.arange(len(outputs)), (count, 1)),
        "decision": numbered(count, len(outputs), d) - 1,
        "what_if": None,
        "discrete": False,
    }
    return dataclasses.replace(attribution(importance, count, outputs), **(plain | changes))


def recurrent(importance=(0.3, 0.7), count=5, window=3, **changes) -> Attribution:
    """With memory: the last observations are explained, the newest at the end."""
    d = len(importance)
    plain = {
        "states": numbered(count, window, d),
        "baseline": np.tile(np.arange(d) + 0.5, (window, 1)),
        "decision": numbered(count, 1, window, d) - 1,
        "each": numbered(count, 2, window, d),
        "value": numbered(count, 0, window, d),
        "credit_of_past": tuple(estimate(share) for share in (0.6, 0.3, 0.1)[:window]),
        "completeness_error": None,
    }
    return dataclasses.replace(attribution(importance, count), **(plain | changes))


def image(shape=(4, 6, 5), count=5, critic=True, **changes) -> Attribution:
    """Of images: no features, no maps of single scores, and no questions of what if."""
    rng = np.random.default_rng(0)
    plain = {
        "features": (),
        "actions": (),
        "states": rng.integers(0, 256, (count, *shape), np.uint8),
        "chosen": np.arange(count)[:, None] % 2,
        "baseline": np.full(shape, 127.5),
        "decision": rng.standard_normal((count, 1, *shape)),
        "each": np.empty((count, 0, *shape)),
        "value": rng.standard_normal((count, int(critic), *shape)),
        "importance": (),
        "sensitivity": (),
        "what_if": None,
    }
    return dataclasses.replace(attribution(count=count), **(plain | changes))


def numbered(*shape: int) -> np.ndarray:
    """0, 1, 2, …"""
    return np.arange(float(math.prod(shape))).reshape(shape)
