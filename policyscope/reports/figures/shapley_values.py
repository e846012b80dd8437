"""Figures of Shapley values: how much each feature contributes, to what, and where."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from policyscope.reports.figures.canvas import (
    COLOURS,
    FAINT,
    SYMBOLS,
    Drawn,
    bars,
    blank,
    diamonds,
    interval,
    labelled,
    text,
    thinned,
    thinning,
)
from policyscope.reports.figures.shapley_waterfall import draw_waterfall
from policyscope.reports.figures.surrogates import draw_surrogates
from policyscope.reports.report import Setting
from policyscope.reports.results import ShapleyValues
from policyscope.statistics import Estimate

BARS, ROWS, ACTIONS = 25, 10, 6
"""Features with bars, features with dots, and actions to choose from."""
STATES = 300
"""How many dots are drawn of each feature: a page has to stay small."""
BINS, BESIDE, REACH = 80, 0.05, 0.4
"""Dots in the same of so many parts of the range stand beside one another, so far from the row."""
PANELS = ("", "2", "3", "4")
"""Of how many features φ is drawn over the value; panels as plotly numbers them."""


def draw_shapley_values(
    name: str, result: ShapleyValues, environment: Setting | None
) -> tuple[Drawn, ...]:
    """All features first, then single states, how φ depends on the value, and surrogates."""
    surrogates = result.surrogates
    return (
        _importance(name, result),
        _beeswarm(name, result, environment),
        _dependence(name, result, environment),
        draw_waterfall(name, result, environment),
        *((draw_surrogates(name, surrogates),) if surrogates.models else ()),
    )


def _importance(name: str, result: ShapleyValues) -> Drawn:
    order = np.argsort(-result.shares, kind="stable")
    shown, hidden = order[:BARS].tolist(), order[BARS:].tolist()
    figure = blank(110 + 34 * len(shown))
    played, game = [result.importance[i] for i in shown], "interventional"
    figure.add_trace(bars(game, played, _told(game, played)))
    on = result.on_manifold
    if on is not None:
        known, game = [on.importance[i] for i in shown], "on the manifold"
        figure.add_trace(diamonds(game, known, _told(game, known)))
    title = f"mean |φ|, summed over actions ({result.measured_in})"
    figure.update_layout(showlegend=on is not None)
    figure.update_xaxes(title_text=title, rangemode="tozero")
    labels = [text(result.features[i]) for i in shown]
    figure.update_yaxes(tickvals=np.arange(len(shown)), ticktext=labels, showgrid=False)
    figure.update_yaxes(range=[len(shown) - 0.4, -0.6])  # the first at the top
    caption = (
        f"How much each feature contributes to the {result.quantity}: mean |φ| over "
        f"{len(result.states)} visited states, summed over {len(result.actions)} outputs. Bars: "
        f"unknown features are drawn anew, whatever is known ({result.how})."
    )
    if on is not None:
        caption += (
            f" Diamonds: what is done on average in those of {on.visited:,} visited states that "
            "agree in what is known: they credit a feature for what it tells of others as well. "
            f"In {on.alone.value:.0%} of the sets of features none agreed."
        )
    caption += f" Whiskers show the {interval(result.importance[0], result.unit)} of each alone."
    if hidden:
        rest = result.shares[hidden].sum()
        caption += f" The {len(hidden)} features that are not shown have {rest:.1%} together."
    return Drawn(f"{name}-importance", "How much each feature contributes", caption, figure)


def _told(game: str, estimates: Sequence[Estimate]) -> list[str]:
    return [f"{game} {estimate:.3g}" for estimate in estimates]


def _beeswarm(name: str, result: ShapleyValues, environment: Setting | None) -> Drawn:
    """φ of every state, feature by feature, coloured by the feature's value."""
    outputs = _by_importance(result)[:ACTIONS]
    shown = _ranked(result, outputs[0])[:ROWS]
    states = thinned(result.states, STATES)
    values = result.states[states][:, shown].astype(float)
    figure = blank(150 + 48 * len(shown))
    across, up = _swarms(result, outputs[0], shown, states)
    figure.add_scatter(
        x=across,
        y=up,
        mode="markers",
        marker={"color": _within_range(values).T.ravel().round(3), "coloraxis": "coloraxis"}
        | {"size": 6, "line": {"width": 0.5, "color": FAINT}},
        text=[f"{value:.4g}" for value in values.T.ravel()],
        hovertemplate="%{text} contributes %{x:.4g}<extra></extra>",
    )
    buttons = [
        _button(result, output, shown, states, labelled(result.actions[output], environment))
        for output in outputs
    ]
    figure.update_layout(**_choosing(buttons))
    labels = [labelled(result.features[i], environment) for i in shown]
    figure.update_yaxes(tickvals=np.arange(len(shown)), ticktext=labels, showgrid=False)
    figure.update_yaxes(range=[len(shown) - 0.4, -0.6])
    title = f"φ ({result.measured_in})"
    figure.update_xaxes(title_text=title, zeroline=True, zerolinecolor=FAINT)
    few = f", the {len(shown)} with most of {len(result.features)}" * (
        len(shown) < len(result.features)
    )
    return Drawn(
        f"{name}-beeswarm",
        "What it contributes, state by state",
        f"One row for each feature{few}; each dot is one state{thinning(result.states, STATES)}, "
        "further right the more the feature's value there raises what is chosen above the figure "
        f"({result.quantity}), lighter the higher that value is among these states. Dots that "
        "would hide one another are stacked. The game is the interventional one.",
        figure,
    )


