"""One page that shows a whole report, and needs nothing but itself.

Whatever came from a file is text here: the template escapes it, the figures' data are JSON that no
markup can end, and the page's own policy lets a browser run the page's two scripts and load
nothing. Equal reports make equal pages, byte for byte.
"""

import base64
import hashlib
import itertools
import json
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote

import jinja2

from policyscope.reports import figures
from policyscope.reports.counterexamples import found
from policyscope.reports.figures import Drawn
from policyscope.reports.findings import SEVERITIES
from policyscope.reports.readables import recommended
from policyscope.reports.report import SCHEMA, Finding, Played, Report
from policyscope.statistics import legible

ICONS = {"critical": "■", "warning": "▲", "info": "●"}
"""Told apart by their shape too."""
PLACES = {"notices": "#notices", "environment": "#provenance"}
"""Where evidence is that no analyzer gave."""
SHORT = 20
"""Tables of measures with more rows than this are folded."""
DRAW = """
const places = [...document.querySelectorAll(".plot")];
for (const place of places) {
  const {data, layout} = JSON.parse(place.nextElementSibling.textContent);
  Plotly.newPlot(place, data, layout, {
    responsive: true, displaylogo: false,
    modeBarButtons: [["toImage", "zoom2d", "resetScale2d"]],
  });
}
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
  for (const place of places) Plotly.relayout(place, {width: 680});
});
addEventListener("afterprint", () => {
  for (const place of places) Plotly.relayout(place, {width: null, autosize: true});
});
"""
"""A sheet is narrower than a screen, and nobody can unfold paper."""


def page(report: Report) -> str:
    """Show a report as one HTML page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("policyscope", "reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"legible": legible, "data": _data}
    drawn = {
        name: figures.draw(name, entry.result, report.environment)
        for name, entry in report.entries.items()
    }
    scripts = (figures.library(), DRAW) if any(drawn.values()) else ()
    return environment.get_template("page.html.j2").render(
        report=report,
        played=isinstance(report.environment, Played),
        findings=_grouped(report.findings),
        icons=ICONS,
        links={finding.evidence: _link(report, finding) for finding in report.findings},
        drawn=drawn,
        counterexamples=found(report),
        surrogates=recommended(report),
        scripts=scripts,
        allowed=" ".join(map(_fingerprint, scripts)) or "'none'",
        schema=SCHEMA,
        short=SHORT,
    )


def _grouped(findings: Iterable[Finding]) -> list[tuple[Finding, list[str]]]:
    """The gravest first; those that differ only in their sentence share one frame."""
    ordered = sorted(findings, key=lambda finding: _place(finding.severity))
    groups = itertools.groupby(ordered, key=lambda finding: replace(finding, sentence=""))
    return [(same, [finding.sentence for finding in group]) for same, group in groups]


def _place(severity: str) -> int:
    return (*SEVERITIES, severity).index(severity)  # one that is not known yet comes last


def _link(report: Report, finding: Finding) -> str | None:
    """Where on the page the evidence is."""
    if finding.evidence in PLACES:
        return PLACES[finding.evidence]
    owner = report.owner(finding)
    return None if owner is None else f"#analyzer-{quote(owner)}"


def _data(drawn: Drawn) -> object:
    """A figure as what the template's `tojson` can embed: no NaN, no markup, keys in order."""
    return json.loads(str(drawn.figure.to_json()))


def _fingerprint(script: str) -> str:
    """What the page's policy knows a script by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
