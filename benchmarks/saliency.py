"""What do integrated gradients and gradients of all actions cost, beside captum's call for each?

    python benchmarks/saliency.py                            random networks, 17 → 64 → 64 → 3
    python benchmarks/saliency.py --checkpoints FOLDER       and published policies
    python benchmarks/saliency.py --images 20                and so many images, by random weights

The same states are explained by us, for all actions at once, and by captum with one call for each
action: as it is by default, in batches of 4,096 rows (the faster of its ways here), and with as few
Gauss-Legendre steps as it needs for a completeness error of at most 1e-5, up to `--most`. Times are
processor time of one thread, by turns, medians and range of the rounds.

The completeness error is the mean distance of the contributions' sum from the score's change,
relative to the mean change. The ratio is of captum's time to ours. The difference is the largest
between our contributions and those of captum with the most exact of its settings, relative to the
largest contribution.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time

import captum.attr
import numpy as np
import torch
from gymnasium import spaces
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from policyscope.analyzers.subject import Subject
from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.gradient import Gradient
from policyscope.attributions.integrated_gradients import IntegratedGradients
from policyscope.attributions.method import Maps, Reference
from policyscope.attributions.ways import ways_to
from policyscope.policies.loading import load
from policyscope.policies.modules import Frames
from policyscope.policies.policy import FeedForward, Policy
from policyscope.provenance import Checkpoint
from policyscope.rollouts.environment import Environment

ACTIONS = 3
BATCH = 4096
EXACT = 1e-5
PUBLISHED = (
    ("trpo-Hopper-v3.zip", "trpo-Hopper-v3.vecnormalize.pkl", "Hopper-v5", None),
    ("ars-Hopper-v3.zip", "ars-Hopper-v3.vecnormalize.pkl", "Hopper-v5", None),
    ("ppo-LunarLander-v2.zip", None, "LunarLander-v3", None),
    ("xrl-bench-LunarLander.pth", None, "LunarLander-v3", "relu"),
)
"""Checkpoint, normaliser, environment, activation where the file does not say."""


@dataclass(frozen=True, eq=False)
class Task:
    """States to be explained, all scores of each."""

    name: str
    glimpses: Glimpses

    @property
    def reference(self) -> Reference:
        """The mean of the states."""
        baseline = self.glimpses.seen.mean(0)
        return Reference(baseline, torch.ones_like(baseline))

    @property
    def targets(self) -> Tensor:
        """Every score for itself."""
        return torch.eye(self.glimpses.policy.outputs or 0).expand(len(self.glimpses), -1, -1)

    def scores(self, seen: Tensor) -> Tensor:
        """The policy as captum takes it."""
        return self.glimpses.policy.scores(seen)[0]

    def error(self, maps: Maps) -> float:
        """The completeness error."""
        ways = ways_to(self.glimpses, self.targets, self.reference)
        return (ways.missed(maps).sum() / ways.changes.abs().sum()).item()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--states", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--most", type=int, default=256, help="steps that captum gets at most")
    parser.add_argument("--checkpoints", type=Path, help="a folder with published policies")
    parser.add_argument("--images", type=int, default=0, help="images to be explained")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tasks = [random_task(nn.Tanh, arguments.states), random_task(nn.ReLU, arguments.states)]
    if arguments.checkpoints:
        tasks += [
            published_task(arguments.checkpoints, *policy, arguments.states) for policy in PUBLISHED
        ]
    if arguments.images:
        tasks.append(image_task(arguments.images))
    console = Console(width=110)
    console.print(integrated(tasks, arguments.rounds, arguments.most))
    console.print(gradients(tasks, arguments.rounds))


def integrated(tasks: list[Task], rounds: int, most: int) -> Table:
    table = Table(title=f"Integrated gradients, medians of {rounds} rounds by turns")
    columns = ("policy", "who", "steps", "time", "error", "ratio", "difference")
    for heading in columns:
        table.add_column(heading, justify="left" if heading in ("policy", "who") else "right")
    for task in tasks:
        enough = steps_needed(task, most)
        ways = {
            ("policyscope", "as needed"): partial(ours, task),
            ("captum", "50"): partial(theirs, task, 50),
            ("captum, batched", "50"): partial(theirs, task, 50, BATCH),
            ("captum, batched", str(enough)): partial(theirs, task, enough, BATCH),
        }
        found, times = by_turns(ways, rounds)
        mine = found[("policyscope", "as needed")]
        closest = min((maps for who, maps in found.items() if "captum" in who[0]), key=task.error)
        apart = (mine - closest).abs().max() / closest.abs().max()
        for who, taken in times.items():
            own = who[0] == "policyscope"
            table.add_row(
                task.name if own else "",
                *who,
                f"{1e3 * median(taken):.1f} ms",
                f"{task.error(found[who]):.1e}",
                "" if own else ratio(taken, times[("policyscope", "as needed")]),
                f"{apart:.1e}" if own else "",
                end_section=who[1] == str(enough),
            )
    return table


def gradients(tasks: list[Task], rounds: int) -> Table:
    table = Table(title=f"Gradients of all actions, medians of {rounds} rounds by turns")
    for heading in ("policy", "actions", "policyscope", "captum", "ratio", "difference"):
        table.add_column(heading, justify="left" if heading == "policy" else "right")
    for task in tasks:
        ways = {("ours", ""): partial(our_gradients, task), ("captum", ""): partial(saliency, task)}
        found, times = by_turns(ways, rounds)
        (mine, captums), (fast, slow) = found.values(), times.values()
        table.add_row(
            task.name,
            str(task.targets.shape[1]),
            f"{1e3 * median(fast):.1f} ms",
            f"{1e3 * median(slow):.1f} ms",
            ratio(slow, fast),
            f"{(mine - captums).abs().max() / captums.abs().max():.1e}",
        )
    return table


Way = tuple[str, str]


def by_turns(
    ways: dict[Way, Callable[[], Maps]], rounds: int
) -> tuple[dict[Way, Maps], dict[Way, list[float]]]:
    """What each way finds, and the seconds it took in each round, after one that does not count."""
    found = {who: explain() for who, explain in ways.items()}
    times: dict[Way, list[float]] = {who: [] for who in ways}
    for _ in range(rounds):
        for who, explain in ways.items():
            start = process_time()
            explain()
            times[who].append(process_time() - start)
    return found, times


def ratio(slow: list[float], fast: list[float]) -> str:
    ratios = [one / other for one, other in zip(slow, fast, strict=True)]
    return f"{median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"


def ours(task: Task) -> Maps:
    return IntegratedGradients().attribute(task.glimpses, task.targets, task.reference)


def theirs(task: Task, steps: int, batch: int | None = None) -> Maps:
    method = captum.attr.IntegratedGradients(task.scores)
    baseline = task.reference.baseline[None]
    maps = [
        method.attribute(
            task.glimpses.seen, baseline, action, n_steps=steps, internal_batch_size=batch
        )
        for action in range(task.targets.shape[1])
    ]
    return torch.stack(maps, 1)


def steps_needed(task: Task, most: int) -> int:
    """As few as captum needs to be exact, of the powers of two; `most` where that is not enough."""
    steps = 8
    while steps < most and task.error(theirs(task, steps, BATCH)) > EXACT:
        steps *= 2
    return min(steps, most)


def our_gradients(task: Task) -> Maps:
    return Gradient().attribute(task.glimpses, task.targets, task.reference)


def saliency(task: Task) -> Maps:
    method = captum.attr.Saliency(task.scores)
    seen = task.glimpses.seen.clone().requires_grad_()
    maps = [method.attribute(seen, a, abs=False) for a in range(task.targets.shape[1])]
    return torch.stack(maps, 1).detach()


def random_task(activation: type[nn.Module], states: int) -> Task:
    """17 → 64 → 64 → 3 as PPO begins with, but with a last layer as large as the others."""
    torch.manual_seed(0)
    layers = [nn.Linear(17, 64), activation(), nn.Linear(64, 64), activation(), nn.Linear(64, 3)]
    for layer in layers[::2]:
        nn.init.orthogonal_(layer.weight, 2**0.5)  # pyright: ignore
    seen = np.random.default_rng(0).standard_normal((states, 17), np.float32)
    network = FeedForward(nn.Sequential(*layers)).eval().requires_grad_(False)
    return _task(f"random {activation.__name__}", network, seen)


def image_task(states: int) -> Task:
    """The network of Mnih et al. 2015 with random weights."""
    torch.manual_seed(0)
    shapes = ((4, 32, 8, 4), (32, 64, 4, 2), (64, 64, 3, 1))
    convolutions = [layer for s in shapes for layer in (nn.Conv2d(*s), nn.ReLU())]
    layers = [nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, ACTIONS)]
    network = Frames(nn.Sequential(*convolutions, *layers)).eval().requires_grad_(False)
    seen = np.random.default_rng(0).integers(0, 256, (states, 4, 84, 84)).astype(np.float32)
    return _task(f"{states} images", network, seen)


def _task(name: str, network: nn.Module, seen: np.ndarray) -> Task:
    checkpoint = Checkpoint("random", "", "random", None, None, "", 0, "", "", "logits")
    policy = Policy(
        network,
        ACTIONS,
        checkpoint,
        observation_shape=seen.shape[1:],
        action_space=spaces.Discrete(ACTIONS),
    )
    return Task(name, Glimpses(policy, torch.from_numpy(seen), (), np.arange(len(seen))))


def published_task(
    folder: Path,
    file: str,
    normaliser: str | None,
    env: str,
    activation: str | None,
    states: int,
) -> Task:
    policy = load(
        folder / file,
        activation=activation,
        normalisation=None if normaliser is None else folder / normaliser,
    )
    subject = Subject.observed(policy, Environment(env), episodes=4, seed=0)
    observations = subject.visited.observations
    rows = np.random.default_rng(0).choice(len(observations), states, replace=False)
    seen = torch.from_numpy(observations[np.sort(rows)]).float()
    return Task(Path(file).stem, Glimpses(subject.policy, seen, (), np.sort(rows)))


if __name__ == "__main__":
    main()
