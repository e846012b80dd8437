"""How low can an adversary push it?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from policyscope import statistics
from policyscope.reports.results.counterexample import Counterexample
from policyscope.reports.results.measure import Measure
from policyscope.statistics import Estimate


@dataclass(frozen=True, eq=False)
class AttackOutcome:
    """How low can an adversary push it? Returns under attacks of several sizes.

    The leaderboard's episodes are the policy's own, paired with the clean ones. The strongest
    attack of each size is played once more on other episodes, which had no part in its choice.
    """

    MEASURES: ClassVar[dict[str, str]] = {
        "return[attack,epsilon]": "mean return under an attack, every change of an observation at "
        "most epsilon long",
        "loss[attack,epsilon]": "mean paired loss of return",
        "gain[attack,epsilon]": "mean adversarial reward of an episode, where the goal is another "
        "than to lower the return",
        "worst.return[epsilon]": "mean return under the strongest attack found, on episodes that "
        "had no part in finding it",
        "worst.loss[epsilon]": "mean paired loss of return there",
        "worst.gain[epsilon]": "mean adversarial reward there, where there is one",
        "clean.gain": "mean adversarial reward of an episode without an attack, where there is one",
    }
    attacks: tuple[str, ...]
    """Those that were run, from cheap to strong."""
    white_box: tuple[bool, ...]
    """Whether each looks inside the policy."""
    left_out: tuple[str, ...]
    """Those that there was no time for."""
    epsilons: tuple[float, ...]
    norm: str
    """`linf` or `l2`: how the length of a change is measured."""
    units: str
    """`deviations` of each feature, or `environment`."""
    whole_episode: bool
    """Whether all steps of an episode share epsilon, or each has its own."""
    goal: str
    """The adversarial reward; empty where it is to lower the return."""
    clean: Float[np.ndarray, " episode"]
    """Returns without an attack."""
    returns: Float[np.ndarray, " attack epsilon episode"]
    """Returns of the same episodes."""
    gains: Float[np.ndarray, " attack epsilon episode"]
    """What the adversary was after, summed over each episode."""
    clean_gains: Float[np.ndarray, " episode"]
    """The same without an attack."""
    spent: Float[np.ndarray, " attack epsilon"]
    """The longest change of an observation, as measured; over a whole episode where that is
    the budget."""
    strongest: tuple[str, ...]
    """For each epsilon, by mean gain on these episodes."""
    held_out_clean: Float[np.ndarray, " fresh"]
    """Returns of other episodes without an attack."""
    held_out: Float[np.ndarray, " epsilon fresh"]
    """Returns of those under the strongest attack."""
    held_out_clean_gains: Float[np.ndarray, " fresh"]
    """What the adversary is after on those without an attack."""
    held_out_gains: Float[np.ndarray, " epsilon fresh"]
    confidence: float
    counterexamples: tuple[Counterexample, ...] = ()
    """The worst held-out episode of each epsilon in which harm was done, the gravest first."""
    forced: tuple[float, ...] = ()
    """The action whose share is the goal; empty where the goal is another."""

    @property
    def unit(self) -> str:
        """What epsilon counts, in words."""
        each = "standard deviations" if self.units == "deviations" else "environment units"
        share = "per episode" if self.whole_episode else "per step"
        return f"{each}, {self.norm.replace('linf', 'L∞').replace('l2', 'L2')} {share}"

    def clean_return(self) -> Estimate:
        """Mean return without an attack."""
        return statistics.mean(self.clean, self.confidence)

    def mean_return(self, attack: int, epsilon: int) -> Estimate:
        """Mean return under an attack."""
        return statistics.mean(self.returns[attack, epsilon], self.confidence)

    def loss(self, attack: int, epsilon: int) -> Estimate:
        """Mean paired loss of return under an attack."""
        return statistics.mean(self.clean - self.returns[attack, epsilon], self.confidence)

    def worst_return(self, epsilon: int) -> Estimate:
        """Mean return under the strongest attack, on held-out episodes."""
        return statistics.mean(self.held_out[epsilon], self.confidence)

    def worst_loss(self, epsilon: int) -> Estimate:
        """Mean paired loss of return under the strongest attack, on held-out episodes."""
        return statistics.mean(self.held_out_clean - self.held_out[epsilon], self.confidence)

    def gain(self, attack: int, epsilon: int) -> Estimate:
        """Mean adversarial reward of an episode under an attack."""
        return statistics.mean(self.gains[attack, epsilon], self.confidence)

    def clean_gain(self) -> Estimate:
        """Mean adversarial reward of an episode without an attack."""
        return statistics.mean(self.clean_gains, self.confidence)

    def worst_gain(self, epsilon: int) -> Estimate:
        """Mean adversarial reward of the strongest attack, on held-out episodes."""
        return statistics.mean(self.held_out_gains[epsilon], self.confidence)

    @property
    def sought(self) -> str:
        """What is told of attacks: the return, or the adversarial reward where there is one."""
        return "adversarial reward" if self.goal else "return"

    def sought_of(self, attack: int, epsilon: int) -> Estimate:
        """Mean of what is `sought`, under an attack."""
        return (self.gain if self.goal else self.mean_return)(attack, epsilon)

    def worst_sought(self, epsilon: int) -> Estimate:
        """The same under the strongest attack, on held-out episodes."""
        return (self.worst_gain if self.goal else self.worst_return)(epsilon)

    def clean_sought(self) -> Estimate:
        """The same without an attack."""
        return self.clean_gain() if self.goal else self.clean_return()

    def measures(self) -> Iterator[Measure]:
        """See `MEASURES`."""
        for i, attack in enumerate(self.attacks):
            for j, epsilon in enumerate(self.epsilons):
                where = (("attack", attack), ("epsilon", f"{epsilon:g}"))
                yield Measure("return", where, self.mean_return(i, j), "reward")
                yield Measure("loss", where, self.loss(i, j), "reward")
                if self.goal:
                    yield Measure("gain", where, self.gain(i, j), "adversarial reward")
        for j, epsilon in enumerate(self.epsilons):
            where = (("epsilon", f"{epsilon:g}"),)
            yield Measure("worst.return", where, self.worst_return(j), "reward")
            yield Measure("worst.loss", where, self.worst_loss(j), "reward")
            if self.goal:
                yield Measure("worst.gain", where, self.worst_gain(j), "adversarial reward")
        if self.goal:
            yield Measure("clean.gain", (), self.clean_gain(), "adversarial reward")
