"""How low do disturbed actions push a policy, and where does other physics leave it?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from policyscope import statistics
from policyscope.reports.results.measure import Measure
from policyscope.statistics import Estimate


@dataclass(frozen=True, eq=False)
class DisturbanceOutcome:
    """Returns when actions are disturbed, or a body is pushed, and when the physics is another.

    All disturbances play the policy's own episodes, paired with the clean ones. The strongest of
    each size is played once more on other episodes, which had no part in its choice.
    """

    MEASURES: ClassVar[dict[str, str]] = {
        "return[disturbance,epsilon]": "mean return under a disturbance",
        "loss[disturbance,epsilon]": "mean paired loss of return",
        "change[disturbance,epsilon]": "what was done to an episode, as measured: the share of "
        "steps in which another action was done than the policy's; of continuous ones the largest "
        "change, in half ranges; of a force the largest, in shares of the weight",
        "worst.return[epsilon]": "mean return under the strongest disturbance found, on episodes "
        "that had no part in finding it",
        "worst.loss[epsilon]": "mean paired loss of return there",
        "physics.return[mass,friction]": "mean return where all masses, and all friction, are so "
        "many times what they were",
        "physics.loss[mass,friction]": "mean paired loss of return there",
        "gravity.return[gravity]": "mean return where gravity is so many times what it was",
        "gravity.loss[gravity]": "mean paired loss of return there",
    }
    disturbances: tuple[str, ...]
    """Those that were run, from cheap to strong."""
    left_out: tuple[str, ...]
    """Those that there was no time for."""
    epsilons: tuple[float, ...]
    pushed: bool
    """Whether forces push the body, and actions are the policy's own; epsilon is then the largest
    of them, in shares of its weight."""
    discrete: bool
    """Whether epsilon is the probability with which another action is done, or of continuous ones
    the largest change, in half ranges."""
    clean: Float[np.ndarray, " episode"]
    """Returns without a disturbance."""
    returns: Float[np.ndarray, " disturbance epsilon episode"]
    """Returns of the same episodes."""
    changes: Float[np.ndarray, " disturbance epsilon episode"]
    """What was done to each, as measured."""
    steady: Float[np.ndarray, " found output"]
    """The steady change that lowers most, for each epsilon: shares of it, or preferences among
    discrete actions; without rows where there was no time for it."""
    strongest: tuple[str, ...]
    """For each epsilon, by mean return on these episodes."""
    held_out_clean: Float[np.ndarray, " fresh"]
    """Returns of other episodes without a disturbance."""
    held_out: Float[np.ndarray, " epsilon fresh"]
    """Returns of those under the strongest disturbance."""
    masses: tuple[float, ...]
    """How many times as heavy; none where the physics cannot be changed."""
    frictions: tuple[float, ...]
    physics: Float[np.ndarray, " mass friction episode"]
    """Returns of the policy's own episodes under each physics."""
    unchanged: str
    """Why masses and friction were not changed; empty where they were."""
    gravities: tuple[float, ...]
    """How many times as much gravity; none where it cannot be changed."""
    gravity: Float[np.ndarray, " gravity episode"]
    """Returns of the policy's own episodes under each of them."""
    confidence: float

    @property
    def unit(self) -> str:
        """What epsilon counts, in words."""
        if self.pushed:
            return "shares of the weight, L∞ per step"
        return "probability per step" if self.discrete else "half ranges, L∞ per step"

    def clean_return(self) -> Estimate:
        """Mean return without a disturbance."""
        return statistics.mean(self.clean, self.confidence)

    def mean_return(self, disturbance: int, epsilon: int) -> Estimate:
        """Mean return under a disturbance."""
        return statistics.mean(self.returns[disturbance, epsilon], self.confidence)

    def loss(self, disturbance: int, epsilon: int) -> Estimate:
        """Mean paired loss of return under a disturbance."""
        return statistics.mean(self.clean - self.returns[disturbance, epsilon], self.confidence)

    def change(self, disturbance: int, epsilon: int) -> Estimate:
        """What a disturbance did to an episode, on average."""
        return statistics.mean(self.changes[disturbance, epsilon], self.confidence)

    def worst_return(self, epsilon: int) -> Estimate:
        """Mean return under the strongest disturbance, on held-out episodes."""
        return statistics.mean(self.held_out[epsilon], self.confidence)

    def worst_loss(self, epsilon: int) -> Estimate:
        """Mean paired loss of return under the strongest disturbance, on held-out episodes."""
        return statistics.mean(self.held_out_clean - self.held_out[epsilon], self.confidence)

    def physics_return(self, mass: int, friction: int) -> Estimate:
        """Mean return under another physics."""
        return statistics.mean(self.physics[mass, friction], self.confidence)

    def physics_loss(self, mass: int, friction: int) -> Estimate:
        """Mean paired loss of return under another physics."""
        return statistics.mean(self.clean - self.physics[mass, friction], self.confidence)

    def gravity_return(self, gravity: int) -> Estimate:
        """Mean return under another gravity."""
        return statistics.mean(self.gravity[gravity], self.confidence)

    def gravity_loss(self, gravity: int) -> Estimate:
        """Mean paired loss of return under another gravity."""
        return statistics.mean(self.clean - self.gravity[gravity], self.confidence)

    def measures(self) -> Iterator[Measure]:
        """See `MEASURES`."""
        change = "share of steps" if self.discrete else "half ranges"
        change = "shares of the weight" if self.pushed else change
        for i, disturbance in enumerate(self.disturbances):
            for j, epsilon in enumerate(self.epsilons):
                where = (("disturbance", disturbance), ("epsilon", f"{epsilon:g}"))
                yield Measure("return", where, self.mean_return(i, j), "reward")
                yield Measure("loss", where, self.loss(i, j), "reward")
                yield Measure("change", where, self.change(i, j), change)
        for j, epsilon in enumerate(self.epsilons):
            where = (("epsilon", f"{epsilon:g}"),)
            yield Measure("worst.return", where, self.worst_return(j), "reward")
            yield Measure("worst.loss", where, self.worst_loss(j), "reward")
        for i, mass in enumerate(self.masses):
            for j, friction in enumerate(self.frictions):
                where = (("mass", f"{mass:g}"), ("friction", f"{friction:g}"))
                yield Measure("physics.return", where, self.physics_return(i, j), "reward")
                yield Measure("physics.loss", where, self.physics_loss(i, j), "reward")
        for i, gravity in enumerate(self.gravities):
            where = (("gravity", f"{gravity:g}"),)
            yield Measure("gravity.return", where, self.gravity_return(i), "reward")
            yield Measure("gravity.loss", where, self.gravity_loss(i), "reward")
