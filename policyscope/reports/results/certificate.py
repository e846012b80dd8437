"""What can no adversary take away?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from policyscope import statistics
from policyscope.reports.results.action_certificates import ActionCertificates
from policyscope.reports.results.attacked_returns import AttackedReturns
from policyscope.reports.results.measure import Measure
from policyscope.statistics import Estimate


@dataclass(frozen=True, eq=False)
class Certificate:
    """What can no adversary take away? Lower bounds on the return of a policy under noise.

    Returns are shares of successes where there is a goal: 1 for an episode that reaches it.
    """

    MEASURES: ClassVar[dict[str, str]] = ActionCertificates.MEASURES | {
        "return_lower_bound[l2,sigma]": "what the policy returns on average at least, under noise "
        "and any adversary that adds at most l2 in an episode; the interval ends where the noisy "
        "policy is without one, or with the strongest that was found. Without sigma, that of the "
        "first",
        "return_quantile_lower_bound[l2,sigma]": "likewise, what half of the episodes return at "
        "least, or the share that was asked for",
        "success_lower_bound[l2,sigma]": "likewise, the share of episodes that reach the goal; it "
        "stands in place of returns where there is one",
        "attacked_return[l2,sigma]": "mean return under noise and the strongest adversary found "
        "that adds at most l2 in an episode, on episodes that had no part in its choice",
        "attacked_success[l2,sigma]": "likewise, the share of episodes that reach the goal",
        "attacked_loss[l2,sigma]": "what that adversary takes, mean over pairs of episodes with "
        "the same noise",
        "consistent": "1 where no adversary left less than is certified, 0 where one surely did: "
        "then the certificate, the simulator or the adversary is at fault",
        "noisy_return[sigma]": "mean return under noise, without an adversary",
        "clean_return": "mean return without noise, of the analysis's own episodes",
        "noisy_success[sigma]": "share of episodes that reach the goal under noise",
        "clean_success": "share of episodes that reach it without noise",
    }
    sigmas: tuple[float, ...]
    """Standard deviations of the noise, the chosen one first."""
    budgets: tuple[float, ...]
    """Lengths of all that an adversary adds in an episode, as one vector."""
    clean: Float[np.ndarray, " episode"]
    """Returns without noise."""
    noisy: Float[np.ndarray, " sigma run"]
    """Returns under noise, without an adversary."""
    bounds: Float[np.ndarray, " sigma budget"]
    """On the mean return under any adversary; all hold at once."""
    quantile: float
    """Share of episodes that may return less than `quantile_bounds`."""
    quantile_bounds: Float[np.ndarray, " sigma budget"]
    floor: float
    """No return is below it, so a bound that is no higher says nothing."""
    goal: float | None
    """The return from which on an episode is a success, where these are counted."""
    scale: Float[np.ndarray, " feature"]
    """One unit of each feature, in the environment's units; none where these are the units."""
    unit: str
    """What noise and budgets count, in the plural."""
    method: str
    """How the bounds were made."""
    confidence: float
    """Of all bounds together, and of every interval."""
    actions: ActionCertificates | None = None
    """Of single states; None where they were not asked for."""
    attacked: AttackedReturns | None = None
    """What adversaries of the threat model leave; None where none was played."""
    alone: str = ""
    """Why none was, where that is so."""

    @property
    def counted(self) -> str:
        """What is certified, in one word."""
        return "return" if self.goal is None else "success"

    @property
    def threat(self) -> str:
        """Whom the guarantee is about, and against whom."""
        return (
            "The adversary adds a vector of its choice to every new observation, that of the reset "
            "included and each frame once, before frames are stacked; it may know the policy, the "
            "simulator and all noise until then, but not the noise to come; and the root of the "
            f"sum of squares of all that it adds in an episode is at most l2, in {self.unit}. The "
            "policy takes its best action for what it sees after that: the observation with the "
            "adversary's vector and fresh normal noise of deviation sigma, in the same units, "
            "neither clipped nor rounded."
        )

    def clean_mean(self) -> Estimate:
        """Mean without noise."""
        return self._mean(self.clean)

    def noisy_mean(self, sigma: int) -> Estimate:
        """Mean under noise."""
        return self._mean(self.noisy[sigma])

    def bound(self, sigma: int, budget: int) -> Estimate:
        """From the certificate to what the strongest adversary left, or one that does nothing."""
        attacked = self.attacked_mean(sigma, budget)
        high = self.noisy_mean(sigma).high
        high = high if attacked is None else min(high, attacked.high)
        return self._above(self.bounds[sigma, budget], high)

    def attacked_mean(self, sigma: int, budget: int) -> Estimate | None:
        """Mean under noise and the strongest adversary within a budget; None where none is."""
        place = self._played(budget)
        if self.attacked is None or place is None:
            return None
        return self._mean(self.attacked.returns[sigma, place])

    def attacked_loss(self, sigma: int, budget: int) -> Estimate | None:
        """What that adversary takes, paired."""
        place = self._played(budget)
        if self.attacked is None or place is None:
            return None
        lost = self.attacked.untouched[sigma] - self.attacked.returns[sigma, place]
        return statistics.mean(lost, self.confidence)

    @property
    def contradictions(self) -> tuple[tuple[int, int], ...]:
        """Noise and budget of each certificate that an adversary surely got below, by place."""
        return tuple(
            (i, j)
            for i in range(len(self.sigmas))
            for j in range(len(self.budgets))
            if (place := self._played(j)) is not None
            and self.attacked is not None
            and self.attacked.limits[i, place] < self.bounds[i, j]
        )

    def quantile_bound(self, sigma: int, budget: int) -> Estimate:
        """From the certificate to the largest noisy return."""
        return self._above(self.quantile_bounds[sigma, budget], float(self.noisy[sigma].max()))

    def measures(self) -> Iterator[Measure]:
        """See `MEASURES`."""
        unit = "reward" if self.goal is None else "share of episodes"
        for j, budget in enumerate(self.budgets):
            l2 = ("l2", f"{budget:g}")
            yield Measure(f"{self.counted}_lower_bound", (l2,), self.bound(0, j), unit)
            for i, sigma in enumerate(self.sigmas):
                where = (l2, ("sigma", f"{sigma:g}"))
                yield Measure(f"{self.counted}_lower_bound", where, self.bound(i, j), unit)
                if self.goal is None:
                    low = self.quantile_bound(i, j)
                    yield Measure("return_quantile_lower_bound", where, low, unit)
        for i, sigma in enumerate(self.sigmas):
            where = (("sigma", f"{sigma:g}"),)
            yield Measure(f"noisy_{self.counted}", where, self.noisy_mean(i), unit)
        yield Measure(f"clean_{self.counted}", (), self.clean_mean(), unit)
        yield from self._beside(unit)
        if self.actions is not None:
            yield from self.actions.measures()

    def _beside(self, unit: str) -> Iterator[Measure]:
        """What is measured of adversaries, where some were played."""
        if self.attacked is None:
            return
        for i, sigma in enumerate(self.sigmas):
            for j, budget in enumerate(self.budgets):
                mean, loss = self.attacked_mean(i, j), self.attacked_loss(i, j)
                where = (("l2", f"{budget:g}"), ("sigma", f"{sigma:g}"))
                if mean is not None and loss is not None:
                    yield Measure(f"attacked_{self.counted}", where, mean, unit)
                    yield Measure("attacked_loss", where, loss, unit)
        sound = float(not self.contradictions)
        n, confidence = self.attacked.episodes, self.attacked.confidence
        yield Measure(
            "consistent",
            (),
            Estimate(sound, sound, sound, confidence, n, "Hoeffding's upper limits"),
            "1 if so",
        )

    def _played(self, budget: int) -> int | None:
        """The place of the largest budget that adversaries were played with within this one."""
        return None if self.attacked is None else self.attacked.within(self.budgets[budget])

    def _mean(self, returns: Float[np.ndarray, " run"]) -> Estimate:
        if self.goal is None:
            return statistics.mean(returns, self.confidence)
        return statistics.proportion(returns > 0, self.confidence)

    def _above(self, bound: float, high: float) -> Estimate:
        n = self.noisy.shape[1]
        return Estimate(
            float(bound), float(bound), max(high, float(bound)), self.confidence, n, self.method
        )
