"""Figures of a direction among images: where it is in the frame, and how fine."""

import math

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, UInt8

from policyscope.images import frames_of
from policyscope.reports.figures.canvas import COLOURS, FAINT, Drawn, blank, thinned, thinning
from policyscope.reports.results import DirectionSet

PANELS = ("", "2", "3", "4", "5", "6")
"""Of how many frames; panels as plotly numbers them."""
SIDE = 128
"""Pixels to a side that are drawn: a page has to stay small."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def draw_frames(name: str, result: DirectionSet) -> Drawn:
    """|G| of each frame, in percent of the largest."""
    frames = np.abs(frames_of(result.directions[0].reshape(result.shape)))
    percent = 100 * frames / (frames.max() or 1)
    shown = thinned(frames, len(PANELS))
    columns = min(len(shown), 4)
    rows = math.ceil(len(shown) / columns)
    figure = blank(60 + 220 * rows)
    figure.update_layout(grid={"rows": rows, "columns": columns, "pattern": "independent"})
    figure.update_layout(grid_xgap=0.06, grid_ygap=0.16)
    for panel, frame in zip(PANELS, shown, strict=False):
        figure.add_trace(_map(percent[frame], panel))
        bare = {"showgrid": False, "showticklabels": False, "ticks": "", "constrain": "domain"}
        figure.layout[f"xaxis{panel}"] = bare | {"title": {"text": f"frame {frame + 1}"}}
        upright = {"autorange": "reversed", "scaleanchor": f"x{panel}"}
        figure.layout[f"yaxis{panel}"] = bare | upright
    title = {"text": "% of the largest", "side": "right"}
    bar = {"title": title, "thickness": 12, "outlinewidth": 0}
    figure.update_layout(coloraxis={"colorscale": "Blues", "cmin": 0, "cmax": 100, "colorbar": bar})
    energy = np.sum(frames**2, (1, 2))
    listed = ", ".join(f"frame {i + 1} {energy[i]:.0%}" for i in shown)
    return Drawn(
        f"{name}-principal",
        "Where decisions break",
        "Size of the principal direction's weight in each pixel"
        f"{thinning(frames, len(PANELS))}{_reduced(frames)}; its sign is arbitrary. In a stack of "
        f"frames the newest is the last. Of its squared length there is in {listed}. The direction "
        f"holds {result.shares[0].value:.1%} of the gradients' squared length.",
        figure,
    )


def draw_spectrum(name: str, result: DirectionSet) -> Drawn:
    """How fine the direction's pattern is, frame by frame."""
    figure = blank(340)
    for i, frame in enumerate(thinned(result.spectrum, len(PANELS))):
        figure.add_scatter(
            y=result.spectrum[frame].round(5),
            name=f"frame {frame + 1}",
            mode="lines",
            line={"color": COLOURS[i], "dash": DASHES[i], "width": 2},
            hovertemplate="%{y:.3g} at %{x} cycles<extra>%{fullData.name}</extra>",
        )
    flat = math.sqrt(math.pi / 4 / len(result.spectrum))
    figure.add_hline(flat, line={"color": FAINT, "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text="cycles per frame")
    figure.update_yaxes(title_text="mean magnitude", rangemode="tozero")
    return Drawn(
        f"{name}-spectrum",
        "How fine its pattern is",
        "Mean magnitude of the Fourier transform of the principal direction, over the frequencies "
        f"of about the same radius{thinning(result.spectrum, len(PANELS))}: broad patterns are on "
        f"the left, single pixels on the right. The dotted line, at {flat:.2g}, is what a random "
        "direction has at every frequency on average.",
        figure.update_layout(showlegend=True),
    )


def _map(percent: Float[np.ndarray, " height width"], panel: str) -> go.Heatmap:
    return go.Heatmap(
        z=_small(percent),
        coloraxis="coloraxis",
        xaxis=f"x{panel}",
        yaxis=f"y{panel}",
        hovertemplate="%{z}% at column %{x}, row %{y}<extra></extra>",
    )


def _small(percent: Float[np.ndarray, " height width"]) -> UInt8[np.ndarray, " row column"]:
    """Whole percents, each of the largest pixel of a block where a frame is large."""
    for axis, size in enumerate(percent.shape):
        starts = np.arange(0, size, math.ceil(size / SIDE))
        percent = np.maximum.reduceat(percent, starts, axis)
    return np.rint(percent).astype(np.uint8)


def _reduced(frames: Float[np.ndarray, " frame height width"]) -> str:
    block = math.ceil(max(frames.shape[1:]) / SIDE)
    return f", the largest of each {block} × {block}" if block > 1 else ""
