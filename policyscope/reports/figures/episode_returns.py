"""Figures of the returns of whole episodes."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from policyscope.reports.figures.canvas import (
    COLOURS,
    FAINT,
    INK,
    Drawn,
    blank,
    interval,
    text,
    thinned,
    thinning,
    whiskers,
)
from policyscope.reports.results import EpisodeReturns
from policyscope.statistics import Estimate

EPISODES = 1000
"""How many dots are drawn of each arm: a page has to stay small."""


def draw_returns(name: str, result: EpisodeReturns) -> tuple[Drawn, ...]:
    """Every episode, and where there are several arms their differences."""
    if len(result.arms) == 1:
        return (_episodes(name, result),)
    return _episodes(name, result), _differences(name, result)


def _episodes(name: str, result: EpisodeReturns) -> Drawn:
    means = [result.mean(arm) for arm in range(len(result.arms))]
    figure = _rain(result, result.arms, result.returns, means)
    figure.update_xaxes(title_text="undiscounted return (reward)")
    return Drawn(
        f"{name}-episodes",
        "Return of every episode",
        f"Each dot is one episode{thinning(result.returns[0], EPISODES)}; dots of about the same "
        "return are stacked. The upright bar below them is their mean, with its "
        f"{interval(means[0])}.",
        figure,
    )


def _differences(name: str, result: EpisodeReturns) -> Drawn:
    *arms, reference = result.arms
    means = [result.advantage(arm) for arm in range(len(arms))]
    names = [f"{arm} − {reference}" for arm in arms]
    figure = _rain(result, names, result.returns[:-1] - result.returns[-1], means)
    figure.update_xaxes(title_text=f"return minus that of {text(reference)} (reward)")
    figure.update_xaxes(rangemode="tozero", zeroline=True, zerolinecolor=INK)
    return Drawn(
        f"{name}-differences",
        f"Difference to {reference} on the same episodes",
        f"Each dot is one episode{thinning(result.returns[0], EPISODES)}: its return minus that "
        f"of {reference} from the same start with the same randomness, so right of 0 is better. "
        f"The upright bar is the mean, with its {interval(means[0])}; an interval that holds 0 "
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
    figure = blank(100 + 100 * len(names))
    kept = thinned(values[0], EPISODES)
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
            error_x=whiskers([mean]),
            mode="markers",
            marker={"symbol": "line-ns", "size": 18, "line": {"color": INK, "width": 3}},
            hovertemplate=f"mean {mean}<extra></extra>",
        )
    labels = [f"<b>{text(n)}</b><br>{mean}" for n, mean in zip(names, means, strict=True)]
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
