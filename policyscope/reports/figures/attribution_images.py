"""Figure of what the policy looks at in images: maps over frames, to be scrubbed through."""

import base64
import io
import math
from collections.abc import Iterator

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int, Shaped, UInt8
from PIL import Image

from policyscope.images import frames_of
from policyscope.reports.figures.attribution_words import (
    actions_taken,
    belief,
    colours,
    sample,
    sides,
)
from policyscope.reports.figures.canvas import (
    COLOURS,
    INK,
    Drawn,
    blank,
    labelled,
    thinned,
)
from policyscope.reports.report import Setting
from policyscope.reports.results import Attribution

PICTURES, PANELS, SIDE = 60, ("", "2", "3", "4"), 128
"""Pictures, maps beside one another, and pixels to a side: a page has to stay small."""
SHADES = 256
"""Colours of a picture."""
FOR, AGAINST = COLOURS[4], COLOURS[0]
BARE = {"showgrid": False, "showticklabels": False, "ticks": "", "constrain": "domain"}


def draw_overlays(name: str, result: Attribution, environment: Setting | None) -> Drawn:
    """The newest frame under the map of each output, and of the value where there is one."""
    titles, maps = zip(*_maps(result, environment), strict=True)
    shown = thinned(result.states, PICTURES // len(maps))
    greys = _greys(np.stack([_newest(image) for image in result.newest(result.states)[shown]]))
    sources = [
        [picture(grey, _newest(of[i])) for of in maps] for i, grey in zip(shown, greys, strict=True)
    ]
    figure = blank(470)
    figure.update_layout(grid={"rows": 1, "columns": len(maps), "pattern": "independent"})
    for panel, title, source in zip(PANELS, titles, sources[0], strict=False):
        figure.add_image(source=source, xaxis=f"x{panel}", yaxis=f"y{panel}", hoverinfo="skip")
        figure.layout[f"xaxis{panel}"] = BARE | {"title": {"text": title}}
        upright = {"autorange": "reversed", "scaleanchor": f"x{panel}"}
        figure.layout[f"yaxis{panel}"] = BARE | upright
    figure.update_layout(sliders=[_slider(result, shown, sources, environment)])
    _add_scale(figure, result)
    channels = frames_of(result.newest(result.states)[0])
    return Drawn(
        f"{name}-overlays",
        f"What the policy looks at, by {result.method}",
        f"{belief(result)} The newest frame{_colour(channels)}, in grey, under its map: "
        f"{sides(result)}, relative to the strongest pixel of that map.{_part(result, shown)}"
        f"{_value(result)} The slider goes through {len(shown)} of {sample(result)}."
        f"{_left_out(result)}",
        figure,
    )


def _maps(
    result: Attribution, environment: Setting | None
) -> Iterator[tuple[str, Float[np.ndarray, " state *seen"]]]:
    """Titles, and what is drawn over the frames."""
    decision, value = result.newest(result.decision), result.newest(result.value)
    most = len(PANELS) - value.shape[1]
    outputs = result.outputs[:most]
    yield from ((labelled(one, environment), decision[:, i]) for i, one in enumerate(outputs))
    yield from (("value of the state", value[:, i]) for i in range(value.shape[1]))


def _slider(
    result: Attribution,
    shown: Int[np.ndarray, " state"],
    sources: list[list[str]],
    environment: Setting | None,
) -> dict[str, object]:
    steps, panels = [], list(range(len(sources[0])))
    for state, source in zip(shown.tolist(), sources, strict=True):
        label = f"episode {result.episodes[state]}, step {result.times[state]}"
        if result.discrete:
            label += f": {actions_taken(result, state, environment)}"
        steps.append({"method": "restyle", "args": [{"source": source}, panels], "label": label})
    return {
        "steps": steps,
        "currentvalue": {"font": {"size": 14, "color": INK}, "xanchor": "left"},
        "font": {"size": 1, "color": "rgba(0,0,0,0)"},  # labels of all steps would cover each other
        "ticklen": 0,
        "pad": {"t": 40},
    }


def _add_scale(figure: go.Figure, result: Attribution) -> None:
    """What the colours mean, beside the pictures."""
    signed = result.signed or result.value.shape[1] > 0
    ends = ["against", "for"] if signed else ["nothing", "most"]
    bar = {"thickness": 12, "outlinewidth": 0, "tickvals": [-signed, 1], "ticktext": ends}
    figure.update_layout(coloraxis=colours(signed, 1.0) | {"colorbar": bar}, showlegend=False)
    figure.add_scatter(x=[None], y=[None], marker={"color": [0], "coloraxis": "coloraxis"})


def picture(
    grey: Float[np.ndarray, " height width"], of: Float[np.ndarray, " channel row column"]
) -> str:
    """A frame under a map, as the address of a PNG that is the address's own content.

    Args:
        grey: From 0, black, to 1.
        of: The map's frame or, where it has colours, their maps.
    """
    credit = _small(of.sum(0))
    credit = credit / (np.abs(credit).max() or 1)
    strength = np.abs(credit)[..., None]
    colour = np.where(credit[..., None] > 0, _rgb(FOR), _rgb(AGAINST))
    mixed = (1 - strength) * 255 * grey[..., None] + strength * colour
    stored = io.BytesIO()
    image = Image.fromarray(np.rint(mixed).astype(np.uint8))
    image.quantize(SHADES, dither=Image.Dither.NONE).save(stored, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stored.getvalue()).decode()


def _greys(
    frames: Shaped[np.ndarray, " state channel height width"],
) -> Float[np.ndarray, " state row column"]:
    """Between 0 and 1, the average of blocks where frames are large."""
    grey = frames.astype(float).mean(1)
    low, high = (0.0, 255.0) if frames.dtype == np.uint8 else (grey.min(), grey.max())
    for axis, size in ((1, grey.shape[1]), (2, grey.shape[2])):
        starts = np.arange(0, size, math.ceil(size / SIDE))
        counts = np.diff(np.append(starts, size))
        shape = [-1 if i == axis else 1 for i in range(3)]
        grey = np.add.reduceat(grey, starts, axis) / counts.reshape(shape)
    return (grey - low) / ((high - low) or 1)


def _small(credit: Float[np.ndarray, " height width"]) -> Float[np.ndarray, " row column"]:
    """Of each block the pixel furthest from zero where a frame is large."""
    for axis, size in enumerate(credit.shape):
        starts = np.arange(0, size, math.ceil(size / SIDE))
        most = np.maximum.reduceat(credit, starts, axis)
        least = np.minimum.reduceat(credit, starts, axis)
        credit = np.where(most >= -least, most, least)
    return credit


def _newest(image: Shaped[np.ndarray, " *seen"]) -> Shaped[np.ndarray, " channel height width"]:
    return _recent(frames_of(image))


def _recent(channels: Shaped[np.ndarray, " channel height width"]) -> np.ndarray:
    """The last frame of a stack; frames in colour have three channels each."""
    return channels[-3:] if len(channels) % 3 == 0 else channels[-1:]


def _part(result: Attribution, shown: Int[np.ndarray, " state"]) -> str:
    """How much of the credit is in what is drawn."""
    maps = np.abs(result.newest(result.decision)[shown]).sum((0, 1))
    frames, whole = frames_of(maps), float(maps.sum())
    if len(_recent(frames)) == len(frames) or not whole:
        return ""
    share = _recent(frames).sum() / whole
    return f" It holds {share:.0%} of the credit that all {len(frames)} channels have here."


def _value(result: Attribution) -> str:
    """Whose maps the value's are."""
    told = f" That of the value is by {result.additive}: orange raises it, blue lowers it."
    return told * result.value.shape[1]


def _left_out(result: Attribution) -> str:
    most = len(PANELS) - result.value.shape[1]
    few = len(result.outputs) > most
    return f" Only the first {most} of {len(result.outputs)} outputs are drawn." * few


def _colour(channels: Shaped[np.ndarray, " channel height width"]) -> str:
    if len(channels) % 3:
        return ""
    return f" (its colours are the last 3 of {len(channels)} channels, taken together)"


def _rgb(colour: str) -> UInt8[np.ndarray, " 3"]:
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)
