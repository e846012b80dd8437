"""What does it look at?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int, Shaped

from policyscope.reports.results.faithfulness import Faithfulness
from policyscope.reports.results.measure import Measure
from policyscope.reports.results.reliance import Reliance
from policyscope.reports.results.what_if import WhatIf
from policyscope.statistics import Estimate


@dataclass(frozen=True, eq=False)
class Attribution:
    """What does it look at, and is the picture true? Maps of scores at visited states."""

    MEASURES: ClassVar[dict[str, str]] = {
        "importance[feature]": "share of the decision that the feature is given credit for",
        "sensitivity[feature]": "share of the local slope, per usual change of the feature",
        "credit_of_past[steps_back]": "share of the credit that goes to what was seen so many "
        "steps before the decision",
        "completeness_error": "mean distance of the credit's sum from the score's change, relative "
        "to that change; 0 is exact",
        "faithfulness[method,score]": "score of a method of attribution; method=random is chance",
        "advantage[method]": "area between the insertion and the deletion curve, less that of "
        "random attributions in the same states",
        "keeps_action[mask,rho]": "share of visited states whose action stays when only the "
        "salient, a random, or all but the salient (removed) part of the observation is left; of "
        "continuous actions how close they stay, exp(−change in half ranges)",
        "value_change[mask,rho]": "mean change of the value then, in its standard deviations",
        "return[mask,rho]": "mean return when every observation is masked so",
        "mask_overlap[shift]": "intersection over union of the salient parts with and without a "
        "change of what is seen that should not matter",
        "rank_correlation[shift]": "Spearman's correlation of the maps with and without it",
        "mask_predictability": "how much better the salient part is told from the policy's own "
        "features than from the average state, as area under the ROC curve",
        "turns_alone[feature]": "share of visited states in which a change of this feature alone, "
        "within reach, changes the action",
    }
    features: tuple[str, ...]
    """Names of the numbers that were seen; none for images."""
    outputs: tuple[str, ...]
    """What makes the decision: the chosen action, one of each group, every continuous dimension."""
    actions: tuple[str, ...]
    """Names of the scores that are explained one by one; none for images."""
    method: str
    """Whose maps are shown: the most faithful."""
    additive: str
    """Whose maps `each` and `value` are: the most faithful of those whose maps add up."""
    states: Shaped[np.ndarray, " state *seen"]
    """What was seen, in the environment's units; with memory a time axis follows the first."""
    episodes: Int[np.ndarray, " state"]
    """The episode that each state is from."""
    times: Int[np.ndarray, " state"]
    """The step of that episode."""
    chosen: Int[np.ndarray, " state output"]
    """The score that was chosen there, or the number of the output itself."""
    baseline: Float[np.ndarray, " *seen"]
    """The observation that contributions are counted from."""
    decision: Float[np.ndarray, " state output *seen"]
    """Maps of the decision: of the chosen score against the mean of its alternatives."""
    each: Float[np.ndarray, " state action *seen"]
    """Maps of every score; the map of one against another is their difference."""
    value: Float[np.ndarray, " state value *seen"]
    """Maps of the value: one per state, or none where there is no critic."""
    importance: tuple[Estimate, ...]
    """Per feature, shares that add up to 1; none for images."""
    sensitivity: tuple[Estimate, ...]
    """Per feature, shares that add up to 1; none for images, and without gradients."""
    credit_of_past: tuple[Estimate, ...]
    """Per step back, the newest observation first; none without memory."""
    completeness_error: Estimate | None
    """None where the method does not promise that its contributions add up."""
    faithfulness: Faithfulness
    reliance: Reliance
    what_if: WhatIf | None
    """None for images, and continuous actions."""
    unit: str = "episodes"
    """What intervals rest on a number of, in the plural."""
    discrete: bool = True
    """Whether an action is chosen, or else its size."""

    @property
    def signed(self) -> bool:
        """Whether the method tells for from against, and not only how much."""
        return bool((self.decision < 0).any())

    def newest(self, values: Shaped[np.ndarray, " ..."]) -> Shaped[np.ndarray, " ..."]:
        """States, maps or the baseline, of the newest observation where there is memory."""
        if not self.credit_of_past:
            return values
        return np.take(values, -1, axis=values.ndim - self.baseline.ndim)

    def measures(self) -> Iterator[Measure]:
        """See `MEASURES`."""
        for name in ("importance", "sensitivity"):
            estimates = getattr(self, name)
            for feature, estimate in zip(self.features, estimates, strict=bool(estimates)):
                condition = ("feature", feature.replace(" ", "_"))
                yield Measure(name, (condition,), estimate, "share")
        for back, estimate in enumerate(self.credit_of_past):
            yield Measure("credit_of_past", (("steps_back", str(back)),), estimate, "share")
        if self.completeness_error is not None:
            yield Measure("completeness_error", (), self.completeness_error, "relative")
        yield from self.faithfulness.measures()
        yield from self.reliance.measures()
        if self.what_if is not None:
            yield from self.what_if.measures(self.features)
