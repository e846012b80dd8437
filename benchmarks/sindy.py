"""How much time do ensembles take beside pysindy's, and up to what noise are equations found?

    python benchmarks/sindy.py             time, and whether the same terms are found
    python benchmarks/sindy.py --noise     known systems under noise in what is observed

Time is processor time of one thread for 20 members on 20,000 rows of 4 features and 1 control, by
turns: the dictionary and the ensemble, of policyscope and of pysindy (`PolynomialLibrary` and
`EnsembleOptimizer` over `STLSQ`, rows and columns bagged alike). Targets are clean sums of four
terms each.

Noise is normal, in deviations of each feature, in every state and in the one that follows. A
system is found where the terms of every equation are exactly its own; fitted are 4,000 steps with
random actions.
"""

import argparse
import warnings
from collections.abc import Callable
from statistics import median
from time import process_time

import numpy as np
import pysindy
import torch
from rich.console import Console
from rich.table import Table

from policyscope.readable.equations import monomials
from policyscope.rollouts.actors import UniformRandom
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.play import play
from policyscope.sindy.circles import circles
from policyscope.sindy.dynamics import Limits, identified
from policyscope.sindy.library import exponents, term_names
from policyscope.sindy.regression import Moments, Sparsity, ensemble, independent
from policyscope.sindy.transitions import Transitions

ROWS, FEATURES, TARGETS, MODELS = 20_000, 5, 4, 20
THRESHOLD, RIDGE = 0.05, 1e-6
NOISE = (0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--noise", action="store_true", help="known systems under noise")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    table = recovery() if arguments.noise else time(arguments.rows, arguments.rounds)
    Console().print(table)


def time(rows: int, rounds: int) -> Table:
    table = Table(title=f"{MODELS} members, {rows:,} rows, medians of {rounds} rounds by turns")
    for heading in ("degree", "terms", "policyscope", "pysindy", "ratio", "same terms"):
        table.add_column(heading, justify="right")
    for degree in (2, 3):
        states, targets, truth = planted(rows, degree)
        times, same = [], []
        for _ in range(rounds):
            ours, found = timed(lambda s=states, t=targets, d=degree: own(s, t, d))
            theirs, other = timed(lambda s=states, t=targets, d=degree: reference(s, t, d))
            times.append((ours, theirs))
            same.append(
                np.array_equal(found != 0, other != 0) and np.array_equal(found != 0, truth)
            )
        ratios = [theirs / ours for ours, theirs in times]
        table.add_row(
            f"{degree}",
            f"{truth.shape[1]}",
            f"{1e3 * median(ours for ours, _ in times):.1f} ms",
            f"{1e3 * median(theirs for _, theirs in times):.0f} ms",
            f"{median(ratios):.0f} ({min(ratios):.0f} to {max(ratios):.0f})",
            "yes" if all(same) else "NO",
        )
    return table


def planted(rows: int, degree: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    states = rng.standard_normal((rows, FEATURES))
    terms = exponents(FEATURES, degree)
    truth = np.zeros((TARGETS, len(terms)))
    for row in truth:
        places = rng.choice(len(terms), 4, replace=False)
        row[places] = rng.choice([-1, 1], 4) * rng.uniform(0.5, 2, 4)
    return states, monomials(states, terms) @ truth.T, truth != 0


def own(states: np.ndarray, targets: np.ndarray, degree: int) -> np.ndarray:
    moments = Moments.of(monomials(states, exponents(FEATURES, degree)), targets)
    choices = [Sparsity(independent(moments), THRESHOLD, RIDGE)] * TARGETS
    return ensemble(moments, choices, MODELS, 1, np.random.default_rng(0)).coefficients


def reference(states: np.ndarray, targets: np.ndarray, degree: int) -> np.ndarray:
    library = pysindy.PolynomialLibrary(degree=degree).fit(states)
    theta = np.asarray(library.transform(states))
    scale, size = (np.sqrt(np.mean(np.square(part), 0)) for part in (theta, targets))
    optimizer = pysindy.EnsembleOptimizer(
        pysindy.STLSQ(threshold=THRESHOLD, alpha=RIDGE * len(states), unbias=False),
        bagging=True,
        library_ensemble=True,
        n_models=MODELS,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optimizer.fit(theta / scale, targets / size)
    return optimizer.coef_


def timed(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    start = process_time()
    found = work()
    return process_time() - start, found


def recovery() -> Table:
    table = Table(title="Terms of each equation: found exactly, + more besides, − some missing")
    table.add_column("system, equation")
    for noise in NOISE:
        table.add_column(f"{noise:g}", justify="right")
    for name, data, names, truth in systems():
        for feature, expected in truth.items():
            cells = [found(data, names, feature, expected, noise) for noise in NOISE]
            table.add_row(f"{name}, {names[feature]}", *cells)
    return table


def systems() -> list[tuple[str, Transitions, tuple[str, ...], dict[int, set[str]]]]:
    pendulum = chance("Pendulum-v1", 20)
    free = np.abs(pendulum.following[:, 2]) < 7.9  # its speed is clipped at 8
    return [
        ("linear feedback", linear(), ("x", "v", "u"), {0: {"v"}, 1: {"x", "v", "u"}}),
        ("Pendulum", pendulum.where(free), ("cos", "sin", "v", "u"), {2: {"sin", "u"}}),
        (
            "CartPole",
            chance("CartPole-v1", 200),
            ("x", "v", "angle", "spin", "right"),
            {0: {"v"}, 2: {"spin"}},
        ),
    ]


def linear() -> Transitions:
    rng = np.random.default_rng(5)
    states, controls = rng.standard_normal((4000, 2)), rng.standard_normal((4000, 1))
    matrix = np.array([[0.0, 0.1, 0.0], [-0.3, -0.05, 0.2]])
    following = states + np.hstack([states, controls]) @ matrix.T
    return Transitions(states, controls, following, np.ones(4000), np.repeat(np.arange(40), 100))


def chance(id: str, episodes: int) -> Transitions:
    environment = Environment(id)
    space = environment.spaces()[1]
    return Transitions.of(play(UniformRandom(space), environment, episodes, 3), space)


def found(
    data: Transitions, names: tuple[str, ...], feature: int, expected: set[str], noise: float
) -> str:
    rng, scale = np.random.default_rng(1), data.states.std(0)
    seen, came = (
        part + noise * scale * rng.standard_normal(part.shape)
        for part in (data.states, data.following)
    )
    noisy = Transitions(seen, data.controls, came, data.rewards, data.episodes)
    held_out = noisy.episodes % 4 == 3
    limits = Limits(degree=3, terms=200, models=MODELS, dropped=1)
    model = identified(
        noisy.where(~held_out), noisy.where(held_out), (), circles(data.states), limits, rng
    )
    row = model.law.increments[feature]
    terms = set(term_names(model.law.terms[row != 0], names))
    marks = "+" * (not terms <= expected) + "−" * (not expected <= terms)
    return marks or "exact"


if __name__ == "__main__":
    main()
