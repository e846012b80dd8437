"""Figures of whether maps are true: every method of attribution beside chance."""

import numpy as np

from policyscope.reports.figures.canvas import (
    COLOURS,
    INK,
    Drawn,
    blank,
    interval,
    text,
)
from policyscope.reports.results import CHANCE, Attribution, Faithfulness
from policyscope.statistics import Estimate

BETTER_LARGE = {"advantage", "insertion", "AUM", "PGI"}
"""Scores of which more is better."""
BETTER_SMALL = {
    *("deletion", "AIM", "PGU", "RIS", "infidelity", "sensitivity"),
    *("completeness error", "randomised weights"),
}
"""Scores of which less is better."""
UNCOMPARED = {"RIS", "sensitivity", "completeness error", "randomised weights"}
"""Scores of which chance says nothing: maps that never change are as stable as can be."""
SHADE = ((0.0, "#f5c9a8"), (0.5, "#ffffff"), (1.0, "#bcdcf0"))
"""Surely worse than chance, not told apart, surely better."""
ROOM = 56
"""Width in rem that a dozen columns of numbers need."""
SIGNS = {-1: " ✗", 0: "", 1: " ✓"}


def draw_faithfulness(name: str, result: Attribution) -> tuple[Drawn, ...]:
    """The curves that decide, and every score of every method."""
    if not result.faithfulness.methods:
        return ()
    return _curves(name, result), _scores(name, result)


def _curves(name: str, result: Attribution) -> Drawn:
    """Insertion on the left, deletion on the right."""
    faithfulness = result.faithfulness
    figure = blank(400)
    figure.update_layout(grid={"rows": 1, "columns": 2, "pattern": "independent", "xgap": 0.16})
    for panel, curves in (("", faithfulness.insertion), ("2", faithfulness.deletion)):
        # the winner is drawn over the others
        for i, method in reversed(list(enumerate((*faithfulness.methods, CHANCE)))):
            figure.add_scatter(
                x=faithfulness.fractions,
                y=curves[i],
                xaxis=f"x{panel}",
                yaxis=f"y{panel}",
                **_look(i, method, len(faithfulness.methods), panel == ""),
            )
        done = "taken away" if panel else "put in, the most important first"
        figure.layout[f"xaxis{panel}"] = {"title": {"text": done}, "tickformat": ".0%"}
        figure.layout[f"yaxis{panel}"] = {"rangemode": "tozero"}
    figure.layout.yaxis.title.text = "how far the action is kept"
    figure.update_layout(legend_traceorder="reversed")
    best = faithfulness.advantages[0]
    return Drawn(
        f"{name}-curves",
        "Whether the picture is true",
        "What was seen is put in place of the average observation (left), or taken away (right), "
        f"the most important according to {faithfulness.methods[0]} first (thick), to other "
        "methods (faint), or at random (dashed). True maps rise early on the left and fall early "
        f"on the right. The area between both curves, less that of random ones, is {best:.3g}, "
        f"{interval(best, result.unit)}.",
        figure,
    )


def _look(place: int, method: str, chance: int, legend: bool) -> dict[str, object]:
    """The winner and chance stand out; the others are there to be hovered over."""
    line = {"color": "#b9c0c6", "width": 1}
    if place == 0:
        line = {"color": COLOURS[0], "width": 3}
    elif place == chance:
        line = {"color": INK, "width": 2, "dash": "dash"}
    label = text(method) if place in (0, chance) else "other methods"
    return {
        "mode": "lines",
        "name": label,
        "legendgroup": label,
        "showlegend": legend and place in (0, 1, chance),
        "line": line,
        "hovertemplate": f"{text(method)}: %{{y:.3g}} at %{{x:.0%}}<extra></extra>",
    }


