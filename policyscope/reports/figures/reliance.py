"""Figures of what becomes of decisions when a part of what is seen is hidden."""

from collections.abc import Iterator, Sequence

import numpy as np
import plotly.graph_objects as go

from policyscope import statistics
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
from policyscope.reports.results import Attribution, Reliance
from policyscope.statistics import Estimate

WORDS = {
    "salient": "only the salient part",
    "random": "only a random part",
    "removed": "all but the salient part",
    "random_removed": "all but a random part",
}
PAIRS = {"salient": 0, "random": 0, "removed": 4, "random_removed": 4}
"""Colours: a mask and the random one that it is compared with share theirs."""
PLAYED = "left of every observation"


def draw_reliance(name: str, result: Attribution) -> Iterator[Drawn]:
    """Decisions, whole episodes, and how settled the picture is."""
    reliance = result.reliance
    yield _kept(name, result)
    if reliance.played:
        yield _returns(name, reliance)
    if reliance.shifts:
        yield _stability(name, result)


def _kept(name: str, result: Attribution) -> Drawn:
    """What hiding does to actions and, where there is a critic, to the value."""
    reliance = result.reliance
    figure = blank(430)
    figure.add_traces(list(_curves(reliance, reliance.keeps_action, "")))
    kept = "share of states whose action stays"
    if not result.discrete:
        kept = "closeness of the actions"
    figure.layout.yaxis = {"title": {"text": kept}, "rangemode": "tozero"}
    panels = [""]
    if reliance.value_changes:
        figure.update_layout(grid={"rows": 1, "columns": 2, "pattern": "independent", "xgap": 0.16})
        figure.add_traces(list(_curves(reliance, reliance.value_changes, "2")))
        change = {"text": "change of the value (standard deviations)"}
        figure.layout.yaxis2 = {"title": change, "rangemode": "tozero"}
        panels.append("2")
    for panel in panels:
        ticks = {"tickvals": np.arange(len(reliance.rhos))}
        ticks |= {"ticktext": [f"{rho:g}" for rho in sorted(reliance.rhos)]}
        figure.layout[f"xaxis{panel}"] = {"title": {"text": "ρ"}} | ticks
    shown = "Left" if reliance.value_changes else "Shown"
    value = " Right: the change of the value then." if reliance.value_changes else ""
    close = "" if result.discrete else ", exp(−change in half ranges)"
    return Drawn(
        f"{name}-reliance",
        "Whether it relies on what the picture shows",
        "The salient part are the most important 1 − ρ of the numbers that were seen, at least "
        f"one, by {result.method}; what is hidden is replaced by its average. {shown}: the "
        f"{kept}{close}.{value} A true and complete picture keeps decisions with only the salient "
        "part (solid blue) and loses them without it (solid orange), other than a random part of "
        "the same size (dotted). Bands are the "
        f"{interval(reliance.keeps_action[0][0], result.unit)}.",
        figure.update_layout(showlegend=True),
    )


def _curves(
    reliance: Reliance, rows: Sequence[Sequence[Estimate]], panel: str
) -> Iterator[go.Scatter]:
    """For each mask a line over its band."""
    axes = {"xaxis": f"x{panel}", "yaxis": f"y{panel}"}
    places, order = np.arange(len(reliance.rhos)), np.argsort(reliance.rhos)
    for i, (mask, row) in enumerate(zip(reliance.masks, rows, strict=True)):
        estimates = [row[place] for place in order]
        colour = COLOURS[PAIRS.get(mask, 2)]
        bounds = [e.high for e in estimates] + [e.low for e in reversed(estimates)]
        yield go.Scatter(
            x=[*places, *places[::-1]],
            y=bounds,
            **axes,
            fill="toself",
            fillcolor=colour,
            opacity=0.15,
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            legendgroup=mask,
            showlegend=False,
        )
        yield go.Scatter(
            x=places,
            y=[estimate.value for estimate in estimates],
            **axes,
            mode="lines+markers",
            name=text(WORDS.get(mask, mask)),
            legendgroup=mask,
            showlegend=panel == "",
            line={"color": colour, "width": 2, "dash": "dot" if "random" in mask else "solid"},
            marker={"symbol": SYMBOLS[i % len(SYMBOLS)], "size": 8},
            hovertext=[f"{WORDS.get(mask, mask)}: {e:.3g}" for e in estimates],
            hoverinfo="text",
        )


