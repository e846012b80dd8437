"""The top of the page: what was analysed, and what a person should know about it."""

from collections import Counter
from itertools import groupby

import streamlit as st

from policyscope.reports.report import Finding, Played, Recorded, Report
from policyscope_app.wording import code, plain

_BOXES = {
    "critical": (st.error, "Critical", ":material/error:"),
    "warning": (st.warning, "Warning", ":material/warning:"),
    "info": (st.info, "Info", ":material/info:"),
}
"""How each severity looks; the word and the icon say it to those who do not see the colour."""


def show_header(report: Report) -> None:
    """Checkpoint, environment and the conditions of the analysis."""
    checkpoint = report.checkpoint
    st.title(plain(report.title), anchor=False)
    facts = (
        *_met(report),
        ("Seed", plain(report.seed)),
        ("SHA-256 of the file", code(f"{checkpoint.digest[:12]}…")),
        ("Algorithm", plain(checkpoint.algorithm or "not recorded")),
        ("Architecture", plain(checkpoint.architecture)),
        ("Normaliser", plain(checkpoint.normaliser or "none")),
        ("Format", plain(checkpoint.format)),
    )
    for row in (facts[:4], facts[4:]):
        for column, (name, value) in zip(st.columns(len(row)), row, strict=True):
            column.markdown(f":gray[{name}]  \n{value}")


def _met(report: Report) -> tuple[tuple[str, str], ...]:
    """What the policy was played in, or shown, and how much of it."""
    match report.environment:
        case Played() as environment:
            named = ("Environment", plain(_environment(environment)))
            return named, ("Episodes", plain(f"{report.episodes:,}"))
        case Recorded() as recorded:
            return ("Observations of", plain(recorded.file)), ("Shown", plain(recorded.size))


def _environment(environment: Played) -> str:
    arguments = ", ".join(f"{name}={value}" for name, value in environment.arguments.items())
    known_as = f"{environment.id} ({arguments})" if arguments else environment.id
    if environment.played == environment.id:
        return known_as
    return f"{known_as}, played as {environment.played}"


def show_findings(report: Report) -> None:
    """Every finding, the gravest first, and every notice that no finding repeats."""
    findings = report.findings
    counts = Counter(finding.severity for finding in findings)
    st.markdown(
        " · ".join(
            f"{icon} {word}: {counts[severity]}" for severity, (_, word, icon) in _BOXES.items()
        )
    )
    for notice in report.notices:
        if not any(notice in finding.sentence for finding in findings):
            st.warning(f"**Notice:** {plain(notice)}", icon=":material/warning:")
    # Several sentences with one title and one piece of advice read better as one box.
    for _, group in groupby(findings, lambda f: (f.severity, f.code, f.title, f.advice)):
        _show_box(tuple(group))
    if not findings:
        st.markdown("This report has no findings.")


def _show_box(findings: tuple[Finding, ...]) -> None:
    first = findings[0]
    unknown = (st.info, plain(first.severity).capitalize(), ":material/info:")
    box, word, icon = _BOXES.get(first.severity, unknown)
    sentences = [plain(finding.sentence) for finding in findings]
    if len(sentences) > 1:
        sentences = ["\n".join(f"- {sentence}" for sentence in sentences)]
    evidence = ", ".join(dict.fromkeys(code(finding.evidence) for finding in findings))
    lines = (
        f"**{word}: {plain(first.title)}**",
        *sentences,
        f"**What to do:** {plain(first.advice)}",
        f":small[Evidence: {evidence} · Code: {code(first.code)}]",
    )
    box("\n\n".join(lines), icon=icon)
