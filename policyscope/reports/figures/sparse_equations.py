"""Figures of equations that would do the same job."""

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
from policyscope.reports.figures.sparse_dynamics import draw_dynamics
from policyscope.reports.results import SparseEquations, SparsePolicy
from policyscope.statistics import Estimate, mean

BARS = 25
"""How many terms are drawn."""


def draw_sparse_equations(name: str, result: SparseEquations) -> tuple[Drawn, ...]:
    """What the equations are worth, what they say, what others would say; then the dynamics."""
    policy = result.policy
    drawn = (_returns(name, policy), _terms(name, policy), _front(name, policy))
    return drawn if result.dynamics is None else (*drawn, *draw_dynamics(name, result.dynamics))


def _returns(name: str, policy: SparsePolicy) -> Drawn:
    """The network, the equations, and what they are compared with."""
    fidelity = [None, policy.fidelity, *policy.rival_fidelity]
    rivals = zip(policy.rivals, policy.rival_sizes, strict=True)
    labels = [
        f"network, {policy.parameters:,} parameters",
        f"equations, {policy.size} terms",
        *(f"{rival}, {size} numbers" for rival, size in rivals),
    ]
    returns = [
        policy.network_return(),
        policy.own_return(),
        *(policy.rival_return(i) for i in range(len(policy.rivals))),
    ]
    figure = blank(100 + 44 * len(labels))
    _add_points(figure, returns, labels)
    shown = ["" if at is None else f"<br>{_faithful(policy, at.value)}" for at in fidelity]
    figure.update_yaxes(
        tickvals=np.arange(len(labels)),
        ticktext=[f"<b>{text(a)}</b>{b}" for a, b in zip(labels, shown, strict=True)],
        range=[len(labels) - 0.5, -0.5],
        showgrid=False,
    )
    figure.update_xaxes(title_text="undiscounted return (reward)")
    return Drawn(
        f"{name}-returns",
        "What the equations are worth",
        "Mean return in the real environment, the same episodes for all, none of which was fitted, "
        f"with the {interval(returns[0])}. The tree has at most as many numbers as the equations, "
        "fitted to the same states.",
        figure.update_layout(showlegend=False),
    )


def _add_points(figure: go.Figure, returns: list[Estimate], labels: list[str]) -> None:
    """An estimate in each row, the network's without colour."""
    for y, estimate in enumerate(returns):
        figure.add_scatter(
            x=[estimate.value],
            y=[y],
            error_x=whiskers([estimate]),
            mode="markers",
            marker={"color": FAINT if y == 0 else COLOURS[y - 1], "symbol": SYMBOLS[y], "size": 11},
            hovertext=f"{labels[y]}: {estimate}",
            hoverinfo="text",
        )


def _faithful(policy: SparsePolicy, value: float) -> str:
    return f"{value:.1%} same actions" if policy.discrete else f"error {value:.2g} half ranges"


def _terms(name: str, policy: SparsePolicy) -> Drawn:
    """What each term contributes, and how sure it is to be there."""
    rows = list(zip(*(part.tolist() for part in np.nonzero(policy.coefficients)), strict=True))
    rows.sort(key=lambda row: -policy.effect[row])
    shown = rows[:BARS]
    figure = blank(110 + 28 * len(shown))
    for equation in range(len(policy.left)):
        _add_bars(figure, policy, equation, shown)
    figure.update_yaxes(
        tickvals=np.arange(len(shown)),
        ticktext=[
            f"{text(policy.terms[term])} · {policy.inclusion[equation, term]:.0%}"
            for equation, term in shown
        ],
        range=[len(shown) - 0.4, -0.6],
        showgrid=False,
    )
    figure.update_xaxes(title_text="root mean square of the term in the visited states")
    hidden = f" The {len(rows) - BARS} smallest of {len(rows)} terms are hidden."
    return Drawn(
        f"{name}-terms",
        "What the equations say",
        "How much each term contributes where the policy goes, in the unit of the action or of the "
        f"preference; behind its name the share of {policy.models} members of the ensemble that "
        "kept it, and as whiskers their standard deviation. Coefficients are shown where the mouse "
        f"points.{hidden * (len(rows) > BARS)}",
        figure.update_layout(showlegend=len(policy.left) > 1),
    )


def _add_bars(
    figure: go.Figure, policy: SparsePolicy, equation: int, shown: list[tuple[int, int]]
) -> None:
    """The terms of one equation, in their places among all."""
    places = [y for y, row in enumerate(shown) if row[0] == equation]
    mine = [shown[y] for y in places]
    left = text(policy.left[equation])
    usual = [policy.effect[row] / abs(policy.coefficients[row]) for row in mine]
    spread = [part * policy.spread[row] for part, row in zip(usual, mine, strict=True)]
    figure.add_bar(
        x=[policy.effect[row] for row in mine],
        y=places,
        error_x={"array": spread, "color": INK, "thickness": 1.5, "width": 4},
        orientation="h",
        width=0.6,
        name=left,
        marker={"color": COLOURS[equation % len(COLOURS)]},
        hovertext=[
            f"{left}: {policy.coefficients[row]:.4g} ± {policy.spread[row]:.2g} · "
            f"{text(policy.terms[row[1]])}, kept by {policy.inclusion[row]:.0%} of the ensemble"
            for row in mine
        ],
        hoverinfo="text",
    )


def _front(name: str, policy: SparsePolicy) -> Drawn:
    """Return against size."""
    means = [mean(returns, policy.confidence) for returns in policy.front_returns]
    clean = mean(policy.front_clean, policy.confidence)
    figure = blank(380)
    for chosen in (False, True):
        mine = [i for i in range(len(means)) if (i == policy.chosen) == chosen]
        figure.add_scatter(
            x=policy.front_sizes[mine],
            y=[means[i].value for i in mine],
            error_y=whiskers([means[i] for i in mine]),
            mode="markers+text",
            text=[_off(policy, i) for i in mine],
            textposition="top right",
            textfont={"size": 11, "color": FAINT},
            name="reported" if chosen else "others",
            marker={"color": COLOURS[4 * chosen], "symbol": SYMBOLS[chosen], "size": 11},
            hovertext=[f"{policy.front_sizes[i]} terms: {means[i]}" for i in mine],
            hoverinfo="text",
        )
    figure.add_hline(
        y=clean.value,
        line={"color": FAINT, "width": 1.5, "dash": "dot"},
        annotation={"text": f"network {clean.value:.4g}", "font": {"color": FAINT, "size": 11}},
        annotation_position="bottom left",
    )
    sizes = np.unique(policy.front_sizes)
    figure.update_xaxes(title_text="terms", type="log", tickvals=sizes, ticktext=sizes)
    figure.update_yaxes(title_text="undiscounted return (reward)")
    unit = "share of other actions" if policy.discrete else "error in half ranges"
    return Drawn(
        f"{name}-front",
        "How few terms would do",
        "Return of equations of different size on episodes that only chose among them, with the "
        f"{interval(clean)}; the number beside each is its {unit} on held-out states. Reported are "
        "the fewest terms that do the same job and are faithful; the episodes of the first figure "
        "had no part in that.",
        figure,
    )


def _off(policy: SparsePolicy, place: int) -> str:
    error = policy.front_errors[place]
    return f"{error:.1%}" if policy.discrete else f"{error:.2g}"