def _returns(name: str, reliance: Reliance) -> Drawn:
    """Bars of whole episodes, for each mask and each ρ at which there were some."""
    clean = statistics.mean(reliance.clean, reliance.confidence)
    places = np.arange(len(reliance.played))
    figure = blank(400)
    bars = [("everything", [clean] * len(places), FAINT)]
    for i, mask in enumerate(reliance.masks):
        means = [reliance.mean_return(i, j) for j in range(len(places))]
        bars.append((WORDS.get(mask, mask), means, COLOURS[PAIRS.get(mask, 2)]))
    for label, means, colour in bars:
        figure.add_bar(
            x=places,
            y=[mean.value for mean in means],
            error_y=whiskers(means),
            name=text(label),
            marker=_filling(colour, label),
            hovertext=[f"{text(label)}: {mean}" for mean in means],
            hoverinfo="text",
        )
    figure.update_xaxes(
        title_text=f"ρ, when what the legend says is {PLAYED}",
        **{"tickvals": places, "ticktext": [f"{rho:g}" for rho in reliance.played]},
        showgrid=False,
    )
    figure.update_yaxes(title_text="undiscounted return (reward)", zeroline=True)
    return Drawn(
        f"{name}-masked-returns",
        "What it earns when it sees only a part",
        "Mean return of the same episodes when only a part of every observation is left, with the "
        f"{interval(clean)}; grey is with nothing hidden. What is salient is said, at every step, "
        f"by {reliance.quick}.",
        figure.update_layout(showlegend=True, barmode="group", bargap=0.25),
    )


def _filling(colour: str, label: str) -> dict[str, object]:
    """Plain, or hatched for what is random."""
    if "random" not in label:
        return {"color": colour}
    hatched = {"shape": "/", "fgcolor": colour}
    return {"color": "white", "line": {"color": colour, "width": 1}, "pattern": hatched}


def _stability(name: str, result: Attribution) -> Drawn:
    """How much of the map stays under shifts."""
    reliance = result.reliance
    rows = np.arange(len(reliance.shifts))
    figure = blank(120 + 44 * len(rows))
    parts = (
        ("overlap of the salient parts", reliance.overlaps),
        ("rank correlation of the maps", reliance.rank_correlations),
    )
    for i, (label, estimates) in enumerate(parts):
        figure.add_scatter(
            x=[estimate.value for estimate in estimates],
            y=rows + 0.16 * (2 * i - 1),
            error_x=whiskers(estimates),
            mode="markers",
            name=label,
            marker={"color": COLOURS[i], "symbol": SYMBOLS[i], "size": 10},
            hovertext=[f"{label} {estimate:.3g}" for estimate in estimates],
            hoverinfo="text",
        )
    chance = reliance.chance_overlap
    figure.add_vline(chance, line={"color": FAINT, "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text="1 where the picture stays", rangemode="tozero")
    labels = [text(shift.replace("_", " ")) for shift in reliance.shifts]
    figure.update_yaxes(tickvals=rows, ticktext=labels, range=[len(rows) - 0.5, -0.5])
    told = ""
    if reliance.predictability is not None:
        told = (
            " How well the salient part is told from the policy's own features, as the area under "
            f"the ROC curve less that of the average map, is {reliance.predictability:.3g}, "
            f"{interval(reliance.predictability, result.unit)}."
        )
    return Drawn(
        f"{name}-stability",
        "Whether the picture stays when little changes",
        f"Intersection over union of the salient parts at ρ = {reliance.rho:g}, with and "
        f"without a change that should not matter, by {result.method}, and Spearman's correlation "
        f"of the whole maps, each with the {interval(reliance.overlaps[0], result.unit)}. The "
        f"dotted line, at {chance:.2g}, is the overlap of random parts.{told}",
        figure.update_layout(showlegend=True),
    )
