"""Figures of how far single actions certainly stand."""

from collections.abc import Iterable

import numpy as np
import plotly.graph_objects as go

from policyscope.reports.figures.canvas import COLOURS, FAINT, Drawn, blank
from policyscope.reports.results import ActionCertificates

NORMS = {"l2": "solid", "linf": "dash"}
METHODS = ("smoothing", "lines", "intervals")


def draw_action_certificates(name: str, actions: ActionCertificates) -> tuple[Drawn, ...]:
    """Share of states against radius; of continuous actions also what changes at most."""
    drawn = [_stays(name, actions)]
    if actions.epsilons:
        drawn.append(_changes(name, actions))
    return tuple(drawn)


def _stays(name: str, actions: ActionCertificates) -> Drawn:
    lines = [_survival(radii) for radii in actions.radii]
    figure = _drawn_lines(actions, lines, mode="lines", shape="hv")
    figure.update_yaxes(title_text="share of states whose action stays", range=[0, 1.02])
    told = f"In {actions.radii.shape[1]} visited states. {_basis(actions)}"
    if len(actions.kinks):
        x, y = _survival(actions.kinks)
        line = {"color": FAINT, "dash": "dot", "shape": "hv"}
        figure.add_scatter(x=x, y=y, mode="lines", name="linear, l2", line=line)
        told += (
            " Dotted: the share of states in which the next ReLU boundary is farther, so that the "
            "scores are exactly linear up to there."
        )
    if actions.bent:
        told += f" {actions.bent}"
    if actions.epsilons:
        told += (
            f" An action stays where no dimension of it moves by more than {actions.tolerance:g} "
            "half ranges."
        )
    return Drawn(f"{name}-actions", "How far single actions certainly stand", told, figure)


def _changes(name: str, actions: ActionCertificates) -> Drawn:
    x = np.array(actions.epsilons)
    lines = [(x, np.median(changes, axis=1)) for changes in actions.changes]
    figure = _drawn_lines(actions, lines, mode="lines+markers", shape="linear")
    figure.update_yaxes(title_text="largest change of the action (half ranges, median)")
    told = f"In the same {actions.changes.shape[2]} states. {_basis(actions)}"
    return Drawn(f"{name}-action-changes", "How far single actions can be moved", told, figure)


def _drawn_lines(
    actions: ActionCertificates,
    lines: Iterable[tuple[np.ndarray, np.ndarray]],
    mode: str,
    shape: str,
) -> go.Figure:
    """One line for each way, over the radius."""
    figure = blank(400)
    for (method, norm), (x, y) in zip(actions.ways, lines, strict=True):
        colour = COLOURS[METHODS.index(method)]
        figure.add_scatter(
            x=x,
            y=y,
            mode=mode,
            name=f"{method}, {norm}",
            line={"color": colour, "dash": NORMS[norm], "shape": shape},
        )
    figure.update_xaxes(title_text=f"radius around the observation ({actions.unit})")
    return figure


def _basis(actions: ActionCertificates) -> str:
    """What the lines are of, and what they rest on."""
    parts = [
        f"Smoothing is of the policy under noise of {actions.sigma:g}, from {actions.draws:,} "
        f"draws each, all states at once with {100 * actions.confidence:.6g}% confidence; lines "
        "(CROWN) and intervals are of the policy itself and for certain."
    ]
    if actions.missing:
        parts.append(f"No deterministic bounds: {actions.missing}")
    if actions.alone:
        parts.append(f"No return is certified: {actions.alone}.")
    return " ".join(parts)


def _survival(radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each radius, and the share of states that are certified up to it."""
    ordered = np.sort(radii)
    left = 1 - np.arange(len(ordered) + 1) / len(ordered)
    return np.concatenate([[0.0], ordered]), left
