"""What is found in attributions: what decides, whether that is so, and what follows."""

from collections.abc import Iterator

import numpy as np

from policyscope.reports.findings.faithfulness import from_faithfulness
from policyscope.reports.findings.reliance import from_reliance
from policyscope.reports.report import Finding
from policyscope.reports.results import Attribution, WhatIf

HARDLY = 0.02
"""A feature whose importance is surely below this share hardly matters."""
INCOMPLETE = 0.05
"""Relative completeness error above which contributions are not to be believed."""
MOST = 3
"""How many features are said to decide."""
LISTED = 6
"""How many features are said hardly to matter."""


def from_attribution(name: str, result: Attribution) -> Iterator[Finding]:
    """S1 to S11."""
    if result.importance:
        yield from _deciding(name, result)
    error = result.completeness_error
    if error is not None and error.value > INCOMPLETE:
        yield Finding(
            code="S3",
            severity="warning",
            title="Contributions do not add up",
            sentence=f"They miss the score's change by {error:.0%} on average.",
            advice="Read contributions as an order, not as amounts.",
            evidence=f"{name}.completeness_error",
        )
    yield from from_faithfulness(name, result)
    yield from from_reliance(name, result)
    if result.what_if is not None and len(result.what_if.cases):
        yield _smallest_change(name, result, result.what_if)


def _deciding(name: str, result: Attribution) -> Iterator[Finding]:
    """S1 and S2."""
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


def _smallest_change(name: str, result: Attribution, what_if: WhatIf) -> Finding:
    """S11: the feature of which one usual change alone changes most decisions."""
    distances = what_if.distances
    near = np.mean(distances < 1, 0)
    within = np.array([share.value for share in what_if.turns])
    most = int(np.lexsort((-within, -near))[0])
    feature = result.features[most]
    sentence = (
        f"No change of one feature alone by up to {what_if.reach:g} usual changes leads to another "
        f"action, in any of the {len(distances)} examined states."
    )
    if within.any():
        sentence = (
            f"In {near[most]:.0%} of the {len(distances)} examined states a change of {feature} "
            f"alone by less than one usual change ({what_if.units[most]:.3g}) leads to another "
            f"action; up to {what_if.reach:g} usual changes do in {what_if.turns[most]:.0%}."
        )
    return Finding(
        code="S11",
        severity="info",
        title="What would have changed its mind",
        sentence=sentence,
        advice="Errors of this size in what it measures change what it does: the table says where.",
        evidence=f"{name}.turns_alone[feature={feature.replace(' ', '_')}]",
    )
