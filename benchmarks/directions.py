"""What do directions cost beyond the backward passes, and is the streamed subspace right?

    python benchmarks/directions.py                                cost and memory
    python benchmarks/directions.py --states 1000,10000,100000     the same, at length
    python benchmarks/directions.py --agreement CHECKPOINT --env ID

Cost is the ratio of the time per state of `instability`, and of the backward passes alone over the
same states, in processor time of one thread, by turns. Networks have random weights:
64 x 64 for 4 and 17 features, that of Mnih et al. 2015 for 28,224. Memory is what the process holds
beyond what it held before, at its highest.

Agreement is with an exact decomposition of all gradients at states that the policy visits.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
import torch
from gymnasium import spaces
from rich.console import Console
from rich.table import Table
from torch import nn

from policyscope.analyzers.subject import Subject
from policyscope.policies.loading import load
from policyscope.policies.modules import Frames
from policyscope.policies.policy import FeedForward, Policy
from policyscope.provenance import Checkpoint
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.instability import Gradients, instability
from policyscope.rollouts.replay import replayed
from policyscope.rollouts.visited import Visited

ACTIONS = 6
EPISODE = 500
FRAMES = (84, 84)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--states", default="1000,10000", help="numbers of states")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--agreement", type=Path, help="a checkpoint")
    parser.add_argument("--env", help="the environment it plays")
    parser.add_argument("--episodes", type=int, default=2, help="that it plays for the agreement")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.agreement:
        Console().print(agreement(arguments.agreement, arguments.env, arguments.episodes))
    else:
        counts = [int(count) for count in arguments.states.split(",")]
        Console().print(cost(counts, arguments.rounds))


def cost(counts: list[int], rounds: int) -> Table:
    table = Table(title=f"Time per state, medians of {rounds} rounds by turns")
    for heading in ("features", "states", "backward passes", "directions", "ratio", "memory"):
        table.add_column(heading, justify="right")
    for features in (4, 17, 4 * FRAMES[0] * FRAMES[1]):
        policy = random_policy(features)
        for states in counts:
            visited = random_states(features, states)
            gradients = Gradients(torch.ones(policy.observation_shape or ()))
            backward_passes(policy, visited.first(1))
            bare = partial(backward_passes, policy, visited)
            times = [
                (
                    timed(bare),
                    directions(gradients, policy, visited),
                )
                for _ in range(rounds)
            ]
            ratios = [ours / alone for alone, (ours, _) in times]
            table.add_row(
                f"{features:,}",
                f"{states:,}",
                f"{1e6 * median(alone for alone, _ in times) / states:.1f} µs",
                f"{1e6 * median(ours for _, (ours, _) in times) / states:.1f} µs",
                f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
                f"{max(memory for _, (_, memory) in times):.0f} MB",
            )
    return table


def random_policy(features: int) -> Policy:
    torch.manual_seed(0)
    if features < 1000:
        layers = [nn.Linear(features, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh()]
        network: nn.Module = FeedForward(nn.Sequential(*layers, nn.Linear(64, ACTIONS)))
        shape: tuple[int, ...] = (features,)
    else:
        shapes = ((4, 32, 8, 4), (32, 64, 4, 2), (64, 64, 3, 1))
        convolutions = [layer for s in shapes for layer in (nn.Conv2d(*s), nn.ReLU())]
        layers = [nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, ACTIONS)]
        network, shape = Frames(nn.Sequential(*convolutions, *layers)), (4, *FRAMES)
    checkpoint = Checkpoint("random", "", "random", None, None, "", 0, "", "", "logits")
    network = network.eval().requires_grad_(False)
    policy = Policy(network, ACTIONS, checkpoint, observation_shape=shape)
    return replace(policy, action_space=spaces.Discrete(ACTIONS))


def random_states(features: int, states: int) -> Visited:
    rng = np.random.default_rng(0)
    lengths = np.full(states // EPISODE, EPISODE)
    if features < 1000:
        return Visited(lengths, rng.standard_normal((states, features)).astype(np.float32))
    return Visited(lengths, rng.integers(0, 255, (states, *FRAMES), np.uint8), frame_stack=4)


def backward_passes(policy: Policy, visited: Visited) -> None:
    for _, seen, memory in replayed(policy, visited):
        seen = seen.float().requires_grad_()
        scores, _ = policy.scores(seen, memory)
        loss = nn.functional.cross_entropy(scores, scores.detach().argmax(1), reduction="sum")
        torch.autograd.grad(loss, seen)


def directions(gradients: Gradients, policy: Policy, visited: Visited) -> tuple[float, float]:
    """Seconds, and the most megabytes that were held beyond what was held before."""
    before, held = resident(), [0.0]
    seconds = timed(
        lambda: instability(
            policy, visited, gradients, 10, lambda _: held.append(resident() - before)
        )
    )
    return seconds, max(held)


def timed(function: Callable[[], object]) -> float:
    start = process_time()
    function()
    return process_time() - start


def resident() -> float:
    """Megabytes of this process's own memory."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def agreement(checkpoint: Path, env: str, episodes: int) -> Table:
    subject = Subject.observed(load(checkpoint), Environment(env), episodes, seed=0)
    policy, visited = subject.policy, subject.visited
    gradients = Gradients(torch.ones(policy.observation_shape or ()))
    found = instability(policy, visited, gradients).moments
    parts = [gradients.of(policy, seen, memory) for _, seen, memory in replayed(policy, visited)]
    rows = torch.cat([(r * w[:, None, None]).flatten(0, 1) for r, w, _ in parts]).double()
    values, vectors = torch.linalg.eigh(rows @ rows.T)
    values, left = values.flip(0), vectors.flip(1)
    table = Table(title=f"{checkpoint.name}: {len(rows):,} states of {rows.shape[1]:,} features")
    for heading in ("k", "share", "streamed share", "error of λ / λ₁", "1 − |cos|", "1 − capture"):
        table.add_column(heading, justify="right")
    for k in range(min(8, len(found.values))):
        exact = left[:, k] @ rows / values[k].sqrt()
        captured = (rows @ found.basis[: k + 1].double().T).square().sum()
        table.add_row(
            str(k + 1),
            f"{values[k] / values.sum():.6f}",
            f"{found.values[k] / found.trace:.6f}",
            f"{abs(values[k] - found.values[k]) / values[0]:.1e}",
            f"{1 - abs(exact @ found.basis[k].double()):.1e}",
            f"{1 - captured / values[: k + 1].sum():.1e}",
        )
    return table


if __name__ == "__main__":
    main()
