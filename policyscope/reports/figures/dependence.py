"""Figures of how a policy acts on single features: what their values contribute."""

import itertools
import math
from collections.abc import Iterator

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from policyscope.reports.figures.attribution_words import (
    action_name,
    additive_belief,
    belief,
    most_moved,
    ranked,
    sample,
)
from policyscope.reports.figures.canvas import (
    COLOURS,
    FAINT,
    SYMBOLS,
    Drawn,
    blank,
    labelled,
    thinned,
    thinning,
)
from policyscope.reports.report import Setting
from policyscope.reports.results import Attribution

BASELINE = {"line": {"color": FAINT, "width": 1, "dash": "dot"}, "y0": 0, "y1": 1}
PANELS = ("", "2", "3", "4", "5", "6")
"""Of how many features dots are drawn; panels as plotly numbers them."""
STATES = 300
"""How many dots are drawn of each feature: a page has to stay small."""
ROWS, ACTIONS, DOTS = 10, 6, 100
"""Features, actions and states of the figure with a choice: each choice has dots of its own."""


def draw_dependence(name: str, result: Attribution, environment: Setting | None) -> Drawn:
    """Contribution over value, feature by feature."""
    shown = ranked(result)[: len(PANELS)]
    columns = min(2, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure = blank(60 + 270 * rows).update_layout(grid_rows=rows, grid_columns=columns)
    figure.update_layout(grid_pattern="independent", grid_xgap=0.33, grid_ygap=0.3)
    outputs = most_moved(result)
    baseline = result.newest(result.baseline)
    for panel, feature in zip(PANELS, shown, strict=False):
        output = outputs[feature]
        figure.add_traces(list(_dots(result, feature, output, panel, environment)))
        across = labelled(result.features[feature], environment)
        up = f"contribution to the decision:<br>{labelled(result.outputs[output], environment)}"
        figure.layout[f"xaxis{panel}"] = {"title": {"text": across}}
        figure.layout[f"yaxis{panel}"] = {"title": {"text": up}, "zeroline": True}
        at = float(baseline[feature])
        figure.add_shape(BASELINE, xref=f"x{panel}", yref=f"y{panel} domain", x0=at, x1=at)
    part = ", each for the output of which it has the largest part" * (len(result.outputs) > 1)
    newest = " of the newest observation" * bool(result.credit_of_past)
    return Drawn(
        f"{name}-dependence",
        "How it acts on them",
        f"{belief(result)} {len(shown)} of {len(result.features)} features{newest}, the most "
        f"important first{part}. Each dot is one state{thinning(result.states, STATES)}: across is "
        "the feature's value there; up is what it contributes to the decision, counted from the "
        f"baseline observation (dotted line). They are {sample(result)}.",
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
    values, maps = result.newest(result.states), result.newest(result.decision)
    for i, kind in enumerate(kinds if tell else kinds[:1]):
        group = states[chosen[states] == kind] if tell else states
        yield go.Scatter(
            x=values[group, feature],
            y=maps[group, output, feature],
            xaxis=f"x{panel}",
            yaxis=f"y{panel}",
            mode="markers",
            name=action_name(result, kind, environment),
            legendgroup=str(kind),
            showlegend=tell and panel == PANELS[0],
            marker={"color": COLOURS[i], "symbol": SYMBOLS[i], "size": 6, "opacity": 0.6},
            customdata=result.episodes[group],
            hovertemplate="%{x:.4g} contributes %{y:.4g}<extra>episode %{customdata}</extra>",
        )


def draw_choices(name: str, result: Attribution, environment: Setting | None) -> Drawn:
    """What speaks for each action, and for one against another, to be chosen from a list."""
    shown = ranked(result)[:ROWS]
    states = thinned(result.states, DOTS)
    choices = _choices(result, environment)
    values = result.newest(result.states)[states][:, shown]
    figure = blank(150 + 44 * len(shown))
    figure.add_scatter(
        x=_across(choices[0][1], states, shown),
        y=(np.arange(len(shown)) + _aside(len(states))[:, None]).ravel().round(3),
        mode="markers",
        marker={"color": _within_range(values).ravel().round(3), "coloraxis": "coloraxis"}
        | {"size": 7, "line": {"width": 0.5, "color": FAINT}},
        customdata=np.repeat(states, len(shown)),
        text=[f"{value:.4g}" for value in values.ravel()],
        hovertemplate="%{text} contributes %{x:.4g}<extra>state %{customdata}</extra>",
    )
    buttons = [
        {"label": label, "method": "restyle", "args": [{"x": [_across(maps, states, shown)]}]}
        for label, maps in choices
    ]
    place = {"x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom", "pad": {"b": 8}}
    scale = {"title": {"text": "value", "side": "top"}, "thickness": 12, "outlinewidth": 0}
    scale |= {"tickvals": [0.03, 0.97], "ticktext": ["low", "high"]}
    figure.update_layout(
        updatemenus=[{"buttons": buttons, "showactive": True, "bgcolor": "white"} | place],
        coloraxis={"colorscale": "Cividis", "cmin": 0, "cmax": 1, "colorbar": scale},
        margin_t=64,
        showlegend=False,
    )
    labels = [labelled(result.features[i], environment) for i in shown]
    figure.update_yaxes(tickvals=np.arange(len(shown)), ticktext=labels, showgrid=False)
    figure.update_yaxes(range=[len(shown) - 0.4, -0.6])
    figure.update_xaxes(title_text="contribution to the score", zeroline=True, zerolinecolor=FAINT)
    what = "speaks for each action" if result.discrete else "moves each dimension of the action"
    return Drawn(f"{name}-choices", f"What {what}", _about_choices(result), figure)


def _about_choices(result: Attribution) -> str:
    few = ""
    if len(result.features) > ROWS:
        few = f", the {ROWS} most important of {len(result.features)}"
    often = ""
    if len(result.actions) > ACTIONS:
        often = f" Only the {ACTIONS} actions that were chosen most often can be chosen."
    speaks = "raises the dimension that is chosen above the figure"
    if result.discrete:
        speaks = (
            "speaks for the action that is chosen above the figure (for the first of the two, "
            "where it is one against another)"
        )
    return (
        f"{additive_belief(result)} One row for each feature{few}; each dot is one state"
        f"{thinning(result.states, DOTS)}, further right the more the feature's value there "
        f"{speaks}, and lighter the higher that value is among these states."
        f"{often} They are {sample(result)}."
    )


def _choices(
    result: Attribution, environment: Setting | None
) -> list[tuple[str, Float[np.ndarray, " state feature"]]]:
    """Words for maps, and these; of one against another only where they compete."""
    each = result.newest(result.each)
    often = range(len(result.actions))
    if result.discrete and len(result.actions) > ACTIONS:
        counts = np.bincount(result.chosen.ravel(), minlength=len(result.actions))
        often = sorted(np.argsort(-counts, kind="stable")[:ACTIONS].tolist())
    names = {i: action_name(result, i, environment) for i in often[:ACTIONS]}
    found = []
    if result.discrete and len(result.outputs) == 1:
        for one, other in itertools.combinations(names, 2):
            against = f"{names[one]} against {names[other]}"
            found.append((against, each[:, one] - each[:, other]))
    return found + [(names[i], each[:, i]) for i in names]


def _across(
    maps: Float[np.ndarray, " state feature"], states: Int[np.ndarray, " dot"], shown: list[int]
) -> list[float]:
    """Plain numbers with few digits: a menu's cannot be packed, and there are many."""
    return [float(f"{value:.4g}") for value in maps[states][:, shown].ravel()]


def _aside(count: int) -> Float[np.ndarray, " dot"]:
    """Places beside one another, by the golden ratio, so that few dots hide others."""
    return ((np.arange(count) * (math.sqrt(5) - 1) / 2) % 1 - 0.5) * 0.6


def _within_range(
    values: Float[np.ndarray, " state feature"],
) -> Float[np.ndarray, " state feature"]:
    """0 at each feature's smallest value, 1 at its largest."""
    low, range_ = values.min(0), np.ptp(values, 0)
    return np.divide(values - low, range_, out=np.full(values.shape, 0.5), where=range_ > 0)
