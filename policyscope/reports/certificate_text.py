"""Certificates in the one-screen summary."""

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from policyscope.reports.results import ActionCertificates, Certificate
from policyscope.statistics import legible

SHOWN = 6
"""Budgets that are listed; the report has all of them."""


def certificate(result: Certificate) -> RenderableType:
    """Of returns and, where they were asked for, of single actions."""
    if result.actions is None:
        return _returns(result)
    return Group(_returns(result), action_certificates(result.actions))


def action_certificates(actions: ActionCertificates) -> Table:
    """The radius of each way, and in how many states there is none."""
    table = Table(box=None, header_style="dim")
    table.add_column(f"radius ({actions.unit})", no_wrap=True)
    table.add_column("median of states", justify="right", no_wrap=True)
    table.add_column("no radius in", justify="right")
    for i, (method, norm) in enumerate(actions.ways):
        none = f"{(actions.radii[i] <= 0).sum()} of {actions.radii.shape[1]}"
        table.add_row(f"{method}, {norm}", Text(f"{actions.radius(i)}"), none)
    if len(actions.kinks):
        table.add_row("linear up to a ReLU boundary, l2", Text(f"{actions.kink()}"), "")
    return table


def _returns(result: Certificate) -> Table:
    """What is certified at some budgets, below what there is without an adversary."""
    table = Table(box=None, header_style="dim")
    table.add_column(f"{result.counted}, at {100 * result.confidence:.6g}%", no_wrap=True)
    for sigma in result.sigmas:
        table.add_column(f"noise of {sigma:g}", justify="right")
    clean, *blank = legible(result.clean_mean().value), *[""] * (len(result.sigmas) - 1)
    table.add_row("without noise", clean, *blank)
    noisy = [legible(result.noisy_mean(i).value) for i in range(len(result.sigmas))]
    table.add_row("under noise", *noisy)
    places = np.linspace(0, len(result.budgets) - 1, min(len(result.budgets), SHOWN))
    for place in places.round().astype(int).tolist():
        table.add_row(
            f"adversary of l2 {result.budgets[place]:g}, at least",
            *(legible(bound) for bound in result.bounds[:, place]),
        )
    for budget in () if result.attacked is None else result.attacked.budgets:
        place = result.budgets.index(budget)
        means = [result.attacked_mean(i, place) for i in range(len(result.sigmas))]
        cells = [Text(f"{mean}") for mean in means if mean is not None]
        table.add_row(f"adversary of l2 {budget:g}, strongest found", *cells)
    return table
