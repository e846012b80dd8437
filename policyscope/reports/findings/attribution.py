"""What is found in the credit that features are given."""

from collections.abc import Iterator

import numpy as np

from policyscope.reports.report import Finding
from policyscope.reports.results import Attribution

HARDLY = 0.02
"""A feature whose importance is surely below this share hardly matters."""
INCOMPLETE = 0.05
"""Relative completeness error above which contributions are not to be believed."""
MOST = 3
"""How many features are said to decide."""
LISTED = 6
"""How many features are said hardly to matter."""


def from_attribution(name: str, result: Attribution) -> Iterator[Finding]:
    """S1 to S3."""
    named = list(zip(result.features, result.importance, strict=True))
    ranked = sorted(named, key=lambda pair: -pair[1].value)
    held = np.cumsum([estimate.value for _, estimate in ranked])
    top = ranked[: min(int(np.searchsorted(held, 0.5)) + 1, MOST)]
    yield Finding(
        code="S1",
        severity="info",
        title="What decides",
        sentence="The policy's choices rest most on "
        + " and ".join(f"{feature} ({estimate:.0%} of the credit)" for feature, estimate in top)
        + ".",
        advice="Check that these are as reliable in use as in training.",
        evidence=f"{name}.importance",
    )
    hardly = [feature for feature, estimate in ranked if estimate.high < HARDLY]
    if hardly:
        more = f" and {len(hardly) - LISTED} more" if len(hardly) > LISTED else ""
        listed = ", ".join(hardly[:LISTED]) + more
        yield Finding(
            code="S2",
            severity="info",
            title="What hardly matters",
            sentence=f"Less than {HARDLY:.0%} of the credit goes to each of {len(hardly)} of the "
            f"{len(ranked)} features: {listed}.",
            advice="If the task needs them, the policy has not learned to use them.",
            evidence=f"{name}.importance",
        )
    error = result.completeness_error
    if error.value > INCOMPLETE:
        yield Finding(
            code="S3",
            severity="warning",
            title="Contributions do not add up",
            sentence=f"They miss the score's change by {error:.0%} on average.",
            advice=f"Raise the number of steps: --set {name}.steps=500.",
            evidence=f"{name}.completeness_error",
        )