def _scores(name: str, result: Attribution) -> Drawn:
    """A table of methods and scores; shade and sign tell what is better than chance."""
    faithfulness = result.faithfulness
    none: tuple[Estimate | None, ...] = (None,)
    rows = [
        (advantage, *values)
        for advantage, values in zip(faithfulness.advantages, faithfulness.values, strict=True)
    ]
    chance = (*none, *faithfulness.chance)
    scores = ("advantage", *faithfulness.scores)
    beats = [[_beats(*pair) for pair in zip(scores, row, chance, strict=True)] for row in rows]
    labels = [_label(faithfulness, i) for i in range(len(rows))] + [CHANCE]
    figure = blank(130 + 42 * len(labels))
    figure.add_heatmap(
        z=[*beats, [0] * len(scores)],
        text=[
            *(list(map(_cell, row, signs)) for row, signs in zip(rows, beats, strict=True)),
            [_cell(value, 0) for value in chance],
        ],
        hovertext=[[_told(value) for value in row] for row in (*rows, chance)],
        x=np.arange(len(scores)),
        y=np.arange(len(labels)),
        **{"texttemplate": "%{text}", "textfont": {"size": 11}, "hoverinfo": "text"},
        **{"zmin": -1, "zmax": 1, "colorscale": SHADE, "showscale": False, "xgap": 2, "ygap": 2},
    )
    heads = {"tickvals": np.arange(len(scores)), "ticktext": list(map(_head, scores))}
    figure.update_xaxes(
        heads, side="top", tickangle=0, showgrid=False, tickfont={"size": 10}, ticks=""
    )
    figure.update_yaxes(tickvals=np.arange(len(labels)), ticktext=labels, showgrid=False)
    figure.update_yaxes(range=[len(labels) - 0.5, -0.5], ticks="")
    return Drawn(f"{name}-faithfulness", "Which method tells best", _about(result), figure, ROOM)


def _about(result: Attribution) -> str:
    faithfulness = result.faithfulness
    caption = (
        "Every method of attribution on the same states, the best at the top, and random "
        "attributions at the bottom. An arrow says which way a score is better; the small numbers "
        f"are its {interval(faithfulness.advantages[0], result.unit)}. ✓, blue: the interval is "
        "all on the better side of chance's; ✗, orange: on the worse. Stability is not compared: "
        "random maps that never change have the most."
    )
    reasons = [
        f"{method} ({why})"
        for method, why in zip(faithfulness.methods, faithfulness.refused, strict=True)
        if why
    ]
    if reasons:
        caption += f" Refused: {'; '.join(reasons)}."
    if faithfulness.skipped:
        skipped = "; ".join(f"{method} ({why})" for method, why in faithfulness.skipped)
        caption += f" Could not be used: {skipped}."
    return caption


def _label(faithfulness: Faithfulness, place: int) -> str:
    name = text(faithfulness.methods[place])
    if faithfulness.refused[place]:
        return f"{name}<br><i>✗ refused</i>"
    return f"<b>{name}</b>" if place == 0 else name


def _head(score: str) -> str:
    arrow = "<br>↑" if score in BETTER_LARGE else "<br>↓" if score in BETTER_SMALL else ""
    return text(score).replace("completeness", "complete-<br>ness").replace("d w", "d<br>w") + arrow


def _beats(score: str, value: Estimate | None, chance: Estimate | None) -> int:
    """1 where it is surely better than chance, −1 where it is surely worse."""
    if value is None or score in UNCOMPARED or (chance is None and score != "advantage"):
        return 0
    low, high = (0.0, 0.0) if chance is None else (chance.low, chance.high)
    larger = int(value.low > high) - int(value.high < low)
    return larger if score in BETTER_LARGE else -larger if score in BETTER_SMALL else 0


def _cell(value: Estimate | None, beats: int) -> str:
    if value is None:
        return "–"
    small = f"<span style='font-size:9px'>{_short(value.low)}…{_short(value.high)}</span>"
    return f"{_short(value.value)}{SIGNS[beats]}<br>{small}"


def _short(number: float) -> str:
    """Few digits, since there are many columns."""
    size = abs(number)
    if size == 0 or 1e-3 <= size < 1e3:
        return f"{number:.{3 if 0 < size < 0.01 else 2 if size < 10 else 0}f}"
    mantissa, _, exponent = f"{number:.{1 if size > 1 else 0}e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def _told(value: Estimate | None) -> str:
    return "does not apply" if value is None else f"{value}, n = {value.n}"
