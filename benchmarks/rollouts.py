"""How fast are episodes played, and are they the same on any number of lanes?

    python benchmarks/rollouts.py                              speed, against a plain loop
    python benchmarks/rollouts.py --exact --checkpoints DIR    exactness, bit for bit

Speed is the ratio of environment steps per second, of `play` and of the loop that a user would
write: one simulator, the policy's greedy action for one observation at a time. Both play the
shipped CartPole policy (64 x 64, tanh), by turns, so that other work on the machine slows both.
"""

import argparse
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from statistics import median
from time import perf_counter

import gymnasium
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from policyscope.policies.loading import load
from policyscope.policies.policy import Policy
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.play import play
from policyscope.rollouts.rollouts import Rollouts

CARTPOLE = Path(__file__).parents[1] / "examples" / "cartpole_ppo.zip"
LANES = (1, 7, 64)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, default=10_000, help="that `play` plays per round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of the plain loop, per round")
    parser.add_argument("--exact", action="store_true", help="compare episodes instead")
    parser.add_argument("--checkpoints", type=Path, help="folder with trpo-Hopper-v3.zip")
    arguments = parser.parse_args()
    if arguments.exact:
        Console().print(exactness(arguments.checkpoints))
    else:
        Console().print(speed(arguments.episodes, arguments.rounds, arguments.seconds))


def speed(episodes: int, rounds: int, seconds: float) -> Table:
    environment = Environment("CartPole-v1")
    policy = fitted(environment, CARTPOLE)
    usual = torch.get_num_threads()
    play(Greedy(policy), environment, 50)
    plain_loop(policy, usual, 0.2)
    table = Table(title=f"CartPole-v1 steps per second, {episodes} episodes per round")
    for column in ("round", "play", f"loop, {usual} threads", "loop, 1 thread", "ratio to faster"):
        table.add_column(column, justify="right")
    ratios = []
    for number in range(1, rounds + 1):
        played, took = timed(Greedy(policy), environment, episodes)
        rate = len(played.rewards) / took
        loops = [plain_loop(policy, threads, seconds) for threads in (usual, 1)]
        ratios.append(rate / max(loops))
        cells = (f"{value:,.0f}" for value in (number, rate, *loops))
        table.add_row(*cells, f"{ratios[-1]:.1f}")
    table.caption = (
        f"ratio: median {median(ratios):.1f}, min {min(ratios):.1f}, max {max(ratios):.1f}"
    )
    return table


def plain_loop(policy: Policy, threads: int, seconds: float) -> float:
    """Steps per second of the loop that a user would write."""
    usual = torch.get_num_threads()
    torch.set_num_threads(threads)
    env = gymnasium.make("CartPole-v1")
    steps, start = 0, perf_counter()
    observation, _ = env.reset(seed=0)
    with torch.inference_mode():
        while perf_counter() - start < seconds:
            scores, _ = policy.scores(torch.from_numpy(observation)[None])
            action = policy.actions(scores)[0]
            observation, _, terminated, truncated, _ = env.step(action)
            steps += 1
            if terminated or truncated:
                observation, _ = env.reset()
    took = perf_counter() - start
    torch.set_num_threads(usual)
    return steps / took


def exactness(checkpoints: Path | None) -> Table:
    """Every array of the rollouts on each number of lanes against those on one lane."""
    table = Table(title="The same episodes, one after the other and side by side")
    for column in ("environment", "policy", "episodes", "steps", "lanes", "seconds", "verdict"):
        table.add_column(column, justify="right" if column in ("steps", "seconds") else "left")
    for environment, file, policy, episodes in subjects(checkpoints):
        alone = None
        for lanes in LANES:
            played, took = timed(Greedy(policy), environment, episodes, lanes)
            alone = alone or played
            different = differences(alone, played)
            verdict = f"differs: {', '.join(different)}" if different else "OK"
            numbers = (str(episodes), f"{len(played.rewards):,}", str(lanes), f"{took:.1f}")
            table.add_row(environment.playable, file.name, *numbers, verdict)
        table.add_section()
    return table


def subjects(checkpoints: Path | None) -> Iterator[tuple[Environment, Path, Policy, int]]:
    cartpole = Environment("CartPole-v1")
    yield cartpole, CARTPOLE, fitted(cartpole, CARTPOLE), 1000
    if checkpoints is not None:
        hopper, file = Environment("Hopper-v3"), checkpoints / "trpo-Hopper-v3.zip"
        yield hopper, file, fitted(hopper, file, file.with_suffix(".vecnormalize.pkl")), 50


def fitted(environment: Environment, file: Path, normalisation: Path | None = None) -> Policy:
    policy = load(file, normalisation=normalisation)
    return policy.fitted_to(*environment.spaces(), environment.id)


def timed(
    actor: Greedy, environment: Environment, episodes: int, lanes: int | None = None
) -> tuple[Rollouts, float]:
    start = perf_counter()
    return play(actor, environment, episodes, lanes=lanes), perf_counter() - start


def differences(one: Rollouts, other: Rollouts) -> list[str]:
    """Names of the fields that are not the same bit for bit."""
    pairs = {f.name: (getattr(one, f.name), getattr(other, f.name)) for f in fields(Rollouts)}
    return [
        name for name, (a, b) in pairs.items() if np.asarray(a).tobytes() != np.asarray(b).tobytes()
    ]


if __name__ == "__main__":
    main()
