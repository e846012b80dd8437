"""Disturbed actions and changed physics in the one-screen summary."""

import numpy as np
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from policyscope.reports.results import DisturbanceOutcome
from policyscope.statistics import legible

SHOWN = 3
"""Epsilons that are listed; the report has all of them."""


def disturbances(result: DisturbanceOutcome) -> RenderableType:
    """Returns by disturbance, and by physics where it was changed."""
    parts: list[RenderableType] = [_disturbed(result)]
    if result.physics.size:
        parts.append(_physics(result))
    if result.gravity.size:
        parts.append(_gravity(result))
    if result.unchanged:
        parts.append(Padding(Text(result.unchanged), (0, 0, 0, 1)))
    return Group(*parts)


def _disturbed(result: DisturbanceOutcome) -> Table:
    places = np.linspace(0, len(result.epsilons) - 1, min(len(result.epsilons), SHOWN))
    places = places.round().astype(int).tolist()
    table = Table(box=None, header_style="dim")
    what = "forces of" if result.pushed else "actions disturbed by"
    table.add_column(f"return, {what} ({result.unit})")
    for place in places:
        table.add_column(f"{result.epsilons[place]:g}", justify="right")
    table.add_row("not at all", *[Text(f"{result.clean_return()}")] * len(places))
    for i, disturbance in enumerate(result.disturbances):
        cells = [Text(f"{result.mean_return(i, place)}") for place in places]
        table.add_row(disturbance.replace("_", " "), *cells)
    worst = [Text(f"{result.worst_return(place)}") for place in places]
    table.add_row(Text("strongest, held out", "bold"), *worst)
    return table


def _physics(result: DisturbanceOutcome) -> Table:
    table = Table(box=None, header_style="dim")
    table.add_column("return, masses by friction", no_wrap=True)
    for friction in result.frictions:
        table.add_column(f"×{friction:g}", justify="right")
    for i, mass in enumerate(result.masses):
        means = [result.physics_return(i, j) for j in range(len(result.frictions))]
        table.add_row(f"×{mass:g}", *(legible(mean.value) for mean in means))
    return table


def _gravity(result: DisturbanceOutcome) -> Table:
    table = Table(box=None, header_style="dim")
    table.add_column("return, gravity", no_wrap=True)
    for gravity in result.gravities:
        table.add_column(f"×{gravity:g}", justify="right")
    means = [result.gravity_return(i) for i in range(len(result.gravities))]
    table.add_row("", *(legible(mean.value) for mean in means))
    return table
