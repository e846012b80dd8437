"""Figures of how far single actions certainly stand."""

import numpy as np

from policyscope.reports.figures.canvas import COLOURS, Drawn, blank
from policyscope.reports.results import ActionCertificates

NORMS = {"l2": "solid", "linf": "dash"}
METHODS = ("smoothing", "lines", "intervals")


def draw_action_certificates(name: str, actions: ActionCertificates, unit: str) -> Drawn:
    """Share of states against radius, or what an action changes at most against it."""
    figure = blank(400)
    for i, (method, norm) in enumerate(zip(actions.methods, actions.norms, strict=True)):
        if actions.epsilons:
            x, y = np.array(actions.epsilons), np.median(actions.changes[i], axis=1)
        else:
            x, y = _survival(actions.radii[i])
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines" if not actions.epsilons else "lines+markers",
            name=f"{method}, {norm}",
            line={
                "color": COLOURS[METHODS.index(method)],
                "dash": NORMS[norm],
                "shape": "linear" if actions.epsilons else "hv",
            },
        )
    figure.update_xaxes(title_text=f"radius around the observation ({unit})")
    states = (actions.changes if actions.epsilons else actions.radii).shape[-1]
    told = (
        f"In {states} visited states. Smoothing is of the policy under noise of "
        f"{actions.sigma:g}, from {actions.draws:,} draws each, all states at once with "
        f"{100 * actions.confidence:.6g}% confidence; lines (CROWN) and intervals are of the "
        "policy itself and for certain."
    )
    if actions.missing:
        told += f" No deterministic bounds: {actions.missing}"
    if actions.epsilons:
        figure.update_yaxes(title_text="largest change of the action (half ranges, median)")
        return Drawn(f"{name}-actions", "How far single actions can be moved", told, figure)
    figure.update_yaxes(title_text="share of states whose action stays", range=[0, 1.02])
    return Drawn(f"{name}-actions", "How far single actions certainly stand", told, figure)


def _survival(radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each radius, and the share of states that are certified up to it."""
    ordered = np.sort(radii)
    left = 1 - np.arange(len(ordered) + 1) / len(ordered)
    return np.concatenate([[0.0], ordered]), left
