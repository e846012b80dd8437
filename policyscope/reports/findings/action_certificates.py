"""What is found in certificates of single actions."""

from collections.abc import Iterator

from policyscope.reports.report import Finding
from policyscope.reports.results import ActionCertificates

FEW = 0.5
"""Share of the states with a radius above 0: with less, hardly any decision is certain."""


def from_action_certificates(name: str, actions: ActionCertificates) -> Iterator[Finding]:
    """G6 and, where no return is certified beside, G7."""
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


def _standing(name: str, actions: ActionCertificates) -> Finding:
    """In how many states nothing is certain, and how far half of the actions stand.

    Of the policy's own where they could be bounded, else of those under noise.
    """
    way = actions.ways.index(("lines", "l2")) if ("lines", "l2") in actions.ways else 0
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
