"""What is found in certificates of single actions."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from policyscope.reports.report import Finding
from policyscope.reports.results import ActionCertificates

FEW = 0.5
"""Share of the states with a radius above 0: with less, hardly any decision is certain."""


def from_action_certificates(name: str, actions: ActionCertificates) -> Iterator[Finding]:
    """G6; where no return is certified beside, G7; and G8 of ReLU networks."""
    if actions.alone:
        yield Finding(
            code="G7",
            severity="info",
            title="Single actions are certified, and no return",
            sentence=f"No return is certified: {actions.alone}.",
            advice="What is certified of single actions holds without it.",
            evidence=f"{name}.action_radius",
        )
    yield _standing(name, actions)
    if actions.own is not None and len(actions.kinks):
        yield _linear(name, actions, actions.radii[actions.own])


def _standing(name: str, actions: ActionCertificates) -> Finding:
    """In how many states nothing is certain, and how far half of the actions stand.

    Of the policy's own where they could be bounded, else of those under noise.
    """
    way = actions.own or 0
    method, norm = actions.ways[way]
    radii = actions.radii[way]
    none = int((radii <= 0).sum())
    whose = (
        f"by noise of {actions.sigma:g}, with {100 * actions.confidence:.6g}% confidence"
        if method == "smoothing"
        else "for certain"
    )
    stand = f"move by at most {actions.tolerance:g} half ranges" if actions.epsilons else "stand"
    what = "actions" if actions.epsilons else "decisions"
    return Finding(
        code="G6",
        severity="info" if none <= (1 - FEW) * len(radii) else "warning",
        title=f"How far single {what} stand",
        sentence=f"In {none} of {len(radii)} visited states no change of an observation is ruled "
        f"out, however small; half of the {what} {stand} within "
        f"{actions.radius(way).value:.3g} {actions.unit} ({norm}, {whose}).",
        advice=f"{what.capitalize()} without a radius may turn with rounding: look whether they "
        "matter there.",
        evidence=f"{name}.action_radius[method={method},norm={norm}]",
    )


def _linear(name: str, actions: ActionCertificates, radii: Float[np.ndarray, " state"]) -> Finding:
    """How far a ReLU policy is linear, and whether its actions stand beyond."""
    beyond = int((radii > actions.kinks).sum())
    return Finding(
        code="G8",
        severity="info",
        title="How far the policy is linear",
        sentence=f"Half of the visited states are more than {np.median(actions.kinks):.3g} "
        f"{actions.unit} (l2) from the next ReLU boundary, and up to there the scores are exactly "
        f"linear; in {beyond} of {len(radii)} the action is certified beyond it.",
        advice="Up to there a gradient tells all that the policy does, and no farther.",
        evidence=f"{name}.relu_distance",
    )
