"""Can the whole policy be replaced by something that a person can read?"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from policyscope import statistics
from policyscope.readable.equations import Equations
from policyscope.readable.readable import Readable
from policyscope.reports.results.measure import Measure
from policyscope.statistics import Estimate

EQUIVALENT = 0.1
"""Share of the policy's mean return that may be lost by what is called equivalent."""


@dataclass(frozen=True, eq=False)
class Surrogates:
    """Readable policies beside the network that they stand in for.

    All are judged on the policy's own episodes, of which none has learned anything.
    """

    MEASURES: ClassVar[dict[str, str]] = {
        "agreement[model]": "share of the policy's steps at which a surrogate acts alike; "
        "continuous actions within 0.1 half ranges. Alone, that of the chosen one",
        "own_agreement[model]": "likewise, of the steps of the surrogate's own episodes",
        "error[model]": "root of the mean squared distance of continuous actions, in half ranges",
        "return[model]": "mean return of a surrogate on the policy's own episodes",
        "loss[model]": "mean paired loss of return against the policy",
        "size[model]": "how many numbers a reader has to read",
    }
    models: tuple[str, ...]
    """Names, in the order in which they were fitted."""
    readables: tuple[Readable, ...]
    agreements: tuple[Estimate, ...]
    own_agreements: tuple[Estimate, ...]
    """None where nothing can be played."""
    errors: tuple[Estimate, ...]
    """None where actions are discrete."""
    clean: Float[np.ndarray, " episode"]
    """What the policy itself returns; of no episodes where nothing can be played."""
    returns: Float[np.ndarray, " model episode"]
    by_action: Float[np.ndarray, " model output"]
    """Agreement where the policy takes an action, or in one dimension of a continuous one; NaN
    where it never does."""
    by_feature: Float[np.ndarray, " model feature"]
    """How much larger a feature is where a surrogate acts otherwise, in its deviations."""
    parameters: int
    """Of the network."""
    wanted: float
    """Agreement from which on a surrogate is called faithful."""
    refused: tuple[str, ...]
    """Surrogates that were not made, with the reason."""
    confidence: float

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers a reader has to read, of each."""
        return tuple(readable.size for readable in self.readables)

    def mean_return(self, model: int) -> Estimate:
        """Of a surrogate."""
        return statistics.mean(self.returns[model], self.confidence)

    def clean_return(self) -> Estimate:
        """Of the policy."""
        return statistics.mean(self.clean, self.confidence)

    def loss(self, model: int) -> Estimate:
        """Of return, on the same episodes."""
        return statistics.mean(self.clean - self.returns[model], self.confidence)

    def as_good(self, model: int) -> bool:
        """Whether it is not sure that a surrogate returns less than the policy."""
        return not len(self.clean) or self.loss(model).low <= 0

    def overlaps(self, model: int) -> bool:
        """Whether the interval of a surrogate's return reaches that of the policy's."""
        return not len(self.clean) or self.mean_return(model).high >= self.clean_return().low

    def faithful(self, model: int) -> bool:
        """Whether a surrogate acts as the policy does, with a return whose interval reaches its."""
        return self.agreements[model].value >= self.wanted and self.overlaps(model)

    @cached_property
    def chosen(self) -> int:
        """The smallest that is faithful.

        Else that of the highest agreement, if possible with a return whose interval reaches that of
        the policy's.
        """
        every = range(len(self.models))
        faithful = [model for model in every if self.faithful(model)]
        if faithful:
            return min(faithful, key=lambda model: self.sizes[model])
        near = [model for model in every if self.overlaps(model)]
        return max(near or every, key=lambda model: self.agreements[model].value)

    @property
    def linear(self) -> int | None:
        """The smallest linear one that returns as much; None where there is none, or no play.

        The loss may be none, and for all that is sure it is no more than `EQUIVALENT`.
        """
        if not len(self.clean):
            return None
        most = EQUIVALENT * abs(float(self.clean.mean()))
        every = [
            model
            for model, readable in enumerate(self.readables)
            if isinstance(readable.form, Equations)
            and readable.form.degree <= 1
            and self.as_good(model)
            and self.loss(model).high <= most
        ]
        return min(every, key=lambda model: self.sizes[model]) if every else None

    @property
    def front(self) -> tuple[int, ...]:
        """Those that no other one beats in size without acting less alike and returning less."""
        worth = [
            (-size, agreement.value, self.returns[model].sum())
            for model, (size, agreement) in enumerate(zip(self.sizes, self.agreements, strict=True))
        ]
        return tuple(
            model
            for model, mine in enumerate(worth)
            if not any(
                other != mine and all(o >= m for o, m in zip(other, mine, strict=True))
                for other in worth
            )
        )

    def measures(self) -> Iterator[Measure]:
        """See `MEASURES`; those of the chosen one come once more, without its name."""
        if not self.models:
            return
        yield from self._of(self.chosen, ())
        for model, name in enumerate(self.models):
            yield from self._of(model, (("model", name),))

    def _of(self, model: int, where: tuple[tuple[str, str], ...]) -> Iterator[Measure]:
        yield Measure("agreement", where, self.agreements[model], "share of steps")
        if self.own_agreements:
            yield Measure("own_agreement", where, self.own_agreements[model], "share of steps")
        if self.errors:
            yield Measure("error", where, self.errors[model], "half ranges")
        if len(self.clean):
            yield Measure("return", where, self.mean_return(model), "reward")
            yield Measure("loss", where, self.loss(model), "reward")
        size = float(self.sizes[model])
        yield Measure(
            "size", where, Estimate(size, size, size, self.confidence, 1, "counted"), "numbers"
        )
