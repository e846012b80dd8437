"""What all figures share: colours, axes, whiskers, words.

Colour is never alone: place or shape says the same. The colours are those of Okabe and Ito, which
colour-blind people can tell apart too, https://jfly.uni-koeln.de/color/. Nothing is random: dots
that would hide one another are stacked, and many dots are thinned, by a rule.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Int, Shaped
from plotly.offline import get_plotlyjs

from policyscope.reports.report import Setting
from policyscope.statistics import Estimate

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "star")
INK, FAINT = "#1d2125", "#6b737b"
DIVERGING = ((0.0, COLOURS[0]), (0.5, "#f7f7f7"), (1.0, COLOURS[4]))
"""Against and for."""
TITLE = {"title": {"font": {"size": 13}, "standoff": 8}}
AXIS = TITLE | {"automargin": True, "gridcolor": "#e6e9ec", "zeroline": False}
STYLE = {
    "font": {"family": "system-ui, 'Segoe UI', Roboto, Arial, sans-serif", "color": INK},
    "margin": {"l": 10, "r": 16, "t": 32, "b": 10},
    "dragmode": False,  # or a finger that scrolls over a figure is caught in it
    "hoverlabel": {"bgcolor": "white", "font": {"color": INK}},
    "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"},
    "xaxis": AXIS,
    "yaxis": AXIS | {"zerolinecolor": FAINT, "ticklabelstandoff": 6},
}
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
    room: int = 0
    """Width in rem below which it cannot be read, so that narrow screens have to scroll."""


def library() -> str:
    """The plotting library's JavaScript, which a page that shows figures has to contain."""
    return get_plotlyjs()


def thinned(values: Shaped[np.ndarray, " dot ..."], most: int) -> Int[np.ndarray, " kept"]:
    """At most so many places in an array, evenly spaced."""
    return np.linspace(0, len(values) - 1, min(len(values), most)).round().astype(int)


def thinning(values: Shaped[np.ndarray, " dot ..."], most: int) -> str:
    """What a caption says of it."""
    return f" ({most} of {len(values)} are drawn, evenly spaced)" if len(values) > most else ""


def whiskers(estimates: Sequence[Estimate]) -> dict[str, Any]:
    """Error bars that reach over the intervals."""
    above = [estimate.high - estimate.value for estimate in estimates]
    below = [estimate.value - estimate.low for estimate in estimates]
    return {"array": above, "arrayminus": below, "color": INK, "thickness": 1.5, "width": 4}


def interval(estimate: Estimate, unit: str = "episodes") -> str:
    """What a caption says of an interval."""
    return f"{estimate.sureness} interval ({estimate.method}, n = {estimate.n} {unit})"


def text(name: str) -> str:
    """A name that may be anyone's, to be shown as it is and not read as plotly's kind of HTML."""
    return html.escape(name if len(name) <= NAME else name[: NAME - 1] + "…", quote=False)


def bars(name: str, estimates: Sequence[Estimate], told: Sequence[str]) -> go.Bar:
    """From top to bottom, with what is told of each."""
    places = np.arange(len(estimates)) - 0.12
    common = _across(name, estimates, told)
    return go.Bar(y=places, orientation="h", width=0.44, marker={"color": COLOURS[0]}, **common)


def diamonds(name: str, estimates: Sequence[Estimate], told: Sequence[str]) -> go.Scatter:
    """The same beneath `bars`."""
    places = np.arange(len(estimates)) + 0.26
    marker = {"color": COLOURS[1], "symbol": "diamond", "size": 9, "line": {"width": 1}}
    return go.Scatter(y=places, mode="markers", marker=marker, **_across(name, estimates, told))


def _across(name: str, estimates: Sequence[Estimate], told: Sequence[str]) -> dict[str, Any]:
    return {
        "name": name,
        "x": [estimate.value for estimate in estimates],
        "error_x": whiskers(estimates),
        "hovertext": told,
        "hoverinfo": "text",
    }


def blank(height: int) -> go.Figure:
    """A figure without anything in it, in the common style."""
    return go.Figure(layout={"template": {"layout": STYLE}, "height": height})


def labelled(name: str, environment: Setting | None) -> str:
    """A name with its unit, where there is one."""
    known = (*environment.features, *environment.actions) if environment else ()
    return text(next((label for label in known if label.partition(" (")[0] == name), name))
