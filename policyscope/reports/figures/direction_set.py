"""Figures of the directions along which decisions break."""

import numpy as np
from jaxtyping import Int

from policyscope.reports.figures.canvas import (
    COLOURS,
    FAINT,
    INK,
    SYMBOLS,
    Drawn,
    blank,
    interval,
    labelled,
    text,
    whiskers,
)
from policyscope.reports.figures.direction_images import draw_frames, draw_spectrum
from policyscope.reports.figures.direction_times import draw_times, draw_windows
from policyscope.reports.figures.impact import draw_impact
from policyscope.reports.report import Setting
from policyscope.reports.results import INDEPENDENT, DirectionSet

HATCHED = {
    "color": "white",
    "line": {"color": FAINT, "width": 1},
    "pattern": {"shape": "/", "fgcolor": FAINT},
}
BARS = 25
"""How many features are shown."""
ARBITRARY = (
    "The sign of an eigenvector is arbitrary: the largest weight is made positive, and principal+ "
    "goes that way."
)


def draw_directions(
    name: str, result: DirectionSet, environment: Setting | None
) -> tuple[Drawn, ...]:
    """What a step costs, where it leads, and how settled that is."""
    drawn = [draw_impact(name, result.impact, f"{result.step}s", result.unit)]
    if len(result.spectrum):
        drawn += [draw_frames(name, result), draw_spectrum(name, result)]
    else:
        drawn.append(_features(name, result, environment))
    if result.shifts:
        drawn.append(_correlations(name, result))
    drawn.append(_shares(name, result))
    if result.lengths.max() > 1:  # else there is no time
        drawn.append(draw_times(name, result))
    if len(result.windows) > 1:
        drawn.append(draw_windows(name, result))
    return tuple(drawn)


def _features(name: str, result: DirectionSet, environment: Setting | None) -> Drawn:
    """The principal direction of vectors, its largest entries from top to bottom."""
    direction = result.directions[0]
    ranked = np.argsort(-np.abs(direction), kind="stable")
    shown, hidden = ranked[:BARS], ranked[BARS:]
    names = result.features or tuple(f"feature {i}" for i in range(len(direction)))
    figure = blank(100 + 30 * len(shown))
    figure.add_bar(
        x=direction[shown],
        y=np.arange(len(shown)),
        orientation="h",
        width=0.6,
        marker={"color": [COLOURS[int(direction[i] < 0)] for i in shown]},
        hovertext=[
            f"{text(names[i])}: {direction[i]:+.3f}, {direction[i] ** 2:.1%} of the direction's "
            f"squared length; one unit is {result.scale[i]:.4g}"
            for i in shown
        ],
        hoverinfo="text",
    )
    figure.update_xaxes(title_text=f"weight in the unit vector ({result.step}s)")
    figure.update_xaxes(zeroline=True, zerolinecolor=INK)
    figure.update_yaxes(
        tickvals=np.arange(len(shown)),
        ticktext=[labelled(names[i], environment) for i in shown],
        range=[len(shown) - 0.4, -0.6],  # the first at the top
        showgrid=False,
    )
    caption = _about_features(result, hidden)
    return Drawn(f"{name}-principal", "Where decisions break", caption, figure)


def _about_features(result: DirectionSet, hidden: Int[np.ndarray, " feature"]) -> str:
    direction = result.directions[0]
    caption = (
        f"The principal direction, a unit vector; it holds {result.shares[0].value:.1%} of the "
        f"gradients' squared length. {ARBITRARY}"
    )
    if len(hidden):
        rest = float(np.sum(direction[hidden] ** 2))
        caption += (
            f" Shown are the {BARS} largest of {len(direction)} weights; the {len(hidden)} hidden "
            f"ones hold {rest:.1%} of its squared length together."
        )
    left_out = int(np.sum(result.scale == 0))
    if left_out:
        caption += f" Features that never changed were left out: {left_out}."
    return caption


def _correlations(name: str, result: DirectionSet) -> Drawn:
    """Λ of each shift, the independent run first and chance last."""
    rows = [*zip(result.shifts, result.correlations, strict=True), ("chance", result.chance)]
    figure = blank(110 + 44 * len(rows))
    for y, (shift, estimate) in enumerate(rows):
        plain = shift in (INDEPENDENT, "chance")
        marker = {"color": FAINT, "symbol": SYMBOLS[0], "size": 10}
        if not plain:
            marker = {"color": COLOURS[0], "symbol": SYMBOLS[1], "size": 11}
        figure.add_scatter(
            x=[estimate.value],
            y=[y],
            error_x=whiskers([estimate]),
            mode="markers",
            marker=marker,
            hovertext=f"{text(shift)} {estimate}",
            hoverinfo="text",
        )
    baseline = result.correlations[0]
    figure.add_vrect(x0=baseline.low, x1=baseline.high, fillcolor=FAINT, opacity=0.15, line_width=0)
    figure.add_vline(result.chance.value, line={"color": FAINT, "width": 1, "dash": "dot"})
    labels = [f"<b>{text(s.replace('_', ' '))}</b><br>{e:.3f}" for s, e in rows]
    figure.update_yaxes(
        tickvals=np.arange(len(rows)),
        ticktext=labels,
        range=[len(rows) - 0.4, -0.6],
        showgrid=False,
    )
    figure.update_xaxes(title_text="Λ, the feature correlation quotient", range=[0, 1.02])
    return Drawn(
        f"{name}-correlations",
        "Whether shifts move the direction",
        "Λ of the principal direction of the states that were seen under each shift, on those seen "
        "without: 1 where the direction stays. The band is the independent run, other episodes of "
        "the same policy, against which a shift is to be read; the dotted line is a random "
        f"direction. Whiskers show the {interval(baseline, result.unit)}.",
        figure.update_layout(showlegend=False),
    )


def _shares(name: str, result: DirectionSet) -> Drawn:
    """How much of the gradients each direction holds, and all others together."""
    values = [share.value for share in result.shares]
    places = np.arange(1, len(values) + 1)
    figure = blank(300)
    figure.add_bar(
        x=places,
        y=values,
        error_y=whiskers(result.shares),
        width=0.6,
        marker={"color": COLOURS[0]},
        hovertext=[f"{share:.1%}" for share in result.shares],
        hoverinfo="text",
    )
    others = len(result.scale) > len(values)
    if others:
        rest = max(1 - sum(values), 0.0)
        bar = {"width": 0.6, "marker": HATCHED, "hovertext": f"{rest:.1%}", "hoverinfo": "text"}
        figure.add_bar(x=[len(values) + 1], y=[rest], **bar)
    figure.update_xaxes(
        title_text="direction",
        tickvals=np.arange(1, len(values) + 1 + others),
        ticktext=[*map(str, places), *["all others"] * others],
        showgrid=False,
    )
    figure.update_yaxes(title_text="share of the squared length", tickformat=".0%")
    figure.update_yaxes(rangemode="tozero")
    return Drawn(
        f"{name}-shares",
        "How many directions there are",
        "Share of the gradients' squared length along each eigenvector, with the "
        f"{interval(result.shares[0], result.unit)}. That amounts to {result.participation} "
        "directions (participation ratio), and the first of them to "
        f"{result.concentration} features (concentration).",
        figure.update_layout(showlegend=False),
    )
