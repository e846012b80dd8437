"""Surrogates in the one-screen summary."""

from rich.table import Table
from rich.text import Text

from policyscope.reports.results import Surrogates


def surrogates(result: Surrogates) -> Table:
    """Each beside the others; the chosen one is marked."""
    table = Table(box=None, header_style="dim")
    table.add_column("surrogate", no_wrap=True)
    headings = ["size", "acts alike"]
    headings += ["on its own states", "return"] * bool(len(result.clean))
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for model, name in enumerate(result.models):
        played = []
        if len(result.clean):
            played = [f"{result.own_agreements[model].value:.1%}", f"{result.mean_return(model)}"]
        marked = model == result.chosen
        table.add_row(
            Text(name.replace("_", " ") + (" ←" if marked else ""), "bold" if marked else ""),
            f"{result.sizes[model]:,}",
            f"{result.agreements[model].value:.1%}",
            *map(Text, played),
        )
    network = ["", f"{result.clean_return()}"] if len(result.clean) else []
    table.add_row(Text("the network", "dim"), f"{result.parameters:,}", "", *map(Text, network))
    return table
