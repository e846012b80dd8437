"""Do published policies earn here what their authors published?

    python benchmarks/published_returns.py FOLDER [--episodes 100]

Plays every stable-baselines3 zip that FOLDER/MANIFEST.csv lists, greedily and with its normaliser,
and compares mean returns. The measure is Welch's: the difference of two means in standard errors,
with each sample's own spread, so that a sample with rare falls allows for rare falls in the other.
Beyond 3 standard errors the returns disagree; chance alone does that to 1 file in 370.

A disagreement has a reason where another version of the environment is played than was trained in,
or where a file's own training log says that the published number belongs to another agent. Exits
with 1 if a file cannot be loaded, or disagrees without such a reason.
"""

import argparse
import csv
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from policyscope.errors import PolicyscopeError
from policyscope.policies.loading import load
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.play import play

LIMIT = 3.0
FALSE_ALARMS = math.erfc(LIMIT / math.sqrt(2))

REASONS = {
    "LunarLander-v3": "v3 is played: its simulator forgets the last episode, v2's did not",
    "Hopper-v4": "v4 is played, on today's MuJoCo; v3 was mujoco-py on MuJoCo 2",
    "HalfCheetah-v4": "v4 is played, on today's MuJoCo; v3 was mujoco-py on MuJoCo 2",
}
"""Why returns may differ where the version that is played is not the one that was asked for."""


@dataclass(frozen=True)
class Sample:
    """Returns, as people publish them."""

    mean: float
    std: float
    episodes: int

    def __str__(self) -> str:
        return f"{self.mean:.1f} ± {self.std:.1f} ({self.episodes})"


TRAINING_LOGS = {"ppo-BipedalWalker-v3.zip": Sample(264.0, 81.0, 100)}
"""The last training episodes that a zip itself records, where they contradict what was published.

Published for PPO on BipedalWalker-v3: 123 episodes in 149,976 steps, so 1,219 steps each, none of
them a fall. In the zip's log (`ep_info_buffer`) 14 of 100 episodes are falls, and the others take
823 steps. stable-baselines3 itself, exploring as in training, plays the file like its log.
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--episodes", type=int, default=100)
    arguments = parser.parse_args()
    with (arguments.folder / "MANIFEST.csv").open(newline="") as file:
        listed = [row for row in csv.DictReader(file) if row["format"] == "stable-baselines3 zip"]
    table = Table(title=f"Returns of published policies, {arguments.episodes} episodes here")
    for column in ("file", "algorithm", "library", "environment", "published", "here", "z", ""):
        table.add_column(column, justify="right" if column == "z" else "left")
    failures = 0
    for row in track(listed, console=Console(stderr=True), transient=True):
        cells, failed = compared(row, arguments.folder, arguments.episodes)
        failures += failed
        table.add_row(*cells)
    table.caption = (
        "z: difference in standard errors (Welch). By chance alone "
        f"{FALSE_ALARMS * len(listed):.2f} of {len(listed)} would lie beyond {LIMIT:g}. "
        "* measured here before, not published."
    )
    Console(width=170).print(table)
    return 1 if failures else 0


def compared(row: dict[str, str], folder: Path, episodes: int) -> tuple[list[str], bool]:
    """Cells of one file, and whether it failed."""
    environment = Environment(row["environment"])
    versions = row["environment"]
    if environment.playable != environment.id:
        versions += f" → {environment.playable.rpartition('-')[2]}"
    published, mark = reference(row)
    cells = [row["file"].removesuffix(".zip"), "", "", versions, f"{published}{mark}"]
    normalisation = folder / row["normalisation"] if row["normalisation"] else None
    try:
        policy = load(folder / row["file"], normalisation=normalisation)
        policy = policy.fitted_to(*environment.spaces(), environment.id)
        returns = play(Greedy(policy), environment, episodes).returns
    except PolicyscopeError as error:
        return [*cells, "", "", f"[red]fails: {error}"], True
    cells[1:3] = [policy.checkpoint.algorithm or "?", policy.checkpoint.library or "?"]
    here = Sample(float(returns.mean()), float(np.std(returns, ddof=1)), len(returns))
    z = welch(here, published)
    reason = explanation(row["file"], environment, here)
    if abs(z) < LIMIT:
        return [*cells, str(here), f"{z:+.1f}", "[green]agrees"], False
    words = f"[yellow]differs: {reason}" if reason else "[red]disagrees"
    return [*cells, str(here), f"{z:+.1f}", words], reason is None


def explanation(file: str, environment: Environment, here: Sample) -> str | None:
    """Why returns may differ from the published ones, where anything is known."""
    if environment.playable != environment.id:
        return REASONS.get(environment.playable)
    log = TRAINING_LOGS.get(file)
    if log is None or abs(welch(here, log)) >= LIMIT:
        return None
    return f"published for another agent; agrees with the file's training log {log}"


def reference(row: dict[str, str]) -> tuple[Sample, str]:
    """What was published; where nothing was, what the note says was measured."""
    if row["published_return_std"]:
        numbers = (float(row[f"published_return_{name}"]) for name in ("mean", "std"))
        return Sample(*numbers, int(row["published_episodes"])), ""
    noted = re.search(r"measured here (-?[\d.]+)±([\d.]+) \((\d+) episodes", row["note"])
    if noted is None:
        raise ValueError(f"{row['file']} has no return to compare with.")
    return Sample(float(noted[1]), float(noted[2]), int(noted[3])), "*"


def welch(one: Sample, other: Sample) -> float:
    """The difference of two means in standard errors."""
    difference = one.mean - other.mean
    error = math.sqrt(sum(sample.std**2 / sample.episodes for sample in (one, other)))
    if error == 0:  # every episode alike on both sides: equal, or nothing could explain it
        return math.copysign(math.inf, difference) if difference else 0.0
    return difference / error


if __name__ == "__main__":
    sys.exit(main())
