"""How well do readable policies stand in for published networks?

    python benchmarks/surrogates.py FOLDER                   the six policies of SILVER's authors
    python benchmarks/surrogates.py FOLDER --only LunarLander --episodes 20
    python benchmarks/surrogates.py FOLDER --steps 5000      what `analyze` does by default

Every surrogate learns from episodes that it is not judged on: in how many of the network's steps it
acts alike, and what it returns in the same episodes. Of each policy the network comes first, then
the surrogates that no other one beats, and an arrow marks the chosen one.
"""

import argparse
from pathlib import Path
from time import process_time

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from policyscope import statistics
from policyscope.analyzers.subject import Subject
from policyscope.analyzers.surrogates.comparing import Schooling, compared
from policyscope.policies.loading import load
from policyscope.reports.results import Surrogates
from policyscope.rollouts.environment import Environment

POLICIES = (
    *((f"silver-{kind}-CartPole-v1.zip", "CartPole-v1") for kind in ("ppo", "a2c", "dqn")),
    *((f"silver-{kind}-Acrobot-v1.zip", "Acrobot-v1") for kind in ("ppo", "a2c", "dqn")),
)
OTHERS = (
    ("ppo-LunarLander-v2.zip", "LunarLander-v3"),
    ("ppo-Pendulum-v1.zip", "Pendulum-v1"),
    ("sac-Pendulum-v1.zip", "Pendulum-v1"),
    ("ars-MountainCarContinuous-v0.zip", "MountainCarContinuous-v0"),
    ("trpo-Hopper-v3.zip", "Hopper-v4"),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="with silver-ppo-CartPole-v1.zip and so on")
    parser.add_argument("--only", help="those with this in their names, and others than the six")
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--steps", type=int, default=20_000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    schooling = Schooling(arguments.steps, 2, (4, 16, 64, 256), 4, 100, 0.95, 0.95)
    table = Table(title=f"{arguments.episodes} episodes, learned from {arguments.steps:,} steps")
    for heading in ("policy", "surrogate", "size", "acts alike", "on its own", "return", "loss"):
        table.add_column(heading, justify="left" if heading in ("policy", "surrogate") else "right")
    for name, env in POLICIES if arguments.only is None else (*POLICIES, *OTHERS):
        if arguments.only is None or arguments.only in name:
            start = process_time()
            subject = observed(arguments.folder / name, env, arguments.episodes)
            found = compared(subject, schooling, {}, (), np.random.default_rng(0))
            add(table, f"{name}, {process_time() - start:.0f} s", found)
    Console(width=180).print(table)


def observed(file: Path, env: str, episodes: int) -> Subject:
    beside = file.with_suffix(".vecnormalize.pkl")
    policy = load(file, normalisation=beside if beside.exists() else None)
    return Subject.observed(policy, Environment(env), episodes, seed=0)


def add(table: Table, name: str, found: Surrogates) -> None:
    network = statistics.mean(found.clean)
    table.add_row(name, "the network", f"{found.parameters:,}", "", "", f"{network}", "")
    for model in found.front:
        mark = " ←" if model == found.chosen else ""
        table.add_row(
            "",
            found.models[model] + mark,
            str(found.sizes[model]),
            f"{found.agreements[model]:.3f}",
            f"{found.own_agreements[model].value:.3f}",
            f"{found.mean_return(model)}",
            f"{found.loss(model)}",
        )
    table.add_section()


if __name__ == "__main__":
    main()
