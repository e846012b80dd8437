"""What the command line prints: progress, reports, analyzers, checkpoints."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from policyscope.analyzers.catalogue import measures, parameters, question
from policyscope.progress import Progress
from policyscope.provenance import Checkpoint
from policyscope.reports.report import Report
from policyscope.reports.text import measures_table, summary

WIDE = 160


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Progress bars on standard error, gone when the work is done."""
    columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Bars(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:

        @contextmanager
        def task(description: str, units: int) -> Iterator[Any]:
            bar = bars.add_task(description, total=units)
            yield lambda done: bars.advance(bar, done)
            bars.remove_task(bar)

        yield task


def print_summary(report: Report) -> None:
    """A report on one screen."""
    Console().print(summary(report))


def print_measures(report: Report) -> None:
    """Every number of a report as a table, one line each where nobody's screen is in the way."""
    Console(width=None if sys.stdout.isatty() else WIDE).print(measures_table(report))


def print_report_json(report: Report, measures_alone: bool) -> None:
    """Every number of a report, and its findings, as JSON."""
    numbers = [
        {"key": measure.key, "name": measure.name, "conditions": dict(measure.conditions)}
        | asdict(measure.estimate)
        | {"unit": measure.unit}
        for measure in report.measures()
    ]
    findings = [asdict(finding) for finding in report.findings]
    print_json(numbers if measures_alone else {"findings": findings, "measures": numbers})


def print_analyzers(kinds: Mapping[str, type[Any]]) -> None:
    """Analyzers with their questions."""
    print_rows((name, question(kind)) for name, kind in kinds.items())


def print_analyzer(name: str, kind: type[Any]) -> None:
    """One analyzer with its needs, parameters and measures."""
    console = Console()
    console.print(f"[bold]{name}[/]: {question(kind)}\n", highlight=False)
    needs = "; ".join(need.value for need in kind.needs)
    console.print(f"needs: {needs or 'nothing beyond observations'}\n", highlight=False)
    console.print("parameters, as --set " + f"{name}.NAME=VALUE", style="bold", highlight=False)
    print_rows((p.name, p.type, p.default, p.meaning) for p in parameters(kind))
    console.print("\nmeasures", style="bold")
    print_rows((f"{name}.{measure}", text) for measure, text in measures(kind).items())


def print_rows(rows: Iterable[Iterable[str]]) -> None:
    """Rows in columns, the first in colour."""
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    for first, *others in rows:
        table.add_row(Text(first, "cyan"), *map(Text, others))
    Console().print(table)


def print_json(value: Any) -> None:
    """A value as JSON."""
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def print_checkpoint(checkpoint: Checkpoint) -> None:
    """What a file says about its policy."""
    for_people = {
        name: "; ".join(value) if isinstance(value, tuple) else value
        for name, value in asdict(checkpoint).items()
    }
    print_rows((name, str(value or "—")) for name, value in for_people.items())
