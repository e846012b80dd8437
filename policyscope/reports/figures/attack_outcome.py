"""Figures of returns under attack."""

from collections.abc import Sequence

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
from policyscope.reports.results import AttackOutcome
from policyscope.statistics import Estimate

SPREAD = 0.3
"""How far to either side of their epsilon the attacks stand."""
ROW = 30
"""Height of an attack in the leaderboard."""


def draw_attacks(name: str, result: AttackOutcome) -> tuple[Drawn, ...]:
    """Returns against epsilon, and the leaderboard at the largest."""
    return _curves(name, result), _leaderboard(name, result)


def _curves(name: str, result: AttackOutcome) -> Drawn:
    numbers, places = range(len(result.epsilons)), np.arange(len(result.epsilons))
    aside = np.linspace(-SPREAD, SPREAD, len(result.attacks) + 1)
    figure = blank(460)
    for i, attack in enumerate(result.attacks):
        means = [result.sought_of(i, j) for j in numbers]
        figure.add_trace(_marks(places + aside[i], means, attack, i))
    worst = [result.worst_sought(j) for j in numbers]
    figure.add_trace(_marks(places + aside[-1], worst, "strongest, held out", None))
    clean = result.clean_sought()
    figure.add_hline(
        y=clean.value,
        line={"color": FAINT, "width": 1.5, "dash": "dot"},
        annotation={"text": f"clean {clean.value:.4g}", "font": {"color": FAINT, "size": 11}},
    )
    figure.update_yaxes(title_text=_axis(result))
    figure.update_xaxes(
        title_text=f"epsilon ({result.unit})",
        tickvals=places,
        ticktext=[f"{epsilon:g}" for epsilon in result.epsilons],
        range=[-0.5, len(places) - 0.5],
        showgrid=False,
    )
    return Drawn(
        f"{name}-curves",
        f"{result.sought.capitalize()} under attack",
        "The same episodes under attacks that change every observation by at most epsilon, with "
        f"the {interval(clean)}. The strongest of each epsilon was played once more on other "
        "episodes, which had no part in its choice. The dotted line is what it is without an "
        "attack. What is not found by these attacks may still exist.",
        figure,
    )


def _marks(
    places: np.ndarray, estimates: Sequence[Estimate], attack: str, number: int | None
) -> go.Scatter:
    noise = attack.endswith("noise")
    colour = INK if number is None else FAINT if noise else COLOURS[number % len(COLOURS)]
    symbol = "line-ew-open" if number is None else SYMBOLS[number % len(SYMBOLS)]
    return go.Scatter(
        x=places,
        y=[estimate.value for estimate in estimates],
        error_y=whiskers(estimates),
        mode="markers",
        name=text(attack.replace("_", " ")),
        marker={"color": colour, "symbol": symbol, "size": 10},
        hovertext=[f"{text(attack)} {estimate}" for estimate in estimates],
        hoverinfo="text",
    )


def _axis(result: AttackOutcome) -> str:
    return text(result.goal) if result.goal else "undiscounted return (reward)"


def _leaderboard(name: str, result: AttackOutcome) -> Drawn:
    last = len(result.epsilons) - 1
    order = np.argsort(-result.gains[:, last].mean(1), kind="stable")[::-1].tolist()
    means = [result.sought_of(i, last) for i in order]
    boxes = ["white box" if result.white_box[i] else "black box" for i in order]
    figure = blank(90 + ROW * len(order))
    figure.add_trace(
        go.Scatter(
            x=[mean.value for mean in means],
            y=np.arange(len(order)),
            error_x=whiskers(means),
            mode="markers",
            marker={
                "color": [COLOURS[0] if box == "white box" else COLOURS[1] for box in boxes],
                "symbol": ["circle" if box == "white box" else "square" for box in boxes],
                "size": 10,
            },
            hovertext=[f"{mean}" for mean in means],
            hoverinfo="text",
        )
    )
    figure.update_yaxes(
        tickvals=np.arange(len(order)),
        ticktext=[
            f"<b>{text(result.attacks[i].replace('_', ' '))}</b>, {box}"
            for i, box in zip(order, boxes, strict=True)
        ],
        showgrid=False,
    )
    figure.update_xaxes(title_text=_axis(result))
    left = f" Left out for want of time: {', '.join(result.left_out)}." if result.left_out else ""
    return Drawn(
        f"{name}-leaderboard",
        f"Attacks at epsilon {result.epsilons[last]:g}, the strongest on top",
        f"Mean {result.sought} with the {interval(means[0])}. A black box asks for scores, a white "
        f"box looks inside the policy.{left}",
        figure.update_layout(showlegend=False),
    )
