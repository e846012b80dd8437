"""One figure per result type, and the only door to the plotting library.

Colour is never alone: place or shape says the same. The colours are those of Okabe and Ito, which
colour-blind people can tell apart too, https://jfly.uni-koeln.de/color/. Nothing is random: dots
that would hide one another are stacked, and many dots are thinned, by a rule.
"""

import html
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from policyscope.reports.report import Played
from policyscope.reports.results import (
    Attribution,
    EpisodeReturns,
    Failed,
    NotApplicable,
    Result,
)
from policyscope.statistics import Estimate

COLOURS = BLUE, ORANGE, *_ = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9"
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "star")
INK, FAINT, GRID = "#1d2125", "#6b737b", "#e6e9ec"
STYLE = {
    "font": {
        "family": "system-ui, 'Segoe UI', Roboto, Arial, sans-serif",
        "size": 13,
        "color": INK,
    },
    "paper_bgcolor": "white",
    "plot_bgcolor": "white",
    "margin": {"l": 10, "r": 16, "t": 10, "b": 10},
    "dragmode": False,  # or a finger that scrolls over a figure is caught in it
    "hoverlabel": {"bgcolor": "white", "bordercolor": FAINT, "font": {"color": INK}},
    "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"},
    **{
        axis: {
            "automargin": True,
            "gridcolor": GRID,
            "zeroline": False,
            "linecolor": FAINT,
            "title": {"font": {"size": 13}, "standoff": 10},
        }
        for axis in ("xaxis", "yaxis")
    },
}
BARS, PANELS = 25, 6
"""How many features the two figures of an attribution show."""
RETURNS, STATES = 1000, 300
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


@dataclass(frozen=True, eq=False)
class _Row:
    """Numbers of single episodes, and their mean."""

    name: str
    values: Float[np.ndarray, " episode"]
    mean: Estimate
    notes: tuple[str, ...]
    """Of each episode, for those who point at it."""
    colour: str


def library() -> str:
    """The plotting library's JavaScript, which a page that shows figures has to contain."""
    return get_plotlyjs()


def draw(name: str, result: Result, environment: Played | None = None) -> tuple[Drawn, ...]:
    """Draw an analyzer's answer, the most telling figure first.

    Args:
        name: The analyzer's.
        result: Its answer.
        environment: Knows the units, and the names of actions; figures do without.
    """
    match result:
        case EpisodeReturns():
            return _episodes(name, result), _differences(name, result)
        case Attribution():
            return _importance(name, result), _dependence(name, result, environment)
        case NotApplicable() | Failed():
            return ()


