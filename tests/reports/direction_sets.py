"""Answers of `directions`, about one policy and about two, whose numbers are easy to follow."""

import numpy as np

from policyscope.images import frames_of
from policyscope.reports.results import DirectionComparison, DirectionSet, Impact
from policyscope.statistics import Estimate

ALONG = ("principal", "principal+", "principal-", "gradient", "random")


def estimate(value: float, half: float = 0.01, n: int = 7) -> Estimate:
    return Estimate(value, value - half, value + half, 0.95, n, "bootstrap")


def impact(losses=(0.0, 0.0, 0.0, 0.0, 0.0), epsilons=(0.2, 1.0), discrete=True, episodes=5):
    """Every way loses what is given, at the last distance, and nothing before it."""
    clean = 100 + np.arange(float(episodes))
    returns = np.tile(clean, (len(ALONG), len(epsilons), 1))
    returns[:, -1] -= np.array(losses)[:, None]
    return Impact(
        along=ALONG,
        epsilons=epsilons,
        clean=clean,
        returns=returns,
        responses=tuple(
            tuple(estimate(0.1 * i + 0.05 * j, 0.01 * (j + 1)) for j in range(len(epsilons)))
            for i in range(len(ALONG))
        ),
        flip_along=("principal", "gradient", "random") if discrete else (),
        flip_distances=(estimate(0.5), estimate(0.4), estimate(4.0)) if discrete else (),
        flip_share=estimate(0.125, 0.001) if discrete else None,
        reach=10.0,
        confidence=0.95,
    )


def directions(direction=(0.6, -0.8), shape=None, **changes) -> DirectionSet:
    """A direction with shares of 0.6 and 0.1, seen in two episodes of three and five steps."""
    direction = np.array(direction, float)
    image = direction.reshape(shape or direction.shape)
    frames = frames_of(image)
    plain = {
        "features": tuple(f"sensor {i}" for i in range(direction.size)) if not shape else (),
        "shape": image.shape,
        "scale": np.full(direction.size, 2.0),
        "directions": np.stack([direction.ravel(), np.eye(1, direction.size)[0]]),
        "shares": (estimate(0.6), estimate(0.1)),
        "participation": estimate(1.5),
        "concentration": estimate(1.9),
        "lengths": np.array([3, 5]),
        "norms": np.arange(8.0),
        "oscillation": estimate(0.5),
        "windows": np.array([[1, 0.3, 0.2], [0.4, 1, 0.6], [0.5, 0.7, 1]]),
        "window_correlation": estimate(0.45),
        "shifts": ("independent_run", "blur", "observation_noise"),
        "correlations": (estimate(0.9), estimate(0.2), estimate(0.88)),
        "chance": estimate(0.05),
        "impact": impact(),
        "spectrum": np.arange(len(frames) * 4.0).reshape(-1, 4)
        if len(frames)
        else np.empty((0, 0)),
    }
    return DirectionSet(**(plain | changes))


def compared(across=0.3, again=0.98, oscillation=(1.0, 1.0), concentration=(1.0, 1.0), share=0.4):
    return DirectionComparison(
        files=("a.zip", "b.zip"),
        features=("x", "y"),
        shape=(2,),
        scale=np.ones(2),
        directions=np.ones((3, 2)) / 2**0.5,
        correlations=(estimate(across), estimate(across), estimate(again)),
        shares=(estimate(share),) * 3,
        concentrations=(estimate(1.0),) * 3,
        oscillations=(estimate(1.0),) * 3,
        gradient_lengths=(estimate(1.0),) * 3,
        concentration_changes=tuple(map(estimate, concentration)),
        oscillation_changes=tuple(map(estimate, oscillation)),
        gradient_length_changes=(estimate(1.0),) * 2,
    )
