"""Figures of returns when actions are disturbed, and when the physics is another."""

import numpy as np
import plotly.graph_objects as go

from policyscope.reports.figures.canvas import (
    COLOURS,
    FAINT,
    INK,
    SYMBOLS,
    Drawn,
    blank,
    interval,
    text,
    whiskers,
)
from policyscope.reports.report import Setting
from policyscope.reports.results import DisturbanceOutcome

AXES = ("x", "y", "z")
"""Along which a body is pushed."""
SPREAD = 0.25
"""How far to either side of their epsilon the disturbances stand."""
ROW = 44
"""Height of a mass in the map."""
LOST = ((0.0, COLOURS[1]), (0.5, "#f7f7f7"), (1.0, COLOURS[5]))
"""From nothing left to all that there was, light enough for numbers to be read on it."""
PARTS = 4
"""Parts of a steady change that are named, the largest."""


def draw_disturbances(
    name: str, result: DisturbanceOutcome, environment: Setting | None
) -> tuple[Drawn, ...]:
    """Returns against epsilon, and those of other physics where it was changed."""
    drawn = [_curves(name, result, environment)]
    if result.physics.size:
        drawn.append(_map(name, result))
    if result.gravity.size:
        drawn.append(_falling(name, result))
    return tuple(drawn)


def _curves(name: str, result: DisturbanceOutcome, environment: Setting | None) -> Drawn:
    figure = blank(420)
    _add_returns(figure, result)
    clean = result.clean_return()
    figure.add_hline(
        y=clean.value,
        line={"color": FAINT, "width": 1.5, "dash": "dot"},
        annotation={"text": f"clean {clean.value:.4g}", "font": {"color": FAINT, "size": 11}},
    )
    figure.update_yaxes(title_text="undiscounted return (reward)")
    figure.update_xaxes(
        title_text=f"epsilon ({result.unit})",
        tickvals=np.arange(len(result.epsilons)),
        ticktext=[f"{epsilon:g}" for epsilon in result.epsilons],
        range=[-0.5, len(result.epsilons) - 0.5],
        showgrid=False,
    )
    return Drawn(
        f"{name}-curves",
        "Return when the body is pushed" if result.pushed else "Return when actions are disturbed",
        f"The same episodes, {_what(result)}, with the {interval(clean)}. The strongest of each "
        "epsilon was played once more on other episodes, which had no part in its choice. What is "
        f"not found by these may still exist.{_steadily(result, environment)}{_aside(result)}",
        figure,
    )


def _add_returns(figure: go.Figure, result: DisturbanceOutcome) -> None:
    """Means of each epsilon, by what disturbed it, and of the strongest."""
    numbers = range(len(result.epsilons))
    rows = [
        (kind.replace("_", " "), [result.mean_return(i, j) for j in numbers])
        for i, kind in enumerate(result.disturbances)
    ]
    rows.append(("strongest, held out", [result.worst_return(j) for j in numbers]))
    for i, (kind, means) in enumerate(rows):
        last = i == len(rows) - 1
        colour = INK if last else FAINT if kind.endswith("noise") else COLOURS[i % len(COLOURS)]
        symbol = "line-ew-open" if last else SYMBOLS[i % len(SYMBOLS)]
        figure.add_scatter(
            x=np.arange(len(means)) + SPREAD * (2 * i / (len(rows) - 1) - 1),
            y=[mean.value for mean in means],
            error_y=whiskers(means),
            mode="markers",
            name=text(kind),
            marker={"color": colour, "symbol": symbol, "size": 10},
            hovertext=[f"{text(kind)} {mean}" for mean in means],
            hoverinfo="text",
        )


def _what(result: DisturbanceOutcome) -> str:
    if result.pushed:
        return "in every step of which a force pushes the body, along each axis by at most epsilon"
    if result.discrete:
        return "in every step of which, with probability epsilon, another does the action"
    return "every action of which is changed by at most epsilon half ranges"


