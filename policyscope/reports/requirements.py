"""Requirements: a threshold on a measure, judged by its interval and not by its point.

    at least x   passes where the interval lies at or above x, fails where it lies below,
    at most x    likewise, mirrored,

and is undecided where the interval holds x inside. Undecided does not pass: it says how many
episodes would probably decide, from n·(half width / distance)², as intervals shrink with √n.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from policyscope.errors import UsageError
from policyscope.reports.results import Measure
from policyscope.statistics import Estimate


class Verdict(StrEnum):
    """What the evidence says of a requirement."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Judgement:
    """A verdict with its sentence."""

    verdict: Verdict
    sentence: str


def judge(
    measure: Measure, at_least: float | None = None, at_most: float | None = None
) -> Judgement:
    """Hold a measure against one threshold.

    Raises:
        UsageError: Unless exactly one threshold is given.
    """
    if (at_least is None) == (at_most is None):
        raise UsageError(f"Give {measure.key} either at_least or at_most.")
    estimate = measure.estimate
    if at_least is not None:
        wanted, threshold = f"at least {at_least:g}", at_least
        passed, failed = estimate.low >= threshold, estimate.high < threshold
    else:
        threshold = at_most if at_most is not None else math.nan
        wanted = f"at most {threshold:g}"
        passed, failed = estimate.high <= threshold, estimate.low > threshold
    verdict = Verdict.PASSED if passed else Verdict.FAILED if failed else Verdict.UNDECIDED
    sentence = (
        f"{measure.key} is {estimate} {measure.unit} ({estimate.sureness}, "
        f"n = {estimate.n}); required {wanted}: {verdict}."
    )
    if verdict is Verdict.UNDECIDED:
        sentence += _more_episodes(estimate, threshold)
    return Judgement(verdict, sentence)


def _more_episodes(estimate: Estimate, threshold: float) -> str:
    distance = abs(estimate.value - threshold)
    if distance == 0:
        return " The threshold is the estimate itself; no number of episodes will decide."
    half = (estimate.high - estimate.low) / 2
    return f" About {math.ceil(estimate.n * (half / distance) ** 2)} episodes would decide."
