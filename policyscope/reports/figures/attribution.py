"""Figures of the credit that features are given."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import plotly.graph_objects as go

from policyscope.reports.figures.canvas import (
    COLOURS,
    FAINT,
    SYMBOLS,
    Drawn,
    blank,
    interval,
    labelled,
    text,
    thinned,
    thinning,
    whiskers,
)
from policyscope.reports.report import Setting
from policyscope.reports.results import Attribution
from policyscope.statistics import Estimate

BASELINE = {"line": {"color": FAINT, "width": 1, "dash": "dot"}, "y0": 0, "y1": 1}
BARS, PANELS = 25, ("", "2", "3", "4", "5", "6")
"""How many features the two figures show; panels as plotly numbers them."""
STATES = 300
"""How many dots are drawn of each feature: a page has to stay small."""


def draw_attribution(
    name: str, result: Attribution, environment: Setting | None
) -> tuple[Drawn, ...]:
    """What the policy acts on, and how."""
    return _importance(name, result), _dependence(name, result, environment)


def _importance(name: str, result: Attribution) -> Drawn:
    ranked = _ranked(result)
    shown, hidden = ranked[:BARS], ranked[BARS:]
    figure = blank(110 + 34 * len(shown))
    for part, estimates in (("importance", result.importance), ("sensitivity", result.sensitivity)):
        figure.add_trace(_shares(part, [estimates[i] for i in shown]))
    figure.update_xaxes(title_text="share of all features", tickformat=".0%", rangemode="tozero")
    labels = [text(result.features[i]) for i in shown]
    figure.update_yaxes(tickvals=np.arange(len(shown)), ticktext=labels, showgrid=False)
    figure.update_yaxes(range=[len(shown) - 0.4, -0.6])  # the first at the top
    caption = (
        f"Bars show importance: {Attribution.MEASURES['importance[feature]']}. Diamonds show "
        f"sensitivity: {Attribution.MEASURES['sensitivity[feature]']}. Whiskers show the "
        f"{interval(result.importance[0], result.unit)} of each alone."
    )
    if hidden:
        rest = sum(result.importance[i].value for i in hidden)
        caption += (
            f" Shown are the {BARS} most important of {len(ranked)} features; the {len(hidden)} "
            f"hidden ones have {rest:.1%} of the importance together."
        )
    return Drawn(f"{name}-importance", "What the policy acts on", caption, figure)


def _shares(part: str, estimates: Sequence[Estimate]) -> go.Bar | go.Scatter:
    """From top to bottom, importance as bars and sensitivity as diamonds under them."""
    places = np.arange(len(estimates))
    common = {
        "name": part,
        "x": [estimate.value for estimate in estimates],
        "error_x": whiskers(estimates),
        "hovertext": [f"{part} {e.value:.1%} [{e.low:.1%}, {e.high:.1%}]" for e in estimates],
        "hoverinfo": "text",
    }
    if part == "importance":
        bars = {"orientation": "h", "width": 0.44, "marker": {"color": COLOURS[0]}}
        return go.Bar(y=places - 0.12, **bars, **common)
    marker = {"color": COLOURS[1], "symbol": "diamond", "size": 9, "line": {"width": 1}}
    return go.Scatter(y=places + 0.26, mode="markers", marker=marker, **common)


def _dependence(name: str, result: Attribution, environment: Setting | None) -> Drawn:
    shown = _ranked(result)[: len(PANELS)]
    columns = min(2, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure = blank(60 + 270 * rows).update_layout(grid_rows=rows, grid_columns=columns)
    figure.update_layout(grid_pattern="independent", grid_xgap=0.33, grid_ygap=0.3)
    size = np.abs(result.contributions).sum(0)  # units of outputs may differ, shares compare
    most_moved = (size / np.maximum(size.sum(1, keepdims=True), np.finfo(float).tiny)).argmax(0)
    for panel, feature in zip(PANELS, shown, strict=False):
        output = int(most_moved[feature])
        figure.add_traces(list(_dots(result, feature, output, panel, environment)))
        across = labelled(result.features[feature], environment)
        up = f"contribution to the score:<br>{labelled(result.outputs[output], environment)}"
        figure.layout[f"xaxis{panel}"] = {"title": {"text": across}}
        figure.layout[f"yaxis{panel}"] = {"title": {"text": up}, "zeroline": True}
        at = float(result.baseline[feature])
        figure.add_shape(BASELINE, xref=f"x{panel}", yref=f"y{panel} domain", x0=at, x1=at)
    part = ", each for the output of which it has the largest part" * (len(result.outputs) > 1)
    return Drawn(
        f"{name}-dependence",
        "How it acts on them",
        f"{len(shown)} of {len(result.features)} features, the most important first{part}. Each "
        f"dot is one state{thinning(result.states, STATES)}: across is the feature's "
        "value there; up is what it contributes to the score, counted from the baseline "
        f"observation (dotted line). States are from {result.importance[0].n} "
        f"{result.unit}.",
        figure,
    )


def _dots(
    result: Attribution, feature: int, output: int, panel: str, environment: Setting | None
) -> Iterator[go.Scatter]:
    """Contribution over value, told apart by the action that was chosen where there are few."""
    states = thinned(result.states, STATES)
    chosen = result.chosen[:, output]
    kinds = np.unique(chosen).tolist()
    tell = len(result.outputs) == 1 < len(kinds) <= len(COLOURS)
    names = environment.actions if environment and len(environment.actions) > max(kinds) else ()
    for i, kind in enumerate(kinds if tell else kinds[:1]):
        group = states[chosen[states] == kind] if tell else states
        yield go.Scatter(
            x=result.states[group, feature],
            y=result.contributions[group, output, feature],
            xaxis=f"x{panel}",
            yaxis=f"y{panel}",
            mode="markers",
            name=text(names[kind] if names else f"action {kind}"),
            legendgroup=str(kind),
            showlegend=tell and panel == PANELS[0],
            marker={"color": COLOURS[i], "symbol": SYMBOLS[i], "size": 6, "opacity": 0.6},
            customdata=result.episodes[group],
            hovertemplate="%{x:.4g} contributes %{y:.4g}<extra>episode %{customdata}</extra>",
        )


def _ranked(result: Attribution) -> list[int]:
    return sorted(range(len(result.features)), key=lambda i: -result.importance[i].value)
