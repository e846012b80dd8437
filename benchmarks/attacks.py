"""Does PGD find as many flips as foolbox's, and in what time?

    python benchmarks/attacks.py CHECKPOINT --env LunarLander-v3

Both attack the same states, which the policy visits, through the same network, with the same budget
(L∞, in the environment's own units), steps and starts. foolbox's LinfPGD raises the cross entropy
from random starts, in steps of ε/30 as it does by itself (the rows with 40 of them), or of ε/4. A
flip is another greedy action at what would be shown. Ours is judged, and timed, after the loop that
every attack goes through has rounded it to the budget.

Times are processor time of one thread, by turns, medians of the rounds; the ratio is of our time
to foolbox's, with its range. The longest change is a share of ε.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
import torch
from policyscope_attacks.budget import Budget
from policyscope_attacks.methods.pgd import Pgd
from policyscope_attacks.scene import Scene
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from policyscope.analyzers.subject import Subject
from policyscope.policies.loading import load
from policyscope.policies.policy import Policy
from policyscope.rollouts.environment import Environment

try:
    from foolbox import PyTorchModel
    from foolbox.attacks import LinfPGD
except ImportError:
    sys.exit("This compares with foolbox, which is not installed: pip install foolbox.")

FAR = 1e3
"""foolbox wants bounds of the observations; none is ever met."""


@dataclass(frozen=True)
class Setting:
    """How hard both try."""

    steps: int
    starts: int
    step_size: float
    """Of foolbox's steps, as a share of ε; ours shrink from 2 ε."""


SETTINGS = (
    Setting(10, 1, 0.25),
    Setting(10, 2, 0.25),
    Setting(40, 1, 1 / 30),
    Setting(40, 2, 1 / 30),
)


@dataclass(frozen=True, eq=False)
class Task:
    """States at which another action is looked for."""

    policy: Policy
    states: Tensor

    @property
    def actions(self) -> Tensor:
        """What the policy does there."""
        return self.policy.scores(self.states)[0].argmax(1)

    def flips(self, shown: Tensor) -> int:
        """How many of the actions are others."""
        return int((self.policy.scores(shown)[0].argmax(1) != self.actions).sum())


class Scores(nn.Module):
    """The policy as foolbox takes it."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.network = policy.network

    def forward(self, observations: Tensor) -> Tensor:
        """The scores alone."""
        return self.network(observations, ())[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--env", default="LunarLander-v3")
    parser.add_argument("--activation", help="where the file does not say")
    parser.add_argument("--states", type=int, default=1024)
    parser.add_argument("--epsilons", default="0.01,0.03,0.1")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    policy = load(arguments.checkpoint, activation=arguments.activation)
    task = visited(policy, arguments.env, arguments.states)
    epsilons = [float(number) for number in arguments.epsilons.split(",")]
    Console(width=110).print(compared(task, epsilons, arguments.rounds))


def visited(policy: Policy, env: str, states: int) -> Task:
    subject = Subject.observed(policy, Environment(env), episodes=6, seed=0)
    observations = subject.visited.observations
    rows = np.random.default_rng(0).choice(len(observations), states, replace=False)
    return Task(subject.policy, torch.from_numpy(observations[np.sort(rows)]).float())


def compared(task: Task, epsilons: list[float], rounds: int) -> Table:
    table = Table(title=f"PGD at {len(task.states)} states, medians of {rounds} rounds by turns")
    for heading in ("ε", "steps", "starts", "who", "flips", "longest", "time", "ratio"):
        table.add_column(heading, justify="left" if heading == "who" else "right")
    for setting in SETTINGS:
        for epsilon in epsilons:
            ways = {
                "policyscope": partial(ours, task, setting, epsilon),
                "foolbox": partial(theirs, task, setting, epsilon),
            }
            found, times = by_turns(ways, rounds)
            ratios = [one / two for one, two in zip(*times.values(), strict=True)]
            for who, shown in found.items():
                own = who == "policyscope"
                table.add_row(
                    *(f"{epsilon:g}", str(setting.steps), str(setting.starts)) if own else [""] * 3,
                    who,
                    str(task.flips(shown)),
                    f"{longest(task, shown) / epsilon:.6f}",
                    f"{1e3 * median(times[who]):.1f} ms",
                    f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" * own,
                )
        table.add_section()
    return table


def by_turns(
    ways: dict[str, Callable[[], Tensor]], rounds: int
) -> tuple[dict[str, Tensor], dict[str, list[float]]]:
    """What each way finds, and the seconds it took in each round, after one that does not count."""
    found = {who: attack() for who, attack in ways.items()}
    times: dict[str, list[float]] = {who: [] for who in ways}
    for _ in range(rounds):
        for who, attack in ways.items():
            start = process_time()
            attack()
            times[who].append(process_time() - start)
    return found, times


def ours(task: Task, setting: Setting, epsilon: float) -> Tensor:
    attack = Pgd(steps=setting.steps, restarts=setting.starts)
    rows, *shape = task.states.shape
    budget = Budget(epsilon, torch.ones(*shape))
    draws = np.random.default_rng(1).random((rows, attack.draws, *shape), np.float32)
    sizes = np.full(rows, epsilon)
    scene = Scene(
        policy=task.policy,
        observations=task.states,
        frames=None,
        memory=(),
        budget=budget,
        sizes=torch.from_numpy(sizes).float(),
        draws=torch.from_numpy(draws),
    )
    return torch.from_numpy(budget.shown(task.states.numpy(), attack.delta(scene), sizes))


def theirs(task: Task, setting: Setting, epsilon: float) -> Tensor:
    torch.manual_seed(1)
    attack = LinfPGD(steps=setting.steps, rel_stepsize=setting.step_size)
    attack = attack.repeat(setting.starts) if setting.starts > 1 else attack
    model = PyTorchModel(Scores(task.policy).eval(), bounds=(-FAR, FAR), device="cpu")
    return attack(model, task.states, task.actions, epsilons=epsilon)[1]


def longest(task: Task, shown: Tensor) -> float:
    """The largest change of any feature, in double precision."""
    return float((shown.double() - task.states.double()).abs().max())


if __name__ == "__main__":
    main()
