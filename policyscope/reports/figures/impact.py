"""Figure of what moving every observation does."""

from collections.abc import Iterator, Sequence

import numpy as np
import plotly.graph_objects as go

from policyscope import statistics
from policyscope.reports.figures.canvas import (
    COLOURS,
    FAINT,
    SYMBOLS,
    Drawn,
    blank,
    interval,
    text,
    whiskers,
)
from policyscope.reports.results import Impact
from policyscope.statistics import Estimate

SPREAD = 0.3
"""How far to either side of their distance the ways stand."""
WAYS = (
    "Ways: principal, the principal direction with the sign of each state's own gradient; "
    "principal+ and principal-, the same sign in every state; gradient, each state's own gradient; "
    "random, the average of a few directions that were drawn once."
)


def draw_impact(name: str, impact: Impact, step: str, unit: str) -> Drawn:
    """Returns and decisions against the distance, one mark for each way of moving.

    Args:
        name: The analyzer's.
        impact: What was measured.
        step: What one unit of a distance is, in the plural.
        unit: What intervals over visited states rest on a number of.
    """
    played = len(impact.clean) > 0
    figure = blank(440)
    changes = "share of decisions that change"
    if not impact.flip_along:
        changes = "change of the actions (half ranges)"
    if played:
        figure.update_layout(grid={"rows": 1, "columns": 2, "pattern": "independent", "xgap": 0.2})
        returns = [
            [impact.mean_return(i, j) for j in range(len(impact.epsilons))]
            for i in range(len(impact.along))
        ]
        figure.add_traces(list(_marks(impact, returns, "")))
        _add_clean(figure, impact)
        figure.layout.yaxis.title.text = "undiscounted return (reward)"
    panel = "2" if played else ""
    figure.add_traces(list(_marks(impact, impact.responses, panel)))
    figure.layout[f"yaxis{panel}"] = {"title": {"text": changes}, "rangemode": "tozero"}
    for axis in ("xaxis", f"xaxis{panel}"):
        figure.layout[axis] = _distances(impact, step)
    return Drawn(
        f"{name}-impact",
        f"What a step along the direction {'costs' if played else 'changes'}",
        f"Every observation was moved by a step of the length below, in {step}. {WAYS} "
        f"{_about_returns(impact) if played else 'Shown is the '}{changes} at visited states, with "
        f"the {interval(impact.responses[0][0], unit)}.",
        figure,
    )


def _about_returns(impact: Impact) -> str:
    return (
        "On the left, returns of the same episodes, with the "
        f"{interval(impact.mean_return(0, 0))}; the dotted line and the band are those of the "
        "unmoved observations. On the right, the "
    )


def _marks(impact: Impact, rows: Sequence[Sequence[Estimate]], panel: str) -> Iterator[go.Scatter]:
    """One trace for each way, beside one another at each distance."""
    places = np.arange(len(impact.epsilons))
    aside = np.linspace(-SPREAD, SPREAD, len(impact.along)) if len(impact.along) > 1 else [0.0]
    for i, (way, estimates) in enumerate(zip(impact.along, rows, strict=True)):
        colour = FAINT if way == "random" else COLOURS[i % len(COLOURS)]
        yield go.Scatter(
            x=places + aside[i],
            y=[estimate.value for estimate in estimates],
            error_y=whiskers(estimates),
            xaxis=f"x{panel}",
            yaxis=f"y{panel}",
            mode="markers",
            name=text(way),
            legendgroup=way,
            showlegend=panel == "" or not len(impact.clean),
            marker={"color": colour, "symbol": SYMBOLS[i % len(SYMBOLS)], "size": 9},
            hovertext=[f"{text(way)} {estimate}" for estimate in estimates],
            hoverinfo="text",
        )


def _distances(impact: Impact, step: str) -> dict[str, object]:
    places = np.arange(len(impact.epsilons))
    return {
        "title": {"text": f"length of the step ({step})"},
        "tickvals": places,
        "ticktext": [f"{epsilon:g}" for epsilon in impact.epsilons],
        "range": [-0.5, len(places) - 0.5],
        "showgrid": False,
    }


def _add_clean(figure: go.Figure, impact: Impact) -> None:
    clean = statistics.mean(impact.clean, impact.confidence)
    across = {"xref": "x domain", "yref": "y", "x0": 0, "x1": 1}
    figure.add_shape(
        across, type="rect", y0=clean.low, y1=clean.high, fillcolor=FAINT, opacity=0.2, line_width=0
    )
    line = {"color": FAINT, "width": 1.5, "dash": "dot"}
    figure.add_shape(across, type="line", y0=clean.value, y1=clean.value, line=line)
    figure.add_annotation(
        text=f"unmoved {clean.value:.4g}",
        **{"xref": "x domain", "yref": "y", "x": 1, "y": clean.value},
        **{"xanchor": "right", "yanchor": "bottom", "showarrow": False},
        font={"color": FAINT, "size": 11},
    )