def _steadily(result: DisturbanceOutcome, environment: Setting | None) -> str:
    """The steady change of the largest epsilon in words, its largest parts first."""
    if not len(result.steady):
        return ""
    shares = result.steady[-1]
    labels = AXES if result.pushed else environment.actions if environment else ()
    names = [label.partition(" (")[0] for label in labels]
    if len(names) != len(shares):
        names = [f"action {i}" for i in range(len(shares))]
    if result.discrete:
        preferred = names[int(shares.argmax())]
        return f" The steady disturbance of the largest does {preferred}."
    ranked = np.argsort(-np.abs(shares), kind="stable").tolist()
    parts = [f"{names[i]} {shares[i] * result.epsilons[-1]:+.2g}" for i in ranked[:PARTS]]
    measured = "shares of the weight" if result.pushed else "half ranges"
    more = f" and {len(ranked) - PARTS} more" if len(ranked) > PARTS else ""
    return f" The steady disturbance of the largest, in {measured}: {', '.join(parts)}{more}."


def _aside(result: DisturbanceOutcome) -> str:
    """What was not done."""
    left = f" Left out for want of time: {', '.join(result.left_out)}." if result.left_out else ""
    return left + (f" Physics was left as it is: {result.unchanged}." if result.unchanged else "")


def _falling(name: str, result: DisturbanceOutcome) -> Drawn:
    """Mean return under each gravity."""
    clean = result.clean_return()
    means = [result.gravity_return(i) for i in range(len(result.gravities))]
    figure = blank(320)
    figure.add_scatter(
        x=np.arange(len(means)),
        y=[mean.value for mean in means],
        error_y=whiskers(means),
        mode="markers",
        marker={"color": COLOURS[0], "size": 10},
        hovertext=[f"{mean}" for mean in means],
        hoverinfo="text",
    )
    figure.update_yaxes(title_text="undiscounted return (reward)")
    figure.update_xaxes(
        title_text="gravity, times what it was",
        tickvals=np.arange(len(means)),
        ticktext=[f"×{size:g}" for size in result.gravities],
        range=[-0.5, len(means) - 0.5],
        showgrid=False,
    )
    return Drawn(
        f"{name}-gravity",
        "Return under another gravity",
        f"{clean.n} of the policy's own episodes, with the {interval(clean)}, when gravity is so "
        "many times what it was, and the rest as it was.",
        figure,
    )


def _map(name: str, result: DisturbanceOutcome) -> Drawn:
    """Mean return of each physics, coloured by what is left of the clean one."""
    clean = result.clean_return()
    figure = blank(120 + ROW * len(result.masses))
    figure.add_trace(_cells(result, clean.value))
    for axis, sizes, title in (
        ("xaxis", result.frictions, "friction, times what it was"),
        ("yaxis", result.masses, "masses, times what they were"),
    ):
        figure.layout[axis].update(
            title={"text": title},
            tickvals=np.arange(len(sizes)),
            ticktext=[f"×{size:g}" for size in sizes],
            showgrid=False,
        )
    return Drawn(
        f"{name}-physics",
        "Return under another physics",
        f"Mean return of {clean.n} of the policy's own episodes when all masses and all friction "
        f"are changed; without a change it is {clean} ({clean.sureness} interval). The policy is "
        "as it is, and nobody is against it.",
        figure,
    )


def _cells(result: DisturbanceOutcome, clean: float) -> go.Heatmap:
    means = [
        [result.physics_return(i, j) for j in range(len(result.frictions))]
        for i in range(len(result.masses))
    ]
    # returns may be below zero; then the lowest is as far from the clean one as colours go
    lowest = min(0.0 if clean > 0 else clean, *(mean.value for row in means for mean in row))
    return go.Heatmap(
        z=[[mean.value for mean in row] for row in means],
        text=[[f"{mean.value:.4g}" for mean in row] for row in means],
        hovertext=[[f"{mean}" for mean in row] for row in means],
        hoverinfo="text",
        texttemplate="%{text}",
        textfont={"color": INK},
        colorscale=LOST,
        zmin=lowest,
        zmax=max(clean, lowest + 1e-9),
        xgap=2,
        ygap=2,
        colorbar={"title": {"text": "return", "side": "right"}},
    )
