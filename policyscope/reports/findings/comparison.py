"""Findings about two policies: a difference counts where two runs of one policy show none like it.

| code | severity | when |
|---|---|---|
| C1 | info | which of the two returns more |
| C2 | info | whether their decisions break along different directions |
| C3 | info | whether the second's gradients oscillate more, or its direction is more concentrated |
"""

from collections.abc import Iterator

from policyscope.reports.report import Finding
from policyscope.reports.results import DirectionComparison, EpisodeReturns
from policyscope.statistics import Estimate

SEEDS = (
    "Before it is called an effect of how they were trained, compare two trainings of the same "
    "method: other seeds alone may move directions as far."
)
SATURATED = 0.95
"""Where both moments are all but of rank one, Λ only tells how long the one direction is."""


def compared_returns(name: str, result: EpisodeReturns) -> Iterator[Finding]:
    """Which returns more, on the same episodes."""
    second, first, difference = result.mean(0), result.mean(1), result.advantage(0)
    verdict = "no difference is shown"
    if difference.low > 0 or difference.high < 0:
        verdict = f"the second returns {'more' if difference.low > 0 else 'less'}"
    yield Finding(
        code="C1",
        severity="info",
        title="Which is better",
        sentence=f"The first returns {first}, the second {second}; the difference is {difference} "
        f"on the same {first.n} episodes: {verdict}.",
        advice="A difference in robustness says little where the returns are far apart.",
        evidence=f"{name}.second.advantage",
    )


def compared_directions(name: str, result: DirectionComparison) -> Iterator[Finding]:
    """Whether what is said of adversarially trained policies holds for this pair."""
    across, _, baseline = result.correlations
    apart = across.high < baseline.low
    told = "moved further than" if apart else "are not shown to move further than"
    sentence = (
        f"The second's principal direction has Λ = {across:.3g} on the first's moment; two runs of "
        f"the first have {baseline:.3g}: the directions {told} between two runs of one policy."
    )
    if min(share.value for share in result.shares[:2]) > SATURATED:
        sentence += " Both moments are all but of rank one, so Λ is the squared cosine of two axes."
    yield Finding(
        code="C2",
        severity="info",
        title="Disjoint directions" if apart else "No disjoint directions",
        sentence=sentence,
        advice=SEEDS,
        evidence=f"{name}.correlation",
    )
    oscillation = result.oscillation_changes
    yield _claim(f"{name}.oscillation_change", "oscillation of its gradient", oscillation)
    fewer = tuple(map(_inverted, result.concentration_changes))
    yield _claim(f"{name}.concentration_change", "concentration on few features", fewer)


def _claim(evidence: str, what: str, changes: tuple[Estimate, ...]) -> Finding:
    """Whether the second has more of something, beyond what two runs of the first differ by."""
    second, again = changes
    holds = second.low > max(1.0, again.high)
    return Finding(
        code="C3",
        severity="info",
        title=f"{'More' if holds else 'No more'} {what}",
        sentence=f"The second has {second:.3g} times the first's {what}; two runs of the first "
        f"differ by {again:.3g} times. That it has more {'holds' if holds else 'does not hold'} "
        "for this pair.",
        advice=SEEDS,
        evidence=evidence,
    )


def _inverted(ratio: Estimate) -> Estimate:
    low, high = 1 / ratio.high, 1 / ratio.low
    return Estimate(1 / ratio.value, low, high, ratio.confidence, ratio.n, ratio.method)
