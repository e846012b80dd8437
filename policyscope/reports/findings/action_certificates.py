"""What is found in certificates of single actions."""

from collections.abc import Iterator

import numpy as np

from policyscope.reports.report import Finding
from policyscope.reports.results import ActionCertificates

FEW = 0.5
"""Share of the states with a radius above 0: with less, hardly any decision is certain."""


def from_action_certificates(
    name: str, actions: ActionCertificates, unit: str
) -> Iterator[Finding]:
    """G6, of discrete actions: in how many states nothing is certain, and how far it is elsewhere.

    Of the policy's own decisions where they could be bounded, else of those under noise.
    """
    if actions.epsilons or not actions.radii.size:
        return
    ways = list(zip(actions.methods, actions.norms, strict=True))
    way = ways.index(("lines", "l2")) if ("lines", "l2") in ways else 0
    radii = actions.radii[way]
    none = int((radii <= 0).sum())
    whose = (
        f"by noise of {actions.sigma:g}, with {100 * actions.confidence:.6g}% confidence"
        if actions.methods[way] == "smoothing"
        else "for certain"
    )
    method, norm = ways[way]
    yield Finding(
        code="G6",
        severity="info" if none <= (1 - FEW) * len(radii) else "warning",
        title="How far single decisions stand",
        sentence=f"In {none} of {len(radii)} visited states no change of an observation is ruled "
        f"out, however small; half of the decisions stand within {np.median(radii):.3g} {unit} "
        f"(l2, {whose}).",
        advice="A decision without a radius may turn with rounding: look whether it matters there.",
        evidence=f"{name}.action_radius[method={method},norm={norm}]",
    )
