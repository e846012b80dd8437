"""Equations in the one-screen summary."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from policyscope.readable.text import as_text
from policyscope.reports.results import SparseEquations, SparsePolicy

LONG = 300
"""Characters of an equation that are shown; the report has all of it."""
LINES = 4
"""Equations that are shown."""


def sparse_equations(result: SparseEquations) -> RenderableType:
    """The equations, what they are worth beside others, and how far ahead they see."""
    lines = as_text(result.surrogate)
    shown = [line if len(line) <= LONG else f"{line[: LONG - 1]}…" for line in lines[:LINES]]
    if len(lines) > LINES:
        shown.append(f"… and {len(lines) - LINES} more lines")
    parts = [*map(Text, shown), _worth(result.policy)]
    if result.dynamics is not None:
        error, horizon = result.dynamics.errors[0], result.dynamics.horizon
        beyond = "at least " * result.dynamics.foreseen
        parts.append(
            Text(
                f"dynamics: error of a step {error.value:.2g} deviations, trusted for {beyond}"
                f"{horizon.value:g} steps"
            )
        )
    return Group(
        *(Padding(part, (0, 0, 0, 1)) if isinstance(part, Text) else part for part in parts)
    )


def _worth(policy: SparsePolicy) -> Table:
    table = Table(box=None, header_style="dim")
    what = "same action" if policy.discrete else "error, half ranges"
    for heading in ("", "numbers", "return", what):
        table.add_column(heading, justify="left" if not heading else "right", no_wrap=True)
    form = ".1%" if policy.discrete else ".2g"
    table.add_row("network", f"{policy.parameters:,}", Text(f"{policy.network_return()}"), "")
    table.add_row(
        Text("equations", "bold"),
        f"{policy.size:,}",
        Text(f"{policy.own_return()}"),
        f"{policy.fidelity.value:{form}}",
    )
    for i, rival in enumerate(policy.rivals):
        returned = Text(f"{policy.rival_return(i)}")
        fidelity = f"{policy.rival_fidelity[i].value:{form}}"
        table.add_row(rival, f"{policy.rival_sizes[i]:,}", returned, fidelity)
    return table
