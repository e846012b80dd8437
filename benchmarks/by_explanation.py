"""How faithful are policies that are read off Shapley values: as published, and mended?

    python benchmarks/by_explanation.py FOLDER             six policies of the paper's authors
    python benchmarks/by_explanation.py FOLDER --episodes 100

Explanations are of the episodes that one seed gives; whatever is read off them is judged on those
of another seed: in how many of the network's steps it acts alike, and what it returns in the same
episodes. `as published` is the whole pipeline, run again: rounded states, exact matches, two
clusters, ten points, a regression of the last feature. Its rules are those that it finds here, not
those that are printed in the paper's notebooks. `without explanations` is the mended way's
regression on all of the same states.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from policyscope import statistics
from policyscope.analyzers.shapley import Shapley, did
from policyscope.analyzers.subject import Subject
from policyscope.analyzers.surrogates.judging import Judge
from policyscope.analyzers.surrogates.role import role_of
from policyscope.policies.loading import load
from policyscope.readable.equations import Equations
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.units import usual_changes
from policyscope.shapley.by_explanation import (
    BELOW,
    LinearPolicy,
    Refused,
    as_published,
    mended,
    published_explanations,
    regressed,
)
from policyscope.shapley.on_manifold import on_manifold

POLICIES = tuple(
    (f"silver-{algorithm}-{task}-v1", f"{task}-v1")
    for task in ("CartPole", "Acrobot")
    for algorithm in ("ppo", "a2c", "dqn")
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="with silver-ppo-CartPole-v1.zip and so on")
    parser.add_argument("--episodes", type=int, default=50)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(title=f"On {arguments.episodes} episodes of which nothing was explained")
    for heading in ("policy", "way", "purity", "acts alike", "return"):
        table.add_column(heading, justify="left" if heading in ("policy", "way") else "right")
    for name, env in POLICIES:
        explained, held_out = (
            observed(arguments.folder, name, env, arguments.episodes, seed) for seed in (0, 1)
        )
        returned = statistics.mean(held_out.rollouts.returns)
        table.add_row(name, "the network", "", "", f"{returned:.1f}")
        for way, found in read_off(explained).items():
            purity = "" if way == "without explanations" else f"{found.purity:.2f}"
            table.add_row("", way, purity, *judged(held_out, found))
        table.add_section()
    Console(width=120).print(table)


def observed(folder: Path, name: str, env: str, episodes: int, seed: int) -> Subject:
    statistics_file = folder / f"{name}.vecnormalize.pkl"
    normaliser = statistics_file if statistics_file.exists() else None
    policy = load(folder / f"{name}.zip", normalisation=normaliser)
    return Subject.observed(policy, Environment(env), episodes, seed)


def read_off(subject: Subject) -> dict[str, LinearPolicy | Refused]:
    """Both ways, from the same visited states."""
    policy, visited, count = subject.policy, subject.visited, subject.policy.outputs or 0
    rng = np.random.default_rng(0)
    seen, done = did(policy, visited, np.arange(visited.lengths.sum()))
    states, chosen, values = published_explanations(seen, done)
    published = as_published(values, states, chosen, count, rng)
    tolerance = Shapley().tolerance * usual_changes(policy, visited).double().numpy()
    some = rng.choice(len(seen), min(Shapley().read, len(seen)), replace=False)
    game, _ = on_manifold(seen[some], done[some], seen, done, tolerance)
    greedy = done[some].argmax(1)
    better = mended(game.values, seen[some], greedy, count, rng)
    without = unexplained(seen[some], greedy, count)
    return {"as published": published, "mended": better, "without explanations": without}


def unexplained(states: np.ndarray, chosen: np.ndarray, actions: int) -> LinearPolicy:
    """The mended way's regression on all of its states, and no border."""
    used = np.unique(chosen)
    coefficients, intercept = np.zeros((states.shape[1], actions)), np.full(actions, BELOW)
    coefficients[:, used], intercept[used] = regressed(states, chosen)
    return LinearPolicy(coefficients, intercept, 1.0, np.arange(len(states)))


def judged(subject: Subject, found: LinearPolicy | Refused) -> tuple[str, str]:
    """Agreement and return, with intervals."""
    if isinstance(found, Refused):
        return "refused", ""
    readable = role_of(subject).played_by(Equations.linear(found.coefficients, found.intercept))
    judge = Judge.of(subject, subject.visited, np.random.default_rng(0), statistics.CONFIDENCE)
    judgement = judge.judged(readable, "by_explanation")
    return f"{judgement.agreement:.3f}", f"{statistics.mean(judgement.returns):.1f}"


if __name__ == "__main__":
    main()
