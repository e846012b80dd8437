"""Figures of what the policy looks at, and of whether they are to be believed."""

from collections.abc import Iterator, Sequence

import numpy as np

from policyscope.reports.figures.attribution_images import draw_overlays
from policyscope.reports.figures.attribution_times import draw_maps
from policyscope.reports.figures.attribution_words import belief, ranked
from policyscope.reports.figures.canvas import (
    COLOURS,
    Drawn,
    bars,
    blank,
    diamonds,
    interval,
    text,
    whiskers,
)
from policyscope.reports.figures.dependence import draw_choices, draw_dependence
from policyscope.reports.figures.faithfulness import draw_faithfulness
from policyscope.reports.figures.reliance import draw_reliance
from policyscope.reports.figures.what_if import draw_what_if
from policyscope.reports.report import Setting
from policyscope.reports.results import Attribution
from policyscope.statistics import Estimate

BARS = 25
"""How many features are shown."""


def draw_attribution(
    name: str, result: Attribution, environment: Setting | None
) -> tuple[Drawn, ...]:
    """The maps first, then whether they are true, and what they mean for the policy."""
    return tuple(
        (
            *_drawn_maps(name, result, environment),
            *draw_faithfulness(name, result),
            *draw_reliance(name, result),
            *draw_what_if(name, result, environment),
        )
    )


def _drawn_maps(name: str, result: Attribution, environment: Setting | None) -> Iterator[Drawn]:
    if result.features:
        yield _importance(name, result)
        yield draw_dependence(name, result, environment)
        if len(result.actions) > 1:
            yield draw_choices(name, result, environment)
    else:
        yield draw_overlays(name, result, environment)
    if result.credit_of_past:
        yield _past(name, result)
    if result.features and np.bincount(result.episodes).max() > 1:  # else there is no time
        yield draw_maps(name, result, environment)


def _importance(name: str, result: Attribution) -> Drawn:
    order = ranked(result)
    shown, hidden = order[:BARS], order[BARS:]
    figure = blank(110 + 34 * len(shown))
    parts = {"importance": (bars, result.importance), "sensitivity": (diamonds, result.sensitivity)}
    for part, (drawn, estimates) in parts.items():
        if estimates:
            some = [estimates[i] for i in shown]
            figure.add_trace(drawn(part, some, _told(part, some)))
    figure.update_layout(showlegend=bool(result.sensitivity))
    figure.update_xaxes(title_text="share of all features", tickformat=".0%", rangemode="tozero")
    labels = [text(result.features[i]) for i in shown]
    figure.update_yaxes(tickvals=np.arange(len(shown)), ticktext=labels, showgrid=False)
    figure.update_yaxes(range=[len(shown) - 0.4, -0.6])  # the first at the top
    caption = (
        f"{belief(result)} Bars show importance: {Attribution.MEASURES['importance[feature]']}. "
    )
    if result.sensitivity:
        caption += f"Diamonds show sensitivity: {Attribution.MEASURES['sensitivity[feature]']}. "
    caption += f"Whiskers show the {interval(result.importance[0], result.unit)} of each alone."
    if hidden:
        rest = sum(result.importance[i].value for i in hidden)
        caption += (
            f" Shown are the {BARS} most important of {len(order)} features; the {len(hidden)} "
            f"hidden ones have {rest:.1%} of the importance together."
        )
    title = f"What the policy acts on, by {result.method}"
    return Drawn(f"{name}-importance", title, caption, figure)


def _told(part: str, estimates: Sequence[Estimate]) -> list[str]:
    return [f"{part} {e.value:.1%} [{e.low:.1%}, {e.high:.1%}]" for e in estimates]


def _past(name: str, result: Attribution) -> Drawn:
    """Credit of each of the last observations, the newest first."""
    credit = result.credit_of_past
    figure = blank(320)
    figure.add_bar(
        x=np.arange(len(credit)),
        y=[estimate.value for estimate in credit],
        error_y=whiskers(credit),
        width=0.6,
        marker={"color": COLOURS[0]},
        hovertext=[f"{estimate:.1%}" for estimate in credit],
        hoverinfo="text",
    )
    figure.update_xaxes(
        title_text="steps before the decision", dtick=max(len(credit) // 10, 1), showgrid=False
    )
    figure.update_yaxes(title_text="share of the credit", tickformat=".0%", rangemode="tozero")
    return Drawn(
        f"{name}-past",
        "How far back it looks",
        f"{belief(result)} Share of the decision's credit that goes to each of the last "
        f"{len(credit)} observations, 0 the newest, with the {interval(credit[0], result.unit)} of "
        "each. What was seen before them is in the memory and gets no credit here.",
        figure.update_layout(showlegend=False),
    )
