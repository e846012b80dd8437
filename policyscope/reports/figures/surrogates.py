"""Figure of surrogates: what a reader has to read, and what is lost by it."""

from collections.abc import Sequence

import plotly.graph_objects as go

from policyscope.readable.readable import Readable
from policyscope.readable.tree import Tree
from policyscope.reports.figures.canvas import (
    COLOURS,
    FAINT,
    SYMBOLS,
    Drawn,
    blank,
    interval,
    text,
    whiskers,
)
from policyscope.reports.results import Surrogates
from policyscope.statistics import Estimate

KINDS = ("linear", "polynomial", "tree")
"""Each with a colour and a symbol."""


def draw_surrogates(name: str, result: Surrogates) -> Drawn:
    """Agreement and return of each against its size; those that no other beats are filled."""
    panels = 2 if len(result.clean) else 1
    figure = blank(400)
    figure.update_layout(grid={"rows": 1, "columns": panels, "pattern": "independent"})
    _add(figure, result, result.agreements, "")
    _level(figure, result.wanted, "")
    figure.update_layout(yaxis={"title": {"text": "share of steps in which both act alike"}})
    figure.update_layout(yaxis_tickformat=".0%")
    caption = (
        f"Each surrogate by how many numbers a reader has to read, and how often it acts as the "
        f"network does in the network's own episodes ({interval(result.agreements[0])}; dotted: "
        f"{result.wanted:.0%}, from which on it is called faithful)."
    )
    if len(result.clean):
        returns = [result.mean_return(model) for model in range(len(result.models))]
        _add(figure, result, returns, "2")
        clean = result.clean_return()
        _level(figure, clean.value, "2")
        figure.update_layout(yaxis2={"title": {"text": "undiscounted return (reward)"}})
        caption += f" Right: what it returns in the same episodes (dotted: the network, {clean})."
    caption += (
        f" Filled: no other is at once as small, as alike and as good. Chosen: "
        f"{result.models[result.chosen].replace('_', ' ')}."
    )
    return Drawn(f"{name}-surrogates", "Readable policies in its place", caption, figure, 36)


def _add(figure: go.Figure, result: Surrogates, estimates: Sequence[Estimate], panel: str) -> None:
    """One dot for each surrogate."""
    for number, kind in enumerate(KINDS):
        models = [m for m, readable in enumerate(result.readables) if _kind(readable) == kind]
        if not models:
            continue
        names = [result.models[model].replace("_", " ") for model in models]
        shown = [estimates[model] for model in models]
        figure.add_scatter(
            x=[result.sizes[model] for model in models],
            y=[estimate.value for estimate in shown],
            error_y=whiskers(shown),
            mode="markers",
            name=kind,
            legendgroup=kind,
            showlegend=not panel,
            marker={
                "color": COLOURS[number],
                "symbol": [
                    SYMBOLS[number] + ("" if model in result.front else "-open") for model in models
                ],
                "size": [14 if model == result.chosen else 9 for model in models],
            },
            hovertext=[
                f"{text(name)}: {estimate}" for name, estimate in zip(names, shown, strict=True)
            ],
            hoverinfo="text",
            xaxis=f"x{panel}",
            yaxis=f"y{panel}",
        )
    axis = {"title": {"text": "size (numbers to read)"}, "type": "log", "dtick": 1}
    figure.update_layout({f"xaxis{panel}": axis})


def _level(figure: go.Figure, height: float, panel: str) -> None:
    """A dotted line through one panel."""
    figure.add_shape(
        type="line",
        xref=f"x{panel} domain",
        x0=0,
        x1=1,
        yref=f"y{panel}",
        y0=height,
        y1=height,
        line={"color": FAINT, "width": 1.5, "dash": "dot"},
    )


def _kind(readable: Readable) -> str:
    if isinstance(readable.form, Tree):
        return "tree"
    return "linear" if readable.form.degree <= 1 else "polynomial"
