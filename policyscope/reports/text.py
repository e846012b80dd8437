"""The one-screen summary: what a person reads first, in a terminal."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from policyscope.reports.report import Entry, Finding, Report
from policyscope.reports.results import (
    Attribution,
    DirectionComparison,
    DirectionSet,
    EpisodeReturns,
    Failed,
    NotApplicable,
)
from policyscope.statistics import legible

MARKS = {"critical": ("✗", "bold red"), "warning": ("!", "bold yellow"), "info": ("·", "cyan")}
"""Sign and colour of each severity; the word stands beside them."""
SHOWN = 6
"""Features that are listed; the report has all of them."""
BAR = 24


def summary(report: Report) -> RenderableType:
    """The summary, for a rich console."""
    return Group(*_parts(report))


def measures_table(report: Report) -> Table:
    """Every number with its interval and what it rests on."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("measure", overflow="fold")
    for heading in ("value", "interval", "confidence", "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    for measure in report.measures():
        estimate = measure.estimate
        table.add_row(
            Text(measure.key),
            legible(estimate.value),
            Text(estimate.interval()),
            estimate.sureness,
            str(estimate.n),
            measure.unit,
        )
    return table


def _parts(report: Report) -> Iterator[RenderableType]:
    checkpoint = report.checkpoint
    preposition, _, where = report.where.partition(" ")
    yield Text.assemble((report.title, "bold"), f" {preposition} ", (where, "bold"))
    normaliser = f", normalised by {checkpoint.normaliser}" if checkpoint.normaliser else ""
    yield Text(
        f"{checkpoint.algorithm or checkpoint.format}, {checkpoint.architecture}{normaliser}; "
        f"{report.size}, seed {report.seed}",
        style="dim",
    )
    yield Text()
    yield from map(_finding, report.findings)
    for name, entry in report.entries.items():
        yield Text()
        yield Text(name, style="bold")
        yield _result(entry)


def _finding(finding: Finding) -> RenderableType:
    mark, style = MARKS[finding.severity]
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=10, no_wrap=True)
    grid.add_column()
    words = Text(finding.sentence)
    if finding.severity != "info":
        words += Text(f" {finding.advice}", style="dim")
    grid.add_row(Text(f"{mark} {finding.severity}", style), words)
    return grid


def _result(entry: Entry) -> RenderableType:
    match entry.result:
        case EpisodeReturns():
            return _returns(entry.result)
        case Attribution():
            return _attribution(entry.result)
        case DirectionSet():
            return _directions(entry.result)
        case DirectionComparison():
            return _direction_comparison(entry.result)
        case NotApplicable(reason=reason):
            return Text(f"  does not apply: {reason}")
        case Failed(error=error):
            return Text(f"  failed: {error}", style="red")


def _returns(result: EpisodeReturns) -> Table:
    table = Table(box=None, header_style="dim")
    for heading in ("", "return", "interval", "episode length", "ended by time limit"):
        table.add_column(heading, justify="right" if heading else "left")
    by_name = {measure.name: measure for measure in result.measures()}
    for arm in result.arms:
        mean, length, truncated = (
            by_name[f"{arm}.{name}"].estimate for name in ("mean", "length", "truncated")
        )
        table.add_row(
            arm,
            legible(mean.value),
            Text(f"{mean.interval()} at {mean.sureness}"),
            f"{legible(length.value)} steps",
            f"{truncated.value:.0%}",
        )
    return table


def _attribution(result: Attribution) -> Table:
    table = Table(box=None, header_style="dim")
    for heading in ("feature", "importance", "interval", ""):
        table.add_column(heading, justify="left" if heading in ("feature", "") else "right")
    ranked = sorted(
        zip(result.features, result.importance, strict=True), key=lambda pair: -pair[1].value
    )
    for feature, estimate in ranked[:SHOWN]:
        table.add_row(
            feature,
            f"{estimate.value:.1%}",
            Text(estimate.interval(".1%")),
            Text("█" * round(BAR * estimate.value), "cyan"),
        )
    if len(ranked) > SHOWN:
        table.add_row(f"… and {len(ranked) - SHOWN} more", "", "", "")
    return table


def _directions(result: DirectionSet) -> Table:
    table = Table(box=None, header_style="dim")
    for heading in ("moved along", "by", "return", "interval"):
        table.add_column(heading, justify="left" if heading == "moved along" else "right")
    moved = [m for m in result.measures() if m.name in ("return", "flip_rate", "action_change")]
    shown = [m for m in moved if m.name == "return"] or moved
    table.columns[2].header = shown[0].name.replace("_", " ")
    for measure in shown:
        (_, way), (_, epsilon) = measure.conditions
        table.add_row(
            way, epsilon, legible(measure.estimate.value), Text(measure.estimate.interval())
        )
    return table


def _direction_comparison(result: DirectionComparison) -> Table:
    table = Table(box=None, header_style="dim")
    for heading in ("", "second against first", "first against itself"):
        table.add_column(heading, no_wrap=True)
    for label, (of_second, of_rerun) in (
        ("correlation Λ", (result.correlations[0], result.correlations[2])),
        ("features involved, ratio", result.concentration_changes),
        ("oscillation, ratio", result.oscillation_changes),
        ("gradient's length, ratio", result.gradient_length_changes),
    ):
        table.add_row(label, Text(f"{of_second:.3g}"), Text(f"{of_rerun:.3g}"))
    return table
