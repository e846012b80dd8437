"""Figures of what no adversary can take away."""

import numpy as np
import plotly.graph_objects as go

from policyscope.reports.figures.action_certificates import draw_action_certificates
from policyscope.reports.figures.canvas import (
    COLOURS,
    FAINT,
    SYMBOLS,
    Drawn,
    blank,
    interval,
    thinned,
    whiskers,
)
from policyscope.reports.results import Certificate

LINES = 6
"""Budgets that are drawn against the noise: as many as there are colours."""


def draw_certificate(name: str, result: Certificate) -> tuple[Drawn, ...]:
    """The certificate against the budget and, of several sigma, against these; single actions."""
    drawn = [_by_budget(name, result)]
    if len(result.sigmas) > 1:
        drawn.append(_by_sigma(name, result))
    if result.actions is not None:
        drawn += draw_action_certificates(name, result.actions)
    return tuple(drawn)


def _by_budget(name: str, result: Certificate) -> Drawn:
    figure = blank(400)
    order = np.argsort(result.budgets)
    for i, sigma in enumerate(result.sigmas):
        colour, symbol = COLOURS[i % len(COLOURS)], SYMBOLS[i % len(SYMBOLS)]
        figure.add_scatter(
            x=np.array(result.budgets)[order],
            y=result.bounds[i, order],
            mode="lines+markers",
            name=f"certified, noise of {sigma:g}",
            line={"color": colour},
            marker={"color": colour, "symbol": symbol},
        )
        noisy = result.noisy_mean(i)
        figure.add_scatter(
            x=[0],
            y=[noisy.value],
            error_y=whiskers([noisy]),
            mode="markers",
            name=f"under noise of {sigma:g}, no adversary",
            marker={"color": colour, "symbol": f"{symbol}-open", "size": 11},
        )
        _add_attacked(figure, result, i, colour)
    _add_clean(figure, result)
    figure.update_xaxes(title_text=f"total l2 budget of the adversary ({result.unit})")
    figure.update_yaxes(title_text=_axis(result))
    return Drawn(
        f"{name}-budgets",
        f"What no adversary can take from the {result.counted}",
        f"At most what the policy is worth on average under noise and the worst adversary, all at "
        f"once with {100 * result.confidence:.6g}% confidence ({result.method}, n = "
        f"{result.noisy.shape[1]} episodes). {result.threat} Open marks: no adversary, with the "
        f"{interval(result.noisy_mean(0))}; the dotted line: neither noise nor adversary. "
        f"{_beside(result)}",
        figure,
    )


def _add_attacked(figure: go.Figure, result: Certificate, sigma: int, colour: str) -> None:
    """What the strongest adversary left, at the budgets that it was played with."""
    attacked = result.attacked
    if attacked is None:
        return
    means = [
        result.attacked_mean(sigma, result.budgets.index(budget)) for budget in attacked.budgets
    ]
    found = [mean for mean in means if mean is not None]
    figure.add_scatter(
        x=attacked.budgets,
        y=[mean.value for mean in found],
        error_y=whiskers(found),
        mode="lines+markers",
        name=f"attacked, noise of {result.sigmas[sigma]:g}",
        line={"color": colour, "dash": "dash"},
        marker={"color": colour, "symbol": "x"},
        text=[name.replace("_", " ") for name in attacked.strongest[sigma]],
    )


def _beside(result: Certificate) -> str:
    """What was put beside the certificate, and whether it stood."""
    attacked = result.attacked
    if attacked is None:
        return f"No adversary stands beside the certificate: {result.alone or 'none was played'}."
    told = (
        f"Dashed: what the strongest adversary found left, n = {attacked.episodes} episodes; what "
        "the worst one leaves is between the lines."
    )
    if not result.contradictions:
        return told
    return f"{told} They are in the wrong order: one of them is at fault."


def _by_sigma(name: str, result: Certificate) -> Drawn:
    figure = blank(400)
    order = np.argsort(result.sigmas)
    by_budget = np.argsort(result.budgets)
    for i, place in enumerate(by_budget[thinned(by_budget, LINES)].tolist()):
        figure.add_scatter(
            x=np.array(result.sigmas)[order],
            y=result.bounds[order, place],
            mode="lines+markers",
            name=f"l2 {result.budgets[place]:g}",
            line={"color": COLOURS[i]},
            marker={"color": COLOURS[i], "symbol": SYMBOLS[i]},
        )
    _add_clean(figure, result)
    figure.update_xaxes(title_text=f"deviation of the noise ({result.unit})")
    figure.update_yaxes(title_text=_axis(result))
    return Drawn(
        f"{name}-sigmas",
        "How much noise protects best",
        f"The certified {result.counted} of each noise, one line for each total budget of the "
        "adversary: much noise costs without an adversary, little protects from none. All hold at "
        f"once with {100 * result.confidence:.6g}% confidence, so the best may be chosen.",
        figure,
    )


def _axis(result: Certificate) -> str:
    if result.goal is None:
        return "undiscounted return (reward)"
    return f"share of episodes that return {result.goal:g} or more"


def _add_clean(figure: go.Figure, result: Certificate) -> None:
    value = result.clean_mean().value
    across = {"xref": "x domain", "yref": "y", "x0": 0, "x1": 1, "y0": value, "y1": value}
    figure.add_shape(across, type="line", line={"color": FAINT, "width": 1.5, "dash": "dot"})
    figure.add_annotation(
        text=f"without noise {value:.4g}",
        **{"xref": "x domain", "yref": "y", "x": 1, "y": value},
        **{"xanchor": "right", "yanchor": "bottom", "showarrow": False},
        font={"color": FAINT, "size": 11},
    )
