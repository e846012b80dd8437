"""What do action certificates cost beside adversarial-robustness-toolbox, and do they agree?

    python -m pip install adversarial-robustness-toolbox
    python benchmarks/action_certificates.py
    python benchmarks/action_certificates.py --policy CHECKPOINT --states 20 --draws 10000

Both certify the same states of the same policy by randomised smoothing with the same noise, draws
and confidence, by turns, in wall time on one thread; the toolbox with batches of its default size
and with all draws of a state in one batch. Radii are those of two independent samples of the noise.
"""

import argparse
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from policyscope_certify.action_smoothing import ActionNoise, smoothed_decisions
from rich.console import Console
from rich.table import Table
from torch import nn

from policyscope.policies.loading import load
from policyscope.policies.policy import Policy
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.play import play

POLICY = Path(__file__).parents[1] / "examples" / "cartpole_smoothed.zip"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--policy", type=Path, default=POLICY)
    parser.add_argument("--env", default="CartPole-v1")
    parser.add_argument("--states", type=int, default=20)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--sigma", type=float, default=0.2)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    policy, states = visited(arguments.policy, arguments.env, arguments.states)
    noise = ActionNoise(arguments.sigma, seed=0, draws=arguments.draws)
    ways = {
        "policyscope": lambda: smoothed_decisions(policy, states, noise).radii,
        "toolbox, batches of 32": lambda: toolbox(policy, states, noise, 32),
        "toolbox, one batch": lambda: toolbox(policy, states, noise, noise.draws),
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    radii: dict[str, np.ndarray] = {}
    for _ in range(arguments.rounds):
        for way, certify in ways.items():
            start = perf_counter()
            radii[way] = certify()
            times[way].append(perf_counter() - start)
    Console().print(compared(times, radii, arguments.states))


def visited(checkpoint: Path, environment: str, count: int) -> tuple[Policy, np.ndarray]:
    """A fitted policy, and states that it visits."""
    playable = Environment(environment)
    policy = load(checkpoint).fitted_to(*playable.spaces(), environment)
    seen = play(Greedy(policy), playable, 2, 0).visited
    steps = np.linspace(0, len(seen.observations) - 1, count).astype(int)
    return policy, seen.inputs(steps)


class Scores(nn.Module):
    """A policy as the toolbox takes a classifier."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.network = policy.network

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Scores alone."""
        return self.network(observations, ())[0]


def toolbox(policy: Policy, states: np.ndarray, noise: ActionNoise, batch: int) -> np.ndarray:
    """Radii as adversarial-robustness-toolbox certifies them."""
    from art.estimators.certification.randomized_smoothing import PyTorchRandomizedSmoothing

    classifier = PyTorchRandomizedSmoothing(
        model=Scores(policy),
        loss=nn.CrossEntropyLoss(),
        input_shape=policy.observation_shape,
        nb_classes=policy.outputs,
        sample_size=noise.selection,
        scale=noise.sigma,
        alpha=noise.alpha,
        device_type="cpu",
    )
    return classifier.certify(states.astype(np.float32), noise.draws, batch)[1]


def compared(times: dict[str, list[float]], radii: dict[str, np.ndarray], states: int) -> Table:
    own = next(iter(times))
    table = Table(title=f"{states} states, medians of {len(times[own])} rounds by turns")
    for heading in ("", "seconds", "policyscope's share", "mean radius", "largest difference"):
        table.add_column(heading, justify="right")
    for way, taken in times.items():
        share = median(a / b for a, b in zip(times[own], taken, strict=True))
        table.add_row(
            way,
            f"{median(taken):.3f}",
            f"1/{1 / share:.1f}",
            f"{radii[way].mean():.4f}",
            f"{np.abs(radii[way] - radii[own]).max():.4f}",
        )
    return table


if __name__ == "__main__":
    main()
