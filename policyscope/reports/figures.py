"""One figure per result type, and the only door to the plotting library.

Colour is never alone: place or shape says the same. The colours are those of Okabe and Ito, which
colour-blind people can tell apart too, https://jfly.uni-koeln.de/color/. Nothing is random: dots
that would hide one another are stacked, and many dots are thinned, by a rule.
"""

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int, Shaped
from plotly.offline import get_plotlyjs

from policyscope.reports.report import Setting
from policyscope.reports.results import (
    Attribution,
    DirectionSet,
    EpisodeReturns,
    Failed,
    NotApplicable,
    Result,
)
from policyscope.statistics import Estimate

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "star")
INK, FAINT = "#1d2125", "#6b737b"
TITLE = {"title": {"font": {"size": 13}, "standoff": 8}}
AXIS = TITLE | {"automargin": True, "gridcolor": "#e6e9ec", "zeroline": False}
BASELINE = {"line": {"color": FAINT, "width": 1, "dash": "dot"}, "y0": 0, "y1": 1}
STYLE = {
    "font": {"family": "system-ui, 'Segoe UI', Roboto, Arial, sans-serif", "color": INK},
    "margin": {"l": 10, "r": 16, "t": 32, "b": 10},
    "dragmode": False,  # or a finger that scrolls over a figure is caught in it
    "hoverlabel": {"bgcolor": "white", "font": {"color": INK}},
    "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"},
    "xaxis": AXIS,
    "yaxis": AXIS | {"zerolinecolor": FAINT, "ticklabelstandoff": 6},
}
BARS, PANELS = 25, ("", "2", "3", "4", "5", "6")
"""How many features the two figures of an attribution show; panels as plotly numbers them."""
EPISODES, STATES = 1000, 300
"""How many dots are drawn of each arm, and of each feature: a page has to stay small."""
NAME = 44
"""Characters of a name that are shown."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure, and the words that belong to it."""

    name: str
    """Unique in a report, for example `returns-episodes`."""
    title: str
    caption: str
    """Plain text: what is shown, what the interval is, and of how many."""
    figure: go.Figure


def library() -> str:
    """The plotting library's JavaScript, which a page that shows figures has to contain."""
    return get_plotlyjs()


def draw(name: str, result: Result, environment: Setting | None = None) -> tuple[Drawn, ...]:
    """Draw an analyzer's answer, the most telling figure first.

    Args:
        name: The analyzer's.
        result: Its answer.
        environment: Knows the units, and the names of actions; figures do without.
    """
    match result:
        case EpisodeReturns(arms=(_,)):
            return (_episodes(name, result),)
        case EpisodeReturns():
            return _episodes(name, result), _differences(name, result)
        case Attribution():
            return _importance(name, result), _dependence(name, result, environment)
        case DirectionSet() | NotApplicable() | Failed():
            return ()


def _episodes(name: str, result: EpisodeReturns) -> Drawn:
    means = [result.mean(arm) for arm in range(len(result.arms))]
    figure = _rain(result, result.arms, result.returns, means)
    figure.update_xaxes(title_text="undiscounted return (reward)")
    return Drawn(
        f"{name}-episodes",
        "Return of every episode",
        f"Each dot is one episode{_thinning(result.returns[0], EPISODES)}; dots of about the same "
        "return are stacked. The upright bar below them is their mean, with its "
        f"{_interval(means[0])}.",
        figure,
    )


def _differences(name: str, result: EpisodeReturns) -> Drawn:
    *arms, reference = result.arms
    means = [result.advantage(arm) for arm in range(len(arms))]
    names = [f"{arm} − {reference}" for arm in arms]
    figure = _rain(result, names, result.returns[:-1] - result.returns[-1], means)
    figure.update_xaxes(title_text=f"return minus that of {_text(reference)} (reward)")
    figure.update_xaxes(rangemode="tozero", zeroline=True, zerolinecolor=INK)
    return Drawn(
        f"{name}-differences",
        f"Difference to {reference} on the same episodes",
        f"Each dot is one episode{_thinning(result.returns[0], EPISODES)}: its return minus that "
        f"of {reference} from the same start with the same randomness, so right of 0 is better. "
        f"The upright bar is the mean, with its {_interval(means[0])}; an interval that holds 0 "
        "leaves open which is better.",
        figure,
    )


def _rain(
    result: EpisodeReturns,
    names: Sequence[str],
    values: Float[np.ndarray, " row episode"],
    means: Sequence[Estimate],
) -> go.Figure:
    """Dots of single episodes over their mean, one row for each of the first arms."""
    figure = _figure(100 + 100 * len(names))
    kept = _thinned(values[0], EPISODES)
    for row, mean in enumerate(means):
        colour = COLOURS[row % len(COLOURS)] if row < len(result.arms) - 1 else FAINT
        figure.add_scatter(
            x=values[row, kept],
            y=_stacked(values[row, kept], np.ptp(values) / 100) - row,
            mode="markers",
            marker={"color": colour, "size": 7, "opacity": 0.6},
            customdata=np.column_stack([kept, result.lengths[row, kept]]),
            text=np.where(result.truncated[row, kept], ", ended by the time limit", ""),
            hovertemplate="%{x:,.5~g} after %{customdata[1]} steps%{text}"
            "<extra>episode %{customdata[0]}</extra>",
        )
        figure.add_scatter(
            x=[mean.value],
            y=[-row - 0.16],
            error_x=_whiskers([mean]),
            mode="markers",
            marker={"symbol": "line-ns", "size": 18, "line": {"color": INK, "width": 3}},
            hovertemplate=f"mean {mean}<extra></extra>",
        )
    labels = [f"<b>{_text(n)}</b><br>{mean}" for n, mean in zip(names, means, strict=True)]
    figure.update_yaxes(tickvals=-np.arange(len(names)), ticktext=labels, showgrid=False)
    return figure.update_layout(showlegend=False, yaxis_range=[0.6 - len(names), 0.75])