def legible(value: float) -> str:
    """A number with four significant digits, and with all of those before the point."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def _episodes(name: str, result: EpisodeReturns) -> Drawn:
    rows = [
        _Row(arm, result.returns[i], result.mean(i), _notes(result, i), _colour(i, result))
        for i, arm in enumerate(result.arms)
    ]
    return Drawn(
        f"{name}-episodes",
        "Return of every episode",
        f"Each dot is one episode{_thinning(result)}; dots of about the same return are stacked. "
        f"The upright bar below them is the mean with its {_interval(rows[0].mean)}.",
        _rain(rows, "undiscounted return of an episode (reward)"),
    )


def _differences(name: str, result: EpisodeReturns) -> Drawn:
    reference = result.arms[-1]
    rows = [
        _Row(
            f"{arm} − {reference}",
            result.returns[i] - result.returns[-1],
            result.advantage(i),
            _notes(result, i),
            _colour(i, result),
        )
        for i, arm in enumerate(result.arms[:-1])
    ]
    figure = _rain(rows, f"difference in return to {_text(reference)} (reward)")
    figure.add_vline(0, line={"color": INK, "width": 1})
    return Drawn(
        f"{name}-differences",
        f"Difference to {reference} on the same episode",
        f"Each dot is one episode{_thinning(result)}: its return minus that of {reference} from "
        "the same start with the same randomness. Right of the line is better than "
        f"{reference}. The upright bar is the mean with its {_interval(result.advantage(0))}; "
        "an interval that touches the line shows no difference.",
        figure,
    )


def _colour(arm: int, result: EpisodeReturns) -> str:
    is_reference = arm == len(result.arms) - 1
    return FAINT if is_reference else COLOURS[arm % len(COLOURS)]


def _notes(result: EpisodeReturns, arm: int) -> tuple[str, ...]:
    return tuple(
        f"episode {i}: {legible(result.returns[arm, i])} in {result.lengths[arm, i]} steps"
        + (", ended by the time limit" if result.truncated[arm, i] else "")
        for i in range(result.returns.shape[1])
    )


def _thinning(result: EpisodeReturns) -> str:
    count = result.returns.shape[1]
    return f" ({RETURNS} of {count} are drawn, evenly spaced)" if count > RETURNS else ""


def _rain(rows: Sequence[_Row], title: str) -> go.Figure:
    """Dots of single episodes over their mean, one row for each kind of episode."""
    figure = _figure(height=95 + 115 * len(rows))
    everything = np.concatenate([row.values for row in rows])
    for place, row in enumerate(rows):
        kept = _thinned(len(row.values), RETURNS)
        values = row.values[kept]
        figure.add_scatter(
            x=values,
            y=_stacked(values, everything.min(), everything.max()) - place,
            mode="markers",
            marker={"color": row.colour, "size": 7, "opacity": 0.6},
            text=[row.notes[i] for i in kept],
            hovertemplate="%{text}<extra></extra>",
        )
        figure.add_scatter(
            x=[row.mean.value],
            y=[-place - 0.14],
            error_x=_whiskers([row.mean], 2),
            mode="markers",
            marker={"symbol": "line-ns", "size": 18, "line": {"color": INK, "width": 3}},
            text=[f"mean {_span(row.mean)}"],
            hovertemplate="%{text}<extra></extra>",
        )
    figure.update_xaxes(title_text=title)
    figure.update_yaxes(
        tickvals=[-place for place in range(len(rows))],
        ticktext=[f"<b>{_text(row.name)}</b><br>{_span(row.mean)}" for row in rows],
        range=[0.62 - len(rows), 0.75],
        showgrid=False,
    )
    return figure.update_layout(showlegend=False)


def _stacked(
    values: Float[np.ndarray, " dot"], lowest: float, highest: float
) -> Float[np.ndarray, " dot"]:
    """Height of each dot: its place among those that fall into the same narrow bin."""
    bins = np.floor(100 * (values - lowest) / max(highest - lowest, 1e-12))
    order = np.argsort(bins, kind="stable")
    _, first, counts = np.unique(bins[order], return_index=True, return_counts=True)
    heights = np.empty(len(values))
    heights[order] = np.arange(len(values)) - np.repeat(first, counts)
    return heights * min(0.07, 0.65 / counts.max())


def _importance(name: str, result: Attribution) -> Drawn:
    ranked = _ranked(result)
    shown = ranked[:BARS]
    figure = _figure(height=110 + 34 * len(shown))
    for part, estimates in (("importance", result.importance), ("sensitivity", result.sensitivity)):
        figure.add_trace(_shares(part, [estimates[i] for i in shown]))
    figure.update_xaxes(title_text="share of all features", tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(
        tickvals=list(range(len(shown))),
        ticktext=[_text(result.features[i]) for i in shown],
        range=[len(shown) - 0.4, -0.6],
        showgrid=False,
    )
    hidden = sum(result.importance[i].value for i in ranked[BARS:])
    return Drawn(
        f"{name}-importance",
        "What the policy acts on",
        f"Bars show importance: {Attribution.MEASURES['importance[feature]']}. Diamonds show "
        f"sensitivity: {Attribution.MEASURES['sensitivity[feature]']}. Whiskers are each one's "
        f"{_interval(result.importance[0])}."
        + (
            f" The {BARS} most important of {len(ranked)} features are shown; the "
            f"{len(ranked) - BARS} hidden ones share {hidden:.1%} of the importance."
            if len(ranked) > BARS
            else ""
        ),
        figure,
    )


def _shares(part: str, estimates: Sequence[Estimate]) -> go.Bar | go.Scatter:
    """Shares from top to bottom: importance as bars, sensitivity as diamonds under them."""
    common = {
        "name": part,
        "x": [estimate.value for estimate in estimates],
        "error_x": _whiskers(estimates, 1.5),
        "customdata": [[100 * e.low, 100 * e.high] for e in estimates],
        "hovertemplate": part
        + " %{x:.1%} [%{customdata[0]:.1f}%, %{customdata[1]:.1f}%]<extra></extra>",
    }
    if part == "importance":
        y = [place - 0.12 for place in range(len(estimates))]
        return go.Bar(y=y, width=0.44, orientation="h", marker={"color": BLUE}, **common)
    y = [place + 0.26 for place in range(len(estimates))]
    marker = {"color": ORANGE, "size": 9, "symbol": "diamond", "line": {"color": INK, "width": 1}}
    return go.Scatter(y=y, mode="markers", marker=marker, **common)


def _dependence(name: str, result: Attribution, environment: Played | None) -> Drawn:
    shown = _ranked(result)[:PANELS]
    columns = min(2, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure = make_subplots(rows, columns, horizontal_spacing=0.14, vertical_spacing=0.28 / rows)
    named: set[str] = set()  # of the legend, which names each kind of dot once
    for place, (feature, output) in enumerate(zip(shown, _most_moved(result, shown), strict=True)):
        spot = {"row": place // columns + 1, "col": place % columns + 1}
        for trace in _dots(result, feature, output, environment):
            trace.showlegend = bool(trace.name) and trace.name not in named
            named.add(trace.name)
            figure.add_trace(trace, **spot)
        figure.add_hline(0, line={"color": FAINT, "width": 1}, **spot)
        across = {"color": FAINT, "width": 1, "dash": "dot"}
        figure.add_vline(float(result.baseline[feature]), line=across, **spot)
        figure.update_xaxes(title_text=_feature(result, feature, environment), **spot)
        figure.update_yaxes(title_text=_score(result, output, environment), **spot)
    figure.layout.template = {"layout": STYLE}
    figure.update_layout(height=70 + 270 * rows)
    count, drawn = len(result.states), len(_thinned(len(result.states), STATES))
    return Drawn(
        f"{name}-dependence",
        "How it acts on them",
        f"Each dot is one visited state ({drawn} of {count}, evenly spaced, from "
        f"{len(np.unique(result.episodes))} episodes): across, the feature's value there; up, "
        "what it contributes to the score, counted from the baseline observation (dotted). "
        f"Shown {'is' if len(shown) == 1 else 'are'} the {len(shown)} most important of "
        f"{len(result.features)} features"
        + (", each for the output of which it has the largest part." * (len(result.outputs) > 1))
        + ("." * (len(result.outputs) == 1)),
        figure,
    )


def _dots(
    result: Attribution, feature: int, output: int, environment: Played | None
) -> Iterator[go.Scatter]:
    """Contribution over value: one trace, or one for each action that was chosen if they are few."""
    states = _thinned(len(result.states), STATES)
    chosen = result.chosen[states, output]
    kinds = np.unique(result.chosen[:, output])
    groups = [states[chosen == kind] for kind in kinds] if len(kinds) <= len(COLOURS) else [states]
    for i, group in enumerate(groups):
        yield go.Scatter(
            x=result.states[group, feature],
            y=result.contributions[group, output, feature],
            mode="markers",
            name=_action(result, int(kinds[i]), environment) if len(groups) > 1 else None,
            marker={"color": COLOURS[i], "symbol": SYMBOLS[i], "size": 6, "opacity": 0.6},
            customdata=result.episodes[group],
            hovertemplate="value %{x:.4g}<br>contribution %{y:.4g}<br>episode %{customdata}"
            "<extra></extra>",
        )


def _ranked(result: Attribution) -> list[int]:
    """Features, the most important first."""
    return sorted(range(len(result.features)), key=lambda i: -result.importance[i].value)


def _most_moved(result: Attribution, features: Sequence[int]) -> list[int]:
    """The output of which each feature has the largest part; their units may differ."""
    size = np.abs(result.contributions).sum(0)
    whole = size.sum(1, keepdims=True)
    part = np.divide(size, whole, out=np.zeros_like(size), where=whole > 0)
    return [int(part[:, feature].argmax()) for feature in features]


def _feature(result: Attribution, feature: int, environment: Played | None) -> str:
    name = result.features[feature]
    return _text(_with_unit(name, environment.features if environment else ()))


def _score(result: Attribution, output: int, environment: Played | None) -> str:
    name = result.outputs[output]
    known = _with_unit(name, environment.actions if environment else ())
    discrete = len(np.unique(result.chosen[:, output])) > 1 or name.startswith("chosen")
    return "contribution to<br>" + ("score of " if discrete else "") + _text(known)


def _action(result: Attribution, chosen: int, environment: Played | None) -> str:
    names = environment.actions if environment and len(result.outputs) == 1 else ()
    return _text(names[chosen] if chosen < len(names) else f"score {chosen}")


def _with_unit(name: str, labels: Iterable[str]) -> str:
    return next((label for label in labels if label.partition(" (")[0] == name), name)


def _thinned(count: int, most: int) -> Int[np.ndarray, " kept"]:
    """At most so many places, evenly spaced."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)


def _whiskers(estimates: Sequence[Estimate], thickness: float) -> dict[str, Any]:
    return {
        "array": [estimate.high - estimate.value for estimate in estimates],
        "arrayminus": [estimate.value - estimate.low for estimate in estimates],
        "color": INK,
        "thickness": thickness,
        "width": 4,
    }


def _interval(estimate: Estimate) -> str:
    sure = f"{100 * estimate.confidence:.6g}%"
    return f"{sure} interval ({estimate.method}, n = {estimate.n} episodes)"


def _span(estimate: Estimate) -> str:
    value, low, high = map(legible, (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"


def _text(name: str) -> str:
    """A name that may be anyone's, so that it is shown as it is and not read as plotly's HTML."""
    return html.escape(name if len(name) <= NAME else name[: NAME - 1] + "…", quote=False)


def _figure(height: int) -> go.Figure:
    return go.Figure(layout={"template": {"layout": STYLE}, "height": height})
