"""Figures of how the unstable directions of two policies differ."""

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
from policyscope.reports.results import DirectionComparison
from policyscope.statistics import Estimate

FEATURES = 20
"""How many features are shown, those along which either direction is longest."""
ROW = 46
"""Pixels of height for each row."""


def draw_direction_comparison(name: str, result: DirectionComparison) -> tuple[Drawn, ...]:
    """Λ against its baseline, then the changes against theirs, then the named features."""
    drawn = (_correlations(name, result), _changes(name, result))
    return (*drawn, _loadings(name, result)) if result.features else drawn


def _correlations(name: str, result: DirectionComparison) -> Drawn:
    rows = (
        ("second's direction, on the first", result.correlations[0]),
        ("first's direction, on the second", result.correlations[1]),
        ("first's of another run, on the first", result.correlations[2]),
    )
    figure = _rows(rows, reference=1)
    figure.update_xaxes(title_text="correlation quotient Λ", range=[-0.03, 1.03])
    return Drawn(
        f"{name}-correlations",
        "Do decisions break along the same direction?",
        "Λ is the gradients' second moment along the other policy's principal direction, as a "
        "share of the largest possible: 1 where the directions are one. The last row is the "
        "baseline, two runs of the first policy. Whiskers show the "
        f"{interval(result.correlations[0])}.",
        figure,
    )


def _changes(name: str, result: DirectionComparison) -> Drawn:
    rows = [
        (f"{quantity}, {of}", estimate)
        for quantity, estimates in (
            ("features involved", result.concentration_changes),
            ("oscillation", result.oscillation_changes),
            ("gradient's length", result.gradient_length_changes),
        )
        for of, estimate in zip(("second", "first again"), estimates, strict=True)
    ]
    figure = _rows(rows, reference=2)
    figure.add_vline(x=1, line={"color": INK, "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text="ratio to the first policy's", type="log")
    return Drawn(
        f"{name}-changes",
        "What changed, and what changes from run to run?",
        "Diamonds are the second policy's numbers over the first's; circles are the baseline, "
        "another run of the first over the first. Features involved: 1/ΣGᵢ⁴ of the principal "
        "direction, fewer are more concentrated. Oscillation: standard deviation over mean of the "
        f"gradient's length within episodes. Whiskers show the {interval(rows[0][1])}.",
        figure,
    )


def _rows(rows: Sequence[tuple[str, Estimate]], reference: int) -> go.Figure:
    """One estimate per row, from the top; every `reference`-th, or the last, is a baseline."""
    figure = blank(110 + ROW * len(rows))
    for row, (_, estimate) in enumerate(rows):
        baseline = row == len(rows) - 1 if reference == 1 else row % reference == reference - 1
        figure.add_scatter(
            x=[estimate.value],
            y=[-row],
            error_x=whiskers([estimate]),
            mode="markers",
            marker={
                "color": FAINT if baseline else COLOURS[0],
                "symbol": SYMBOLS[0] if baseline else SYMBOLS[1],
                "size": 11,
            },
            hovertemplate=f"{estimate}<extra></extra>",
        )
    figure.update_yaxes(
        tickvals=-np.arange(len(rows)), ticktext=[text(label) for label, _ in rows], showgrid=False
    )
    return figure.update_layout(showlegend=False, yaxis_range=[0.6 - len(rows), 0.6])


def _loadings(name: str, result: DirectionComparison) -> Drawn:
    first, second = result.directions[:2]
    second = second * (1 if first @ second >= 0 else -1)
    shown = np.sort(np.argsort(-np.maximum(abs(first), abs(second)), kind="stable")[:FEATURES])
    figure = blank(120 + 34 * len(shown))
    for place, (file, values) in enumerate(zip(result.files, (first, second), strict=True)):
        figure.add_bar(
            y=np.arange(len(shown)) + 0.36 * place - 0.18,
            x=values[shown],
            orientation="h",
            width=0.34,
            name=f"{('first', 'second')[place]}: {text(file)}",
            marker={"color": COLOURS[place], "pattern": {"shape": ("", "/")[place]}},
            hovertemplate="%{x:.3f}<extra></extra>",
        )
    figure.update_xaxes(title_text="component of the principal direction", zeroline=True)
    labels = [text(result.features[i]) for i in shown]
    figure.update_yaxes(tickvals=np.arange(len(shown)), ticktext=labels, showgrid=False)
    figure.update_yaxes(range=[len(shown) - 0.4, -0.6])
    hidden = len(result.features) - len(shown)
    return Drawn(
        f"{name}-loadings",
        "Along which features do decisions break?",
        "Components of each policy's principal direction, of length one, in units of the first "
        "policy's features. A direction and its opposite are the same: the second's sign is chosen "
        "to agree with the first's."
        + (f" {hidden} features with shorter components are left out." if hidden else ""),
        figure,
    )
