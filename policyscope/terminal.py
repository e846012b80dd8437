"""What the command line prints: progress, reports, analyzers, checkpoints."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from policyscope.analyzers.catalogue import measures, parameters, question
from policyscope.progress import Progress
from policyscope.provenance import Checkpoint
from policyscope.reports.counterexamples import Found
from policyscope.reports.report import Report
from policyscope.reports.text import measures_table, summary
from policyscope.rollouts.reenactment import lengths, moved
from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.shrinking import Shrunken
from policyscope.statistics import legible

WIDE = 160
RUNS = 12
"""Stretches of steps that are listed."""


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


def print_counterexample(found: Found, rollouts: Rollouts | None) -> None:
    """One episode under attack, and what it was when it was played again, if it was."""
    kept = found.kept
    rows = [
        (found.name, found.story.removeprefix(": ")),
        ("return", f"{legible(kept.clean)} without the attack, {legible(kept.returned)} with it"),
        ("steps", f"{len(kept.rewards)}, ended by {_end(kept.terminated, kept.truncated)}"),
        ("attacked", _in_steps(kept.attacked)),
        ("decision", _decision(found)),
    ]
    if rollouts is not None:
        rows.append(("largest change", _largest(found, rollouts)))
    print_rows(rows)


def print_shrunken(found: Found, shrunken: Shrunken) -> None:
    """What is left of an attack."""
    attacked = np.isin(np.arange(len(shrunken.rollouts.rewards)), shrunken.steps)
    returned = float(shrunken.rollouts.returns[0])
    gains = f"{legible(found.kept.harm)} with all, {legible(shrunken.harm)} with these"
    print_rows(
        [
            ("shrunk to", f"{_in_steps(attacked)}; changes {shrunken.factor:.3g} times as large"),
            ("return", f"{legible(found.kept.clean)} without, {legible(returned)} with these"),
            *[("adversary gains", gains)] * bool(found.outcome.goal),
            ("largest change", _largest(found, shrunken.rollouts)),
            ("searched", f"{shrunken.tries} episodes, {_how_it_ended(shrunken)}"),
        ]
    )


def _end(terminated: bool, truncated: bool) -> str:
    return "the task" if terminated else "a time limit" if truncated else "nothing"


def _how_it_ended(shrunken: Shrunken) -> str:
    if shrunken.finished:
        return "until no step could be left out"
    return "until the time was spent; give more with --minutes"


def _largest(found: Found, rollouts: Rollouts) -> str:
    each = lengths(moved(rollouts), found.kept.scale, found.kept.norm)
    whole = ""
    if found.outcome.whole_episode:
        total = each.sum() if found.kept.norm == "linf" else np.linalg.norm(each)
        whole = f", {total:.4g} in all steps together"
    return f"{each.max():.4g}{whole}, of {found.kept.epsilon:g} ({found.outcome.unit})"


def _decision(found: Found) -> str:
    """Where the policy would have acted otherwise, or by how much."""
    kept = found.kept
    if kept.actions.dtype.kind in "iu":
        return f"turned in {_in_steps(kept.turned)}"
    apart = np.abs(kept.actions - kept.otherwise).reshape(len(kept.actions), -1).max(1)
    return f"moved by up to {apart.max():.3g}, in step {apart.argmax()}; mean {apart.mean():.3g}"


def _in_steps(chosen: np.ndarray) -> str:
    """How many steps, and which, as stretches."""
    steps = np.flatnonzero(chosen)
    runs = np.split(steps, np.flatnonzero(np.diff(steps) > 1) + 1) if len(steps) else []
    named = [f"{r[0]}" if len(r) == 1 else f"{r[0]}–{r[-1]}" for r in runs[:RUNS]]
    which = f": {', '.join(named)}{', …' * (len(runs) > RUNS)}" if named else ""
    return f"{len(steps)} of {len(chosen)} steps{which}"


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