def _stacked(values: Float[np.ndarray, " dot"], width: float) -> Float[np.ndarray, " dot"]:
    """Height of each dot: its place among those that fall into the same narrow bin."""
    bins = np.floor((values - values.min()) / (width or 1))
    order = np.argsort(bins, kind="stable")
    _, first, counts = np.unique(bins[order], return_index=True, return_counts=True)
    heights = np.empty(len(values))
    heights[order] = np.arange(len(values)) - np.repeat(first, counts)
    return heights * min(0.08, 0.65 / counts.max())


def _importance(name: str, result: Attribution) -> Drawn:
    ranked = _ranked(result)
    shown, hidden = ranked[:BARS], ranked[BARS:]
    figure = _figure(110 + 34 * len(shown))
    for part, estimates in (("importance", result.importance), ("sensitivity", result.sensitivity)):
        figure.add_trace(_shares(part, [estimates[i] for i in shown]))
    figure.update_xaxes(title_text="share of all features", tickformat=".0%", rangemode="tozero")
    labels = [_text(result.features[i]) for i in shown]
    figure.update_yaxes(tickvals=np.arange(len(shown)), ticktext=labels, showgrid=False)
    figure.update_yaxes(range=[len(shown) - 0.4, -0.6])  # the first at the top
    caption = (
        f"Bars show importance: {Attribution.MEASURES['importance[feature]']}. Diamonds show "
        f"sensitivity: {Attribution.MEASURES['sensitivity[feature]']}. Whiskers show the "
        f"{_interval(result.importance[0], result.unit)} of each alone."
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
        "error_x": _whiskers(estimates),
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
    figure = _figure(60 + 270 * rows).update_layout(grid_rows=rows, grid_columns=columns)
    figure.update_layout(grid_pattern="independent", grid_xgap=0.33, grid_ygap=0.3)
    size = np.abs(result.contributions).sum(0)  # units of outputs may differ, shares compare
    most_moved = (size / np.maximum(size.sum(1, keepdims=True), np.finfo(float).tiny)).argmax(0)
    for panel, feature in zip(PANELS, shown, strict=False):
        output = int(most_moved[feature])
        figure.add_traces(list(_dots(result, feature, output, panel, environment)))
        across = _labelled(result.features[feature], environment)
        up = f"contribution to the score:<br>{_labelled(result.outputs[output], environment)}"
        figure.layout[f"xaxis{panel}"] = {"title": {"text": across}}
        figure.layout[f"yaxis{panel}"] = {"title": {"text": up}, "zeroline": True}
        at = float(result.baseline[feature])
        figure.add_shape(BASELINE, xref=f"x{panel}", yref=f"y{panel} domain", x0=at, x1=at)
    part = ", each for the output of which it has the largest part" * (len(result.outputs) > 1)
    return Drawn(
        f"{name}-dependence",
        "How it acts on them",
        f"{len(shown)} of {len(result.features)} features, the most important first{part}. Each "
        f"dot is one state{_thinning(result.states, STATES)}: across is the feature's "
        "value there; up is what it contributes to the score, counted from the baseline "
        f"observation (dotted line). States are from {result.importance[0].n} "
        f"{result.unit}.",
        figure,
    )


def _dots(
    result: Attribution, feature: int, output: int, panel: str, environment: Setting | None
) -> Iterator[go.Scatter]:
    """Contribution over value, told apart by the action that was chosen where there are few."""
    states = _thinned(result.states, STATES)
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
            name=_text(names[kind] if names else f"action {kind}"),
            legendgroup=str(kind),
            showlegend=tell and panel == PANELS[0],
            marker={"color": COLOURS[i], "symbol": SYMBOLS[i], "size": 6, "opacity": 0.6},
            customdata=result.episodes[group],
            hovertemplate="%{x:.4g} contributes %{y:.4g}<extra>episode %{customdata}</extra>",
        )


def _ranked(result: Attribution) -> list[int]:
    return sorted(range(len(result.features)), key=lambda i: -result.importance[i].value)


def _labelled(name: str, environment: Setting | None) -> str:
    """A name with its unit, where there is one."""
    known = (*environment.features, *environment.actions) if environment else ()
    return _text(next((label for label in known if label.partition(" (")[0] == name), name))


def _thinned(values: Shaped[np.ndarray, " dot ..."], most: int) -> Int[np.ndarray, " kept"]:
    """At most so many places in an array, evenly spaced."""
    return np.linspace(0, len(values) - 1, min(len(values), most)).round().astype(int)


def _thinning(values: Shaped[np.ndarray, " dot ..."], most: int) -> str:
    return f" ({most} of {len(values)} are drawn, evenly spaced)" if len(values) > most else ""


def _whiskers(estimates: Sequence[Estimate]) -> dict[str, Any]:
    above = [estimate.high - estimate.value for estimate in estimates]
    below = [estimate.value - estimate.low for estimate in estimates]
    return {"array": above, "arrayminus": below, "color": INK, "thickness": 1.5, "width": 4}


def _interval(estimate: Estimate, unit: str = "episodes") -> str:
    return f"{estimate.sureness} interval ({estimate.method}, n = {estimate.n} {unit})"


def _text(name: str) -> str:
    """A name that may be anyone's, to be shown as it is and not read as plotly's kind of HTML."""
    return html.escape(name if len(name) <= NAME else name[: NAME - 1] + "…", quote=False)


def _figure(height: int) -> go.Figure:
    return go.Figure(layout={"template": {"layout": STYLE}, "height": height})
