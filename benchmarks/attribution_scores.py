"""What do XRL-Bench's scores say of our methods, on XRL-Bench's own policy?

    python benchmarks/attribution_scores.py xrl-bench-LunarLander.pth [--states 5000]

Explains states drawn from those that the greedy policy visits, scores every method by AIM, AUM,
PGI, PGU (means over states) and RIS (maximum), with 95 % intervals from a bootstrap over episodes,
and prints what XRL-Bench published below. The definitions are those of
`policyscope/attributions/benchmark_scores.py`, with k = 3. What differs:

    states    theirs are 5,000 of a data set that is not in their repository, from episodes that the
              greedy policy played in LunarLander-v2; ours are from LunarLander-v3, whose simulator
              forgets the last episode
    noise     normal, half a standard deviation over the states that are explained, as theirs; the
              draws are our own
    SARFA     theirs adds noise to a feature, ours replaces it by the baseline

They explain the Q-value of the chosen action. Their integrated gradients are means over 100 states
as baselines, by the left rectangle rule with 50 steps: a row of its own. Ours have one baseline:
the mean of the states, as in `saliency`, or zeros, which is what AIM and AUM put in the place of
features. And `saliency` explains the decision, which is the Q-value less the mean of the others:
the value of the state, which is in all of them, decides nothing.

Their README has had two tables, and calls the second one "AUC performance" without saying of which
curve. The maximum of RIS rests on a single state, and its interval is only what other draws of the
same episodes would have given: the median is printed beside it. It is 0 for maps that ignore what
is seen, such as random ones, and depends on the unit of maps, since what is negative counts as
0.001 in its denominator.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor
from torch.nn.functional import one_hot

from policyscope.analyzers.averaging import Averaging
from policyscope.analyzers.subject import Subject
from policyscope.attributions.benchmark_scores import benchmark_scores
from policyscope.attributions.catalogue import METHODS
from policyscope.attributions.chance import Chance
from policyscope.attributions.decision import decision
from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps, Method, Reference, Targets
from policyscope.attributions.sampling import drawn, glimpsed
from policyscope.attributions.slopes import slopes, without_gradients
from policyscope.policies.loading import load
from policyscope.rollouts.environment import Environment
from policyscope.statistics import CONFIDENCE

MEANS = ("AIM", "AUM", "PGI", "PGU")
BACKGROUND = 100
"""States that are baselines, as theirs."""
RESAMPLES = 1000
PUBLISHED = {
    "README, first table": {
        "TabularSHAP": (0.076, 0.807, 3.134, 1.911, 8.449),
        "DeepSHAP": (0.182, 0.744, 3.54, 1.557, 81.9),
        "GradientSHAP": (0.175, 0.674, 3.504, 1.575, 63.8),
        "Integrated Gradient": (0.175, 0.667, 3.484, 1.554, 70.2),
        "SARFA": (0.379, 0.352, 2.231, 2.647, 2.55),
        "Perturbation Saliency": (0.362, 0.316, 2.154, 2.822, 100.6),
        "TabularLIME": (0.304, 0.499, 2.845, 1.826, 77.2),
    },
    "README, second table": {
        "TabularSHAP": (0.116, 0.693, 5.258, 4.895, 2.646),
        "DeepSHAP": (0.188, 0.663, 5.988, 4.321, 2.623),
        "GradientSHAP": (0.203, 0.614, 5.963, 4.317, 3.134),
        "Integrated Gradient": (0.203, 0.618, 5.930, 4.375, 2.800),
        "SARFA": (0.388, 0.363, 4.953, 5.169, 6.408),
        "Perturbation Saliency": (0.382, 0.353, 4.847, 5.528, 4.878),
        "TabularLIME": (0.323, 0.472, 6.179, 3.755, 2.871),
    },
}


@dataclass(frozen=True, eq=False)
class AsTheirs:
    """Integrated gradients as XRL-Bench has them."""

    background: Float[Tensor, " baseline feature"]
    steps: int = 50

    def obstacle(self, glimpses: Glimpses) -> str | None:
        """See `Method.obstacle`."""
        return without_gradients(glimpses)

    def attribute(self, glimpses: Glimpses, targets: Targets, reference: Reference) -> Maps:
        """See `Method.attribute`."""
        del reference
        every, maps = torch.arange(len(glimpses)), torch.zeros(())
        for baseline in self.background:
            way = glimpses.seen - baseline
            for step in range(self.steps):
                _, found = slopes(glimpses, every, baseline + step / self.steps * way, targets)
                maps = maps + found * way[:, None]
        return maps / (self.steps * len(self.background))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--states", type=int, default=5000)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    policy = load(arguments.checkpoint, activation="relu")  # its authors' code says so
    environment = Environment("LunarLander-v3")
    subject = Subject.observed(policy, environment, arguments.episodes, arguments.seed)
    rng = np.random.default_rng(arguments.seed)
    steps = drawn(subject.visited, arguments.states, 1, rng)
    glimpses = glimpsed(subject.policy, subject.visited, steps, 1)
    count, returns = subject.visited.lengths.sum(), subject.rollouts.returns
    title = (
        f"{arguments.checkpoint.name}: {len(glimpses):,} of {count:,} states of "
        f"{len(returns)} episodes, mean return {returns.mean():.0f}"
    )
    table = Table(title=title)
    for heading in ("method", *MEANS, "RIS, maximum", "RIS, median"):
        table.add_column(heading, no_wrap=True)
    averaging = Averaging(subject.visited, rng, CONFIDENCE)
    for section, rows in (*ours(glimpses, averaging), *PUBLISHED.items()):
        table.add_section()
        table.add_row(f"[bold]{section}")
        for method, scores in rows.items():
            table.add_row(method, *map(str, scores))
    Console(width=180).print(table)


Rows = dict[str, tuple[str, ...]]


def ours(glimpses: Glimpses, averaging: Averaging) -> Iterator[tuple[str, Rows]]:
    """Scores of each method, and of chance, by what is explained and from where."""
    seen = glimpses.seen
    with torch.no_grad():
        scores = glimpses.scores(torch.arange(len(glimpses)), seen)
    explained = {
        "Q-value": one_hot(scores.argmax(1), scores.shape[1])[:, None].float(),
        "decision": decision(glimpses.policy, scores)[0],
    }
    baselines = {"the mean": seen.mean(0), "zeros": torch.zeros_like(seen[0])}
    background = seen[averaging.rng.choice(len(seen), min(BACKGROUND, len(seen)), replace=False)]
    theirs: dict[str, Method] = {"integrated gradients as theirs": AsTheirs(background)}
    for target, targets in explained.items():
        for name, baseline in baselines.items():
            reference = Reference(baseline, seen.std(0, unbiased=False))
            methods = {**METHODS, **theirs, "random": Chance()}
            usable = {n: m for n, m in methods.items() if m.obstacle(glimpses) is None}
            yield (
                f"ours: {target}, from {name}",
                {
                    method: scored(glimpses, usable[method], targets, reference, averaging)
                    for method in track(usable, f"{target}, from {name}")
                },
            )
            theirs = {}  # they explain Q-values, and have baselines of their own


def scored(
    glimpses: Glimpses,
    method: Method,
    targets: Targets,
    reference: Reference,
    averaging: Averaging,
) -> tuple[str, ...]:
    maps = method.attribute(glimpses, targets, reference)
    found = benchmark_scores(glimpses, method, targets, maps, reference, seed=0)
    means = averaging.means(glimpses.steps, np.stack([found[score] for score in MEANS], 1))
    return *(f"{mean:.3f}" for mean in means), *instabilities(found["RIS"], glimpses, averaging)


def instabilities(
    ratios: Float[np.ndarray, " state"], glimpses: Glimpses, averaging: Averaging
) -> tuple[str, str]:
    """The maximum, and the median, over states."""
    episodes = averaging.visited.block_of_step[glimpses.steps]
    groups = [ratios[episodes == episode] for episode in np.unique(episodes)]
    draws = averaging.rng.integers(0, len(groups), (RESAMPLES, len(groups)))
    texts = []
    for statistic in (np.max, np.median):
        again = [statistic(np.concatenate([groups[i] for i in draw])) for draw in draws]
        low, high = np.quantile(again, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
        texts.append(f"{statistic(ratios):.3g} [{low:.3g}, {high:.3g}]")
    return texts[0], texts[1]


if __name__ == "__main__":
    main()
