"""Figures of equations that move as the environment does."""

import numpy as np
import plotly.graph_objects as go

from policyscope.reports.figures.canvas import (
    COLOURS,
    FAINT,
    INK,
    Drawn,
    blank,
    interval,
    text,
)
from policyscope.reports.results import SparseDynamics
from policyscope.statistics import legible

ROWS = 20
"""How many terms are shown."""
TRUSTED = 0.5
"""Deviations beyond which nothing is foreseen."""
LIGHT = ((0.0, "#ffffff"), (1.0, COLOURS[5]))


def draw_dynamics(name: str, result: SparseDynamics) -> tuple[Drawn, ...]:
    """How far ahead they can be trusted, and what they say."""
    return _foresight(name, result), _equations(name, result)


def _foresight(name: str, result: SparseDynamics) -> Drawn:
    """The error against the number of steps, and where trust ends."""
    figure = blank(380)
    _add_errors(figure, result)
    figure.add_hline(y=TRUSTED, line={"color": FAINT, "width": 1.5, "dash": "dot"})
    if not result.foreseen:
        figure.add_vline(
            result.horizon.value,
            line={"color": COLOURS[4], "width": 1.5},
            annotation={"text": f"{result.horizon.value:g} steps", "font": {"size": 11}},
        )
    figure.update_xaxes(title_text="steps ahead")
    figure.update_yaxes(title_text="error (deviations of the states)", type="log")
    return Drawn(
        f"{name}-foresight",
        "How far ahead the dynamics can be trusted",
        "Root mean squared error of the state when the equations are stepped with the actions that "
        "were taken, from states of the policy's own episodes, none of which was fitted; the band "
        f"is the {interval(result.errors[0])}. Trust ends where it exceeds half a deviation of the "
        f"visited states: {_told(result)}.",
        figure.update_layout(showlegend=False),
    )


def _add_errors(figure: go.Figure, result: SparseDynamics) -> None:
    """The error after each number of steps, in its band."""
    steps = np.arange(1, len(result.errors) + 1)
    low, high = ([getattr(error, end) for error in result.errors] for end in ("low", "high"))
    figure.add_scatter(
        x=np.concatenate([steps, steps[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        fill="toself",
        fillcolor="rgba(0,114,178,0.2)",
        line={"width": 0},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=steps,
        y=[error.value for error in result.errors],
        mode="lines",
        line={"color": COLOURS[0], "width": 2},
        hovertext=[f"{i} steps: {error}" for i, error in zip(steps, result.errors, strict=True)],
        hoverinfo="text",
    )


def _told(result: SparseDynamics) -> str:
    if result.foreseen:
        return f"not within the {len(result.errors)} steps that were looked ahead"
    return f"after {result.horizon} steps"


def _equations(name: str, result: SparseDynamics) -> Drawn:
    """Coefficients, a column for each equation; coloured by what they contribute."""
    order = np.argsort(-result.effect.max(0), kind="stable")[:ROWS]
    figure = blank(170 + 28 * len(order))
    figure.add_trace(_cells(result, order))
    figure.update_xaxes(
        tickvals=np.arange(len(result.targets)),
        ticktext=[text(target) for target in result.targets],
        showgrid=False,
    )
    figure.update_yaxes(
        tickvals=np.arange(len(order)),
        ticktext=[text(result.terms[term]) for term in order],
        range=[len(order) - 0.5, -0.5],
        showgrid=False,
    )
    hidden = len(result.terms) - len(order)
    return Drawn(
        f"{name}-dynamics",
        "What a step does",
        "Coefficients of each equation, in the units of features and actions; coloured by the root "
        "mean square that a term contributes in the visited states, in deviations of what the "
        f"equation is of. {f'The {hidden} smallest terms are hidden. ' * (hidden > 0)}"
        f"{_resting(result)}",
        figure,
        room=6 * len(result.targets) + 16,
    )


def _cells(result: SparseDynamics, order: np.ndarray) -> go.Heatmap:
    coefficients = result.coefficients[:, order].T
    return go.Heatmap(
        z=np.where(coefficients == 0, np.nan, result.effect[:, order].T),
        text=[["" if c == 0 else legible(float(c)) for c in row] for row in coefficients],
        texttemplate="%{text}",
        textfont={"color": INK},
        hovertext=_hover(result, order),
        hoverinfo="text",
        colorscale=LIGHT,
        zmin=0,
        zmax=1,
        xgap=2,
        ygap=2,
        colorbar={"title": {"text": "contribution", "side": "right"}},
    )


def _hover(result: SparseDynamics, order: np.ndarray) -> list[list[str]]:
    return [
        [
            f"{text(target)}: {result.coefficients[i, term]:.5g} ± {result.spread[i, term]:.2g}, "
            f"kept by {result.inclusion[i, term]:.0%}"
            for i, target in enumerate(result.targets)
        ]
        for term in order.tolist()
    ]


def _resting(result: SparseDynamics) -> str:
    """The fixed points in words."""
    if result.smooth:
        return f"Fixed points were not searched: {result.smooth}."
    names = [target.removeprefix("change of ") for target in result.targets[:-1]]
    points = [
        f"{'stable' if stable else 'unstable'} (largest eigenvalue {modulus:.3f}) at "
        + ", ".join(f"{name} {value:.3g}" for name, value in zip(names, point, strict=True))
        for stable, modulus, point in zip(
            result.stable, result.moduli[:, 0], result.fixed_points, strict=True
        )
    ]
    return f"Fixed points of policy and dynamics together: {'; '.join(points) or 'none'}."
