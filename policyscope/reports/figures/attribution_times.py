"""Figure of what decides over the time of an episode."""

import numpy as np
from jaxtyping import Int

from policyscope.reports.figures.attribution_words import (
    action_name,
    belief,
    colours,
    most_moved,
    ranked,
    sides,
)
from policyscope.reports.figures.canvas import (
    COLOURS,
    INK,
    Drawn,
    blank,
    labelled,
    text,
    thinned,
    thinning,
)
from policyscope.reports.report import Setting
from policyscope.reports.results import Attribution

FEATURES, COLUMNS, KINDS = 25, 200, 8
"""Features, states and kinds of actions that are drawn: a page has to stay small."""


def draw_maps(name: str, result: Attribution, environment: Setting | None) -> Drawn:
    """One column for each explained state of the episode that has most of them."""
    episode = int(np.bincount(result.episodes).argmax())
    states = np.flatnonzero(result.episodes == episode)
    shown, rows = states[thinned(states, COLUMNS)], ranked(result)[:FEATURES]
    output = most_moved(result)[rows[0]]
    maps = result.newest(result.decision)[shown, output][:, rows].T
    times = result.times[shown]
    edges = np.append(times, times[-1] + max(round(np.ptp(times) / len(times)), 1))
    top = float(np.abs(maps).max()) or 1.0
    figure = blank(150 + 28 * len(rows))
    figure.add_heatmap(
        z=maps.astype(np.float32),
        x=edges,
        y=np.arange(len(rows)),
        coloraxis="coloraxis",
        hovertemplate="%{z:.4g} from step %{x}<extra></extra>",
    )
    bar = {"title": {"text": "contribution", "side": "right"}, "thickness": 12, "outlinewidth": 0}
    figure.update_layout(
        coloraxis=colours(result.signed, top) | {"colorbar": bar}, showlegend=False
    )
    labels = [labelled(result.features[i], environment) for i in rows]
    figure.update_yaxes(tickvals=np.arange(len(rows)), ticktext=labels, showgrid=False)
    figure.update_yaxes(range=[len(rows) - 0.5, -0.5], ticks="")
    figure.update_xaxes(title_text=f"step of episode {episode}", range=[edges[0], edges[-1]])
    strip = ""
    if result.discrete and len(result.outputs) == 1:
        strip = _add_actions(figure, result, shown, environment)
    what = "" if len(result.outputs) == 1 else f" for {text(result.outputs[output])}"
    return Drawn(
        f"{name}-over-time",
        "What decides over time",
        f"{belief(result)} Contribution of each feature to the decision{what} in the "
        f"{len(states)} explained states of episode {episode}{thinning(states, COLUMNS)}, of "
        f"which there are most: {sides(result)}. Each column reaches to the next "
        f"explained state.{strip}",
        figure,
    )


def _add_actions(
    figure, result: Attribution, shown: Int[np.ndarray, " state"], environment: Setting | None
) -> str:
    """The action that was chosen, on a strip of its own under the map."""
    chosen = result.chosen[shown, 0]
    kinds = np.unique(chosen).tolist()
    if len(kinds) > KINDS:
        return ""
    height = 22 * len(kinds) + 30
    total = figure.layout.height + height
    part = (22 * len(kinds)) / (total - 100)
    figure.add_scatter(
        x=result.times[shown],
        y=np.searchsorted(kinds, chosen),
        yaxis="y2",
        mode="lines+markers",
        line={"shape": "hv", "color": INK, "width": 1},
        marker={"size": 4, "color": COLOURS[0]},
        text=[action_name(result, kind, environment) for kind in chosen.tolist()],
        hovertemplate="%{text} at step %{x}<extra></extra>",
    )
    figure.layout.yaxis.domain = [part + 0.05, 1]
    figure.layout.yaxis2 = {
        "domain": [0, part],
        "tickvals": np.arange(len(kinds)),
        "ticktext": [action_name(result, kind, environment) for kind in kinds],
        "range": [-0.5, len(kinds) - 0.5],
        "ticks": "",
    }
    figure.update_layout(height=total, xaxis_anchor="y2")
    return " The line below is the action that was chosen."
