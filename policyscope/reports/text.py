"""The one-screen summary: what a person reads first, in a terminal."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from policyscope.reports.certificate_text import action_certificates, certificate
from policyscope.reports.counterexamples import found
from policyscope.reports.disturbance_tables import disturbances
from policyscope.reports.equation_tables import sparse_equations
from policyscope.reports.report import Entry, Finding, Report
from policyscope.reports.results import (
    CHANCE,
    INDEPENDENT,
    ActionCertificates,
    AttackOutcome,
    Attribution,
    Certificate,
    DirectionComparison,
    DirectionSet,
    DisturbanceOutcome,
    EpisodeReturns,
    Failed,
    Faithfulness,
    Impact,
    NotApplicable,
    ShapleyValues,
    SparseEquations,
)
from policyscope.reports.shapley_tables import shapley_values
from policyscope.statistics import Estimate, legible

MARKS = {"critical": ("✗", "bold red"), "warning": ("!", "bold yellow"), "info": ("·", "cyan")}
"""Sign and colour of each severity; the word stands beside them."""
SHOWN, DISTANCES = 6, 3
"""Features and distances that are listed; the report has all of them."""
BAR = 24


def summary(report: Report) -> RenderableType:
    """The summary, for a rich console: what is grave, and then analyzer by analyzer."""
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
    for finding in report.findings:
        if finding.severity != "info" or report.owner(finding) is None:
            yield _finding(finding)
    for name, entry in report.entries.items():
        yield Text()
        yield Text(name, style="bold")
        for finding in report.findings:
            if finding.severity == "info" and report.owner(finding) == name:
                yield _finding(finding)
        yield _result(entry)
        for one in found(report):
            if one.analyzer == name:
                yield Padding(Text(one.sentence), (0, 0, 0, 1))


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
    """A line of why there is no answer, or the table of its kind."""
    match entry.result:
        case NotApplicable(reason=reason):
            return Text(f"  does not apply: {reason}")
        case Failed(error=error):
            return Text(f"  failed: {error}", style="red")
        case result:
            return _tables()[type(result)](result)


def _tables() -> dict[type, Callable[[Any], RenderableType]]:
    return {
        AttackOutcome: _attacks,
        Attribution: _attribution,
        ActionCertificates: action_certificates,
        Certificate: certificate,
        DirectionComparison: _direction_comparison,
        DirectionSet: _directions,
        DisturbanceOutcome: disturbances,
        EpisodeReturns: _returns,
        ShapleyValues: shapley_values,
        SparseEquations: sparse_equations,
    }


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


def _attribution(result: Attribution) -> RenderableType:
    """Importance, the ranking of the methods, and what hiding does."""
    parts = [_importance(result)] if result.importance else []
    if result.faithfulness.methods:
        parts += [_methods(result.faithfulness)]
    return Group(*parts, Padding(Text(_hiding(result)), (0, 0, 0, 1)))


def _methods(faithfulness: Faithfulness) -> Table:
    """The best first, and chance last; what is refused is marked."""
    table = Table(box=None, header_style="dim")
    scores = [score for score in ("insertion", "deletion") if score in faithfulness.scores]
    columns = [faithfulness.scores.index(score) for score in scores]
    for heading in ("method", *scores, "advantage over random", ""):
        table.add_column(
            heading, justify="left" if heading in ("method", "") else "right", no_wrap=True
        )

    def add(method: str, values: Sequence[Estimate | None], advantage: str, mark: str) -> None:
        shown = [values[column] for column in columns]
        cells = ["–" if score is None else f"{score.value:.2f}" for score in shown]
        table.add_row(method, *cells, Text(advantage), Text(mark, "yellow"))

    for i, method in enumerate(faithfulness.methods[:SHOWN]):
        mark = "✗ refused" if faithfulness.refused[i] else ""
        add(method, faithfulness.values[i], f"{faithfulness.advantages[i]:.2f}", mark)
    add(CHANCE, faithfulness.chance, "", "")
    return table


def _hiding(result: Attribution) -> str:
    """How many decisions stay when a part is left, at the ρ nearest to that of the mask."""
    reliance = result.reliance
    place = int(np.abs(np.array(reliance.rhos) - reliance.rho).argmin())
    kept = [
        f"{mask.replace('_', ' ')} {estimates[place].value:.0%}"
        for mask, estimates in zip(reliance.masks, reliance.keeps_action, strict=True)
    ]
    what = "action kept" if result.discrete else "closeness of actions"
    return f"{what} when only a part is left, ρ = {reliance.rhos[place]:g}: {', '.join(kept)}"


def _importance(result: Attribution) -> Table:
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


def _attacks(result: AttackOutcome) -> Table:
    """What the adversary is after: the return, or its own reward."""
    table = Table(box=None, header_style="dim")
    table.add_column(f"{result.sought}, epsilon")
    places = np.linspace(0, len(result.epsilons) - 1, min(len(result.epsilons), DISTANCES))
    places = places.round().astype(int).tolist()
    for place in places:
        table.add_column(f"{result.epsilons[place]:g}", justify="right")
    table.add_row("no attack", *[Text(f"{result.clean_sought()}")] * len(places))
    for i, attack in enumerate(result.attacks):
        box = "white box" if result.white_box[i] else "black box"
        cells = [Text(f"{result.sought_of(i, place)}") for place in places]
        table.add_row(f"{attack.replace('_', ' ')}, {box}", *cells)
    worst = [Text(f"{result.worst_sought(place)}") for place in places]
    table.add_row(Text("strongest, held out", "bold"), *worst)
    return table


def _directions(result: DirectionSet) -> RenderableType:
    """What each way of moving does at some distances, and how far the direction itself moves."""
    impact = result.impact
    what, format, rows = _moved(impact)
    table = Table(box=None, header_style="dim")
    table.add_column(f"{what}, moved by")
    places = np.linspace(0, len(impact.epsilons) - 1, min(len(impact.epsilons), DISTANCES))
    *shorter, last = places.round().astype(int).tolist()
    for place in shorter:
        table.add_column(f"{impact.epsilons[place]:g}", justify="right")
    table.add_column(result.steps(impact.epsilons[last]), justify="right")
    for way, estimates in zip(impact.along, rows, strict=True):
        cells = [f"{estimates[place]:{format}}" for place in (*shorter, last)]
        table.add_row(way, *map(Text, cells))
    ranked = sorted(
        zip(result.shifts, result.correlations, strict=True),
        key=lambda pair: (pair[0] != INDEPENDENT, pair[1].value),
    )
    named = [f"{shift.replace('_', ' ')} {at:.2f}" for shift, at in ranked[: SHOWN // 2]]
    more = [f"{len(ranked) - len(named)} higher"] * (len(ranked) > len(named))
    settled = ", ".join([*named, *more, f"chance {result.chance.value:.2f}"])
    line = Text(f"Λ, 1 where the direction stays: {settled}")
    return Group(table, *[Padding(line, (0, 0, 0, 1))] * bool(named))


def _moved(impact: Impact) -> tuple[str, str, Sequence[Sequence[Estimate]]]:
    """What is told of each way of moving, how it is written, and each distance's estimate."""
    if len(impact.clean):
        places = range(len(impact.epsilons))
        returns = [[impact.mean_return(i, j) for j in places] for i in range(len(impact.along))]
        return "return", "", returns
    if impact.flip_along:
        return "decisions changed", ".0%", impact.responses
    return "change of actions", ".2g", impact.responses


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
