"""How fast is a certificate, against the loop that published code plays its noisy episodes with?

    python benchmarks/certify.py                               10,000 noisy episodes of CartPole
    python benchmarks/certify.py --episodes 5000,10000,40000   cost and memory as they grow

The loop is one environment behind a wrapper that adds noise, and one call of Stable-Baselines3's
`predict` for every step, as in the code that later papers took over from Kumar, Levine & Feizi. It
runs for some seconds, and its time for all steps is extrapolated from its rate. Both are in
processor time of one thread, by turns; ours includes the bounds at 101 budgets. Memory is what the
process holds beyond what it held before, at its highest.
"""

import argparse
from pathlib import Path
from statistics import median
from time import process_time

import gymnasium
import numpy as np
import torch
from policyscope_certify.noise import SmoothingNoise
from policyscope_certify.smoothing import mean_bounds, threshold_wise
from rich.console import Console
from rich.table import Table
from stable_baselines3 import PPO

from policyscope.policies.loading import load
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.play import returns_of

CHECKPOINT = Path(__file__).parents[1] / "examples" / "cartpole_smoothed.zip"
STEPS, SIGMA, ALPHA = 200, 0.2, 0.05
ENVIRONMENT = Environment("CartPole-v1", {"max_episode_steps": STEPS})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", default="10000", help="numbers of noisy episodes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of the loop, per round")
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT, help="a PPO of CartPole")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    counts = [int(count) for count in arguments.episodes.split(",")]
    Console().print(cost(arguments.checkpoint, counts, arguments.rounds, arguments.seconds))


def cost(checkpoint: Path, counts: list[int], rounds: int, seconds: float) -> Table:
    table = Table(title=f"Certificates of {checkpoint.name}, medians of {rounds} rounds by turns")
    for heading in ("episodes", "steps", "certificate", "per step", "loop", "ratio", "memory"):
        table.add_column(heading, justify="right")
    actor = Greedy(load(checkpoint).fitted_to(*ENVIRONMENT.spaces(), ENVIRONMENT.id))
    library = PPO.load(checkpoint, device="cpu")
    certify(actor, 100)
    loop(library, 0.2)
    for count in counts:
        ratios, ours, loops = [], [], []
        before, held = resident(), 0.0
        for _ in range(rounds):
            took, steps, most = certify(actor, count)
            held = max(held, most - before)
            ours.append(took)
            loops.append(steps / loop(library, seconds))
            ratios.append(loops[-1] / took)
        table.add_row(
            f"{count:,}",
            f"{steps:,}",
            f"{median(ours):.2f} s",
            f"{1e6 * median(ours) / steps:.2f} µs",
            f"{median(loops):,.0f} s",
            f"{median(ratios):.0f} ({min(ratios):.0f} to {max(ratios):.0f})",
            f"{held:.0f} MB",
        )
    return table


def certify(actor: Greedy, episodes: int) -> tuple[float, int, float]:
    """Seconds, the steps that were played (CartPole returns one for each), most megabytes held."""
    held = []
    start = process_time()
    returns = returns_of(
        actor,
        ENVIRONMENT,
        episodes,
        perturbation=SmoothingNoise(SIGMA),
        on_finished=lambda _: held.append(resident()),
    )
    survival = threshold_wise(returns, np.arange(1.0, STEPS + 1), ALPHA)
    mean_bounds(survival, 0.0, np.linspace(0, 1, 101), SIGMA)
    return process_time() - start, int(returns.sum()), max(held)


def loop(library: PPO, seconds: float) -> float:
    """Steps per second."""
    rng = np.random.default_rng(0)
    plain = gymnasium.make("CartPole-v1", max_episode_steps=STEPS)
    env = gymnasium.wrappers.TransformObservation(
        plain,
        lambda seen: (seen + SIGMA * rng.standard_normal(4)).astype(np.float32),
        plain.observation_space,
    )
    steps, start = 0, process_time()
    observation, _ = env.reset(seed=0)
    while process_time() - start < seconds:
        action, _ = library.predict(observation, deterministic=True)
        observation, _, terminated, truncated, _ = env.step(action)
        steps += 1
        if terminated or truncated:
            observation, _ = env.reset()
    return steps / (process_time() - start)


def resident() -> float:
    """Megabytes of this process's own memory."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
