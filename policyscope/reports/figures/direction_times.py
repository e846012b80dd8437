"""Figures of the directions over time."""

import numpy as np
from jaxtyping import Float, Int

from policyscope.reports.figures.canvas import COLOURS, FAINT, Drawn, blank, interval
from policyscope.reports.results import DirectionSet

EPISODES = 3
"""How many episodes are drawn, the first ones."""
POINTS = 500
"""How many points are drawn of each: a page has to stay small."""


def draw_times(name: str, result: DirectionSet) -> Drawn:
    """‖g(s_t)‖ along the first episodes, one above the other."""
    episodes = np.split(result.norms, np.cumsum(result.lengths)[:-1])[:EPISODES]
    figure = blank(90 + 120 * len(episodes))
    each = 1 / len(episodes)
    for i, norms in enumerate(episodes):
        panel = str(i + 1) if i else ""
        steps, largest = peaks(norms)
        figure.add_scatter(
            x=steps,
            y=largest.astype(np.float32),
            yaxis=f"y{panel}",
            mode="lines",
            line={"color": COLOURS[0], "width": 1.2},
            hovertemplate="%{y:.4g} at step %{x}<extra></extra>",
        )
        average = float(norms.mean())
        line = {"color": FAINT, "width": 1, "dash": "dot"}
        across = {"xref": "x domain", "yref": f"y{panel}", "x0": 0, "x1": 1}
        figure.add_shape(across, type="line", y0=average, y1=average, line=line)
        top = 1 - i * each
        figure.layout[f"yaxis{panel}"] = {
            "domain": [top - 0.86 * each, top],
            "title": {"text": f"episode {i}"},
            "rangemode": "tozero",
            "nticks": 4,
        }
    last = str(len(episodes)) if len(episodes) > 1 else ""
    figure.update_xaxes(title_text="step", anchor=f"y{last}", rangemode="tozero")
    longest = int(result.lengths[: len(episodes)].max())
    rule = ""
    if longest > POINTS:
        rule = f" Each point is the largest of about {longest / POINTS:.2g} successive steps."
    return Drawn(
        f"{name}-times",
        "How the sensitivity changes over time",
        f"Length of each state's gradient, ‖g‖, along {len(episodes)} of {len(result.lengths)} "
        f"episodes; the dotted line is its mean.{rule}{_oscillation(result)}",
        figure.update_layout(showlegend=False),
    )


def _oscillation(result: DirectionSet) -> str:
    if result.oscillation is None:
        return ""
    return (
        " Its standard deviation over its mean, averaged over episodes, is "
        f"{result.oscillation:.3g}, {interval(result.oscillation)}."
    )


def draw_windows(name: str, result: DirectionSet) -> Drawn:
    """Λ of each window's direction on each window's moment."""
    count = len(result.windows)
    figure = blank(120 + 34 * max(count, 6))
    figure.add_heatmap(
        z=result.windows.round(3),
        x=np.arange(1, count + 1),
        y=np.arange(1, count + 1),
        zmin=0,
        zmax=1,
        colorscale="Blues_r",
        texttemplate="%{z:.2f}" if count <= 12 else None,
        colorbar={"title": {"text": "Λ"}, "thickness": 12, "outlinewidth": 0},
        hovertemplate="Λ %{z:.3f} of window %{y} on window %{x}<extra></extra>",
    )
    figure.update_xaxes(title_text="on the moment of window", dtick=max(count // 10, 1))
    figure.update_yaxes(title_text="direction of window", dtick=max(count // 10, 1))
    figure.update_yaxes(autorange="reversed")
    successive = ""
    if result.window_correlation is not None:
        between = result.window_correlation
        successive = (
            f" Between successive windows it is {between:.3g} on average, "
            f"{interval(between, 'pairs')}."
        )
    return Drawn(
        f"{name}-windows",
        "Whether the direction changes over time",
        f"Episodes were cut into {count} windows of equal time in which gradients are not zero; "
        "each cell is Λ of the row's principal direction on the column's states, 1 where the "
        f"direction stays.{successive}",
        figure,
    )


def peaks(
    norms: Float[np.ndarray, " step"],
) -> tuple[Int[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    """The largest value, and where it is, of each of at most `POINTS` equal stretches."""
    parts = np.array_split(np.arange(len(norms)), min(len(norms), POINTS))
    steps = np.array([part[norms[part].argmax()] for part in parts])
    return steps, norms[steps]
