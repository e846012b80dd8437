"""What do Shapley values cost, beside shap's exact explainer?

    python benchmarks/shapley.py                          12 features, 3 outputs, 50 states
    python benchmarks/shapley.py --features 8 --rounds 5
    python benchmarks/shapley.py --states 5               in a tenth of the time

All are given the same states, the same background and the same network of random weights,
d → 64 → 64 → 3 behind a softmax. Ours asks all 2^d sets of features, as shap's exact explainer
does; `sampled` is how observations of more features are explained, by shap's permutations.

Times are processor time of one thread, by turns, after a round that does not count; the ratio is to
shap's exact explainer, the median and the range of the rounds. Differences are from its values, the
standard error is the one that is stated, and the efficiency error is the largest distance of a
state's values from adding up.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import process_time

import numpy as np
import shap
import torch
from gymnasium import spaces
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from policyscope.policies.policy import FeedForward, Policy, Scores
from policyscope.provenance import Checkpoint
from policyscope.shapley.acting import acts
from policyscope.shapley.coalitions import Contributions
from policyscope.shapley.interventional import interventional
from policyscope.shapley.sampled import sampled

OUTPUTS = 3


@dataclass(frozen=True, eq=False)
class Task:
    """States to be explained, and a background."""

    name: str
    policy: Policy
    states: Tensor
    background: Tensor

    def did(self, rows: np.ndarray) -> np.ndarray:
        """The policy as shap takes it."""
        return acts(self.policy, torch.from_numpy(rows).float()).numpy()

    def missing(self, values: np.ndarray) -> float:
        """How far the values of a state are from adding up, at most."""
        base = acts(self.policy, self.background).double().mean(0).numpy()
        shared = acts(self.policy, self.states).double().numpy() - base
        return float(np.abs(values.sum(1) - shared).max())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--features", type=int, default=12)
    parser.add_argument("--states", type=int, default=50)
    parser.add_argument("--background", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=20, help="of permutations")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sizes = arguments.features, arguments.states, arguments.background
    tasks = [random_task(activation, *sizes) for activation in (nn.Tanh, nn.ReLU)]
    for task in tasks:
        Console(width=130).print(compared(task, arguments.rounds, arguments.runs))


def compared(task: Task, rounds: int, runs: int) -> Table:
    table = Table(title=f"{task.name}, medians of {rounds} rounds by turns")
    for heading in ("", "time", "ratio", "largest", "mean difference", "stated", "adding up"):
        table.add_column(heading, justify="right" if heading else "left")
    ways = {
        "policyscope, exact": partial(ours, task),
        f"policyscope, sampled in {runs} runs": partial(estimated, task, runs),
        "shap, exact": partial(theirs, task),
    }
    found, times = by_turns(ways, rounds)
    exact = found["shap, exact"].values
    for who, taken in times.items():
        apart = np.abs(found[who].values - exact)
        errors = found[who].errors
        table.add_row(
            who,
            f"{median(taken):.2f} s",
            ratio(taken, times["shap, exact"]),
            f"{apart.max():.1e}",
            f"{apart.mean():.1e}",
            f"{errors.mean():.1e}" if "sampled" in who else "",
            f"{task.missing(found[who].values):.1e}",
        )
    return table


def ratio(some: list[float], others: list[float]) -> str:
    ratios = [a / b for a, b in zip(some, others, strict=True)]
    return f"{median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"


def by_turns(
    ways: dict[str, Callable[[], Contributions]], rounds: int
) -> tuple[dict[str, Contributions], dict[str, list[float]]]:
    """What each way finds, and the seconds it took in each round, after one that does not count."""
    found = {who: explain() for who, explain in ways.items()}
    times: dict[str, list[float]] = {who: [] for who in ways}
    for _ in range(rounds):
        for who, explain in ways.items():
            start = process_time()
            explain()
            times[who].append(process_time() - start)
    return found, times


def ours(task: Task) -> Contributions:
    return interventional(task.policy, task.states, (), task.background, silent)


def estimated(task: Task, runs: int) -> Contributions:
    """On the same background in every run, so that permutations are all that is estimated."""
    seeds = np.random.default_rng(0).integers(2**31, size=(len(task.states), runs))
    backgrounds = task.background.expand(runs, -1, -1)
    return sampled(task.policy, task.states, (), backgrounds, seeds, silent)


def theirs(task: Task) -> Contributions:
    background = task.background.double().numpy()
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.ExactExplainer(task.did, masker)
    found = explainer(task.states.double().numpy(), silent=True)
    return Contributions(found.values, np.zeros_like(found.values), found.base_values)


def silent(units: int) -> None:
    del units


def random_task(activation: type[nn.Module], features: int, states: int, background: int) -> Task:
    torch.manual_seed(0)
    layers = [nn.Linear(features, 64), activation(), nn.Linear(64, 64), activation()]
    layers.append(nn.Linear(64, OUTPUTS))
    for layer in layers[::2]:
        nn.init.orthogonal_(layer.weight, 2**0.5)  # pyright: ignore
    rows = np.random.default_rng(0).standard_normal((states + background, features), np.float32)
    policy = Policy(
        FeedForward(nn.Sequential(*layers)).eval().requires_grad_(False),
        OUTPUTS,
        Checkpoint("random", "", "random", None, None, "", 0, "", "", "logits"),
        observation_shape=(features,),
        action_space=spaces.Discrete(OUTPUTS),
        meaning=Scores.LOGITS,
    )
    seen = torch.from_numpy(rows)
    return Task(
        f"{features} features, {activation.__name__}, {states} states",
        policy,
        seen[:states],
        seen[states:],
    )


if __name__ == "__main__":
    main()
