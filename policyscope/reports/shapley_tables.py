"""Shapley values in the one-screen summary."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from policyscope.reports.results import ShapleyValues
from policyscope.reports.surrogate_tables import surrogates

SHOWN = 6
"""Features that are listed; the report has all of them."""


def shapley_values(result: ShapleyValues) -> RenderableType:
    """The features by importance, and what the values rest on."""
    words = (
        f"{result.quantity}, summed over actions; {result.how}; mean "
        f"standard error of a single value {result.standard_error.value:.2g}"
    )
    parts = [_importance(result), Padding(Text(words), (0, 0, 1, 1))]
    return Group(*parts, *[surrogates(result.surrogates)] * bool(result.surrogates.models))


def _importance(result: ShapleyValues) -> Table:
    table = Table(box=None, header_style="dim")
    on = result.on_manifold
    table.add_column("feature", no_wrap=True)
    for heading in ("mean |φ|", "interval", "share", *["on manifold"] * (on is not None)):
        table.add_column(heading, justify="right", no_wrap=True)
    shares, beside = result.shares, result.shares_on_manifold
    ranked = sorted(range(len(result.features)), key=lambda i: -shares[i])
    for i in ranked[:SHOWN]:
        table.add_row(
            result.features[i],
            f"{result.importance[i].value:.3f}",
            Text(result.importance[i].interval(".3f")),
            f"{shares[i]:.1%}",
            *[f"{share:.1%}" for share in beside[i : i + 1]],
        )
    if len(ranked) > SHOWN:
        table.add_row(f"… and {len(ranked) - SHOWN} more")
    return table