def _button(
    result: ShapleyValues,
    output: int,
    shown: list[int],
    states: Int[np.ndarray, " dot"],
    label: str,
) -> dict[str, Any]:
    across, up = _swarms(result, output, shown, states)
    return {"label": label, "method": "restyle", "args": [{"x": [across], "y": [up]}]}


def _choosing(buttons: list[dict[str, Any]]) -> dict[str, Any]:
    """A menu above the figure, and what the colours mean."""
    place = {"x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom", "pad": {"b": 8}}
    scale = {"title": {"text": "value", "side": "top"}, "thickness": 12, "outlinewidth": 0}
    scale |= {"tickvals": [0.03, 0.97], "ticktext": ["low", "high"]}
    return {
        "updatemenus": [{"buttons": buttons, "showactive": True, "bgcolor": "white"} | place],
        "coloraxis": {"colorscale": "Cividis", "cmin": 0, "cmax": 1, "colorbar": scale},
        "margin_t": 64,
        "showlegend": False,
    }


def _swarms(
    result: ShapleyValues, output: int, shown: list[int], states: Int[np.ndarray, " dot"]
) -> tuple[list[float], list[float]]:
    """Places of all dots, row by row: plain numbers, as a menu's cannot be packed."""
    values = result.values[states][:, shown, output].T
    ups = np.concatenate([row + stacked(phis) for row, phis in enumerate(values)])
    return [float(f"{value:.4g}") for value in values.ravel()], ups.round(3).tolist()


def stacked(values: Float[np.ndarray, " dot"]) -> Float[np.ndarray, " dot"]:
    """How far beside their row dots stand, alternately on either side, where others are."""
    width = max(np.ptp(values), np.finfo(float).tiny) / BINS
    bins = np.floor((values - values.min()) / width).astype(int)
    number = np.zeros(len(values), int)
    for place in np.unique(bins):
        here = np.flatnonzero(bins == place)
        number[here] = np.arange(len(here))
    away = (number + 1) // 2 * np.where(number % 2, 1, -1)
    return away * min(BESIDE, REACH / max(np.abs(away).max(), 1))


def _dependence(name: str, result: ShapleyValues, environment: Setting | None) -> Drawn:
    """φ over the feature's value, for the most important features."""
    output = _by_importance(result)[0]
    shown = _ranked(result, output)[: len(PANELS)]
    columns = min(2, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure = blank(60 + 270 * rows).update_layout(grid_rows=rows, grid_columns=columns)
    figure.update_layout(grid_pattern="independent", grid_xgap=0.3, grid_ygap=0.3)
    action = labelled(result.actions[output], environment)
    for panel, feature in zip(PANELS, shown, strict=False):
        figure.add_traces(list(_dots(result, feature, output, panel, environment)))
        across = labelled(result.features[feature], environment)
        figure.layout[f"xaxis{panel}"] = {"title": {"text": across}}
        title = {"text": f"φ for {action}<br>({result.measured_in})"}
        figure.layout[f"yaxis{panel}"] = {"title": title, "zeroline": True}
    return Drawn(
        f"{name}-dependence",
        "How it depends on the value",
        f"The {len(shown)} features with most: across is the feature's value in a state"
        f"{thinning(result.states, STATES)}, up is φ, what it contributes there to "
        f"“{text(result.actions[output])}”. Where dots of one value stand far apart, other "
        "features decide what it means. The bars are standard errors.",
        figure,
    )


def _dots(
    result: ShapleyValues,
    feature: int,
    output: int,
    panel: str,
    environment: Setting | None,
) -> Iterator[go.Scatter]:
    """φ over value, told apart by the action that is likeliest where there are few."""
    states = thinned(result.states, STATES)
    likeliest = result.outputs.argmax(1)
    tell = result.discrete and len(result.actions) <= len(COLOURS)
    for kind in np.unique(likeliest).tolist() if tell else [0]:
        group = states[likeliest[states] == kind] if tell else states
        yield go.Scatter(
            x=result.states[group, feature],
            y=result.values[group, feature, output],
            error_y={"array": result.errors[group, feature, output], "width": 0}
            | {"thickness": 0.7, "color": FAINT},
            xaxis=f"x{panel}",
            yaxis=f"y{panel}",
            mode="markers",
            name=labelled(result.actions[kind], environment),
            legendgroup=str(kind),
            showlegend=tell and panel == PANELS[0],
            marker={"color": COLOURS[kind], "symbol": SYMBOLS[kind], "size": 6, "opacity": 0.6},
            customdata=result.episodes[group],
            hovertemplate="%{x:.4g} contributes %{y:.4g}<extra>episode %{customdata}</extra>",
        )


def _by_importance(result: ShapleyValues) -> list[int]:
    """Outputs, that to which features contribute most first."""
    sizes = np.abs(result.values).mean(0).sum(0)
    return np.argsort(-sizes.round(9), kind="stable").tolist()


def _ranked(result: ShapleyValues, output: int) -> list[int]:
    """Features, that which contributes most to an output first."""
    sizes = np.abs(result.values[:, :, output]).mean(0)
    return np.argsort(-sizes, kind="stable").tolist()


def _within_range(
    values: Float[np.ndarray, " state feature"],
) -> Float[np.ndarray, " state feature"]:
    """0 at each feature's smallest value, 1 at its largest."""
    low, range_ = values.min(0), np.ptp(values, 0)
    return np.divide(values - low, range_, out=np.full(values.shape, 0.5), where=range_ > 0)
