"""The waterfall: from what is done when nothing is known to what is done in one state."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from policyscope.reports.figures.canvas import COLOURS, FAINT, INK, Drawn, blank, labelled, text
from policyscope.reports.report import Setting
from policyscope.reports.results import ShapleyValues

ROWS = 10
"""Features that are shown one by one; the others are one row."""


@dataclass(frozen=True)
class Waterfall:
    """How features lead from the base to what is done in one state, the largest part first."""

    output: int
    """The likeliest action there; the dimension that is furthest from its base."""
    base: float
    end: float
    labels: tuple[str, ...]
    """Each feature with its value there, and φ."""
    parts: tuple[float, ...]
    """φ of each."""


def waterfall(result: ShapleyValues, state: int) -> Waterfall:
    """The waterfall of one explained state."""
    did, base = result.outputs[state], result.base[state]
    output = int(did.argmax() if result.discrete else np.abs(did - base).argmax())
    phis, values = result.values[state, :, output], result.states[state]
    order = np.argsort(-np.abs(phis), kind="stable")
    shown = order if len(order) <= ROWS else order[: ROWS - 1]
    labels = [f"{text(result.features[i])} = {values[i]:.3g}" for i in shown]
    parts = phis[shown].tolist()
    if len(shown) < len(order):
        labels.append(f"{len(order) - len(shown)} others")
        parts.append(float(phis[order[len(shown) :]].sum()))
    labels = [f"{label} ({part:+.2g})" for label, part in zip(labels, parts, strict=True)]
    return Waterfall(output, float(base[output]), float(did[output]), tuple(labels), tuple(parts))


def draw_waterfall(name: str, result: ShapleyValues, environment: Setting | None) -> Drawn:
    """Every explained state, to be chosen with a slider."""
    ordered = _by_sureness(result)
    steps = [_step(result, state, environment) for state in ordered]
    (bars, layout), rows = steps[0]["args"], min(len(result.features), ROWS)
    figure = blank(190 + 34 * rows)
    figure.add_bar(
        x=bars["x"][0],
        base=bars["base"][0],
        y=np.arange(rows),
        marker={"color": bars["marker.color"][0]},
        orientation="h",
        width=0.7,
        hoverinfo="skip",
    )
    low, high = _reach(result)
    figure.update_xaxes(title_text=layout["xaxis.title.text"], range=[low, high])
    figure.update_yaxes(tickvals=np.arange(rows), ticktext=layout["yaxis.ticktext"])
    figure.update_yaxes(range=[rows - 0.4, -0.6], showgrid=False)
    shown = {"prefix": "", "font": {"size": 13, "color": INK}, "xanchor": "left"}
    slider = {"steps": steps, "active": 0, "currentvalue": shown, "pad": {"t": 56, "b": 8}}
    slider |= {"font": {"color": "rgba(0,0,0,0)"}, "ticklen": 0, "minorticklen": 0}
    figure.update_layout(shapes=layout["shapes"], sliders=[slider], showlegend=False)
    what, order = "dimension furthest from its base", "the nearest to it first"
    if result.discrete:
        what, order = "likeliest action", "the least sure first"
    return Drawn(
        f"{name}-waterfall",
        "Why it did that",
        f"One of {len(ordered)} explained states, to be chosen with the slider, {order}. From the "
        f"{result.quantity} when nothing is known (dotted) each feature's value leads, the "
        "largest part first, orange up and blue down, to what is done there (solid); shown is the "
        f"{what}.",
        figure,
    )


def _step(result: ShapleyValues, state: int, environment: Setting | None) -> dict[str, Any]:
    """What the slider changes: plain numbers with few digits, as they cannot be packed."""
    falls = waterfall(result, state)
    starts = falls.base + np.cumsum([0.0, *falls.parts[:-1]])
    action = labelled(result.actions[falls.output], environment)
    label = (
        f"episode {result.episodes[state]}, step {result.times[state]}: {action} {falls.end:.3g}"
    )
    bars = {
        "x": [[float(f"{part:.4g}") for part in falls.parts]],
        "base": [[float(f"{start:.4g}") for start in starts]],
        "marker.color": [[COLOURS[4] if part > 0 else COLOURS[0] for part in falls.parts]],
    }
    layout = {
        "shapes": [_line(falls.base, "dot", FAINT), _line(falls.end, "solid", INK)],
        "yaxis.ticktext": list(falls.labels),
        "xaxis.title.text": f"{action} ({result.measured_in})",
    }
    return {"label": label, "method": "update", "args": [bars, layout]}


def _line(at: float, dash: str, colour: str) -> dict[str, Any]:
    at = float(f"{at:.4g}")
    line = {"dash": dash, "color": colour, "width": 1.5}
    return {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def _by_sureness(result: ShapleyValues) -> list[int]:
    """States, those with the least likely action, or with what is nearest to the base, first."""
    away = np.abs(result.outputs - result.base).max(1)
    return np.argsort(result.outputs.max(1) if result.discrete else away, kind="stable").tolist()


def _reach(result: ShapleyValues) -> tuple[float, float]:
    """Of all bars in all states, with some room."""
    ends = []
    for state in range(len(result.states)):
        falls = waterfall(result, state)
        ends += (falls.base + np.cumsum([0.0, *falls.parts])).tolist()
    room = 0.05 * max(max(ends) - min(ends), 1e-9)
    return min(ends) - room, max(ends) + room
