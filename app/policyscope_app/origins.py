"""Where the numbers came from: checkpoint, environment, versions, and what is not known."""

from collections.abc import Sequence

import streamlit as st

from policyscope.provenance import Checkpoint
from policyscope.reports.report import Played, Recorded, Report
from policyscope_app.wording import plain, table


def show(report: Report) -> None:
    """Everything that somebody needs who wants to check or to repeat the analysis."""
    left, right = st.columns(2, gap="large")
    with left:
        for checkpoint in (report.checkpoint, report.second):
            if checkpoint is not None:
                _show_checkpoint(checkpoint)
                _show_list("Not known from the file", checkpoint.unknown)
        _show_list("Notices", tuple(dict.fromkeys(report.notices)))
    with right:
        _show_environment(report)
        st.subheader("Versions", anchor=False)
        st.markdown(table(("Library", "Version"), report.versions.items()))
        st.subheader("Wall time", anchor=False)
        seconds = ((what, f"{taken:.2f}") for what, taken in report.timings.items())
        st.markdown(table(("Part", "Seconds"), seconds))


def _show_checkpoint(checkpoint: Checkpoint) -> None:
    st.subheader("Checkpoint", anchor=False)
    missing = "not recorded"
    rows = (
        ("File", checkpoint.file),
        ("Format", checkpoint.format),
        ("Algorithm", checkpoint.algorithm or missing),
        ("Written by version", checkpoint.library or missing),
        ("Architecture", checkpoint.architecture),
        ("Parameters", f"{checkpoint.parameters:,}"),
        ("Observation", checkpoint.observations),
        ("Action", checkpoint.actions),
        ("Scores", checkpoint.scores),
        ("Normaliser", checkpoint.normaliser or "none"),
    )
    st.markdown(table(("What", "As recorded"), rows))
    st.caption("SHA-256 of the file")
    st.code(checkpoint.digest, language=None, wrap_lines=True)


def _show_environment(report: Report) -> None:
    environment = report.environment
    match environment:
        case Played():
            st.subheader("Environment", anchor=False)
            rows = [("Asked for", environment.id), ("Played", environment.played)]
            rows += [(f"Argument {k}", str(value)) for k, value in environment.arguments.items()]
            rows += [("Episodes", str(report.episodes)), ("Seed", str(report.seed))]
            st.markdown(table(("What", "As played"), rows))
        case Recorded():
            st.subheader("Observations", anchor=False)
            rows = [("File", environment.file), ("Shown", environment.size)]
            rows += [("Seed", str(report.seed))]
            st.markdown(table(("What", "As shown"), rows))
            if environment.digest:
                st.caption("SHA-256 of the observations")
                st.code(environment.digest, language=None, wrap_lines=True)
    _show_long(f"{len(environment.features)} observation features", environment.features)
    _show_long(f"{len(environment.actions)} actions", environment.actions)


def _show_long(title: str, names: Sequence[str]) -> None:
    with st.expander(title):
        st.markdown("\n".join(f"1. {plain(name)}" for name in names))


def _show_list(title: str, sentences: Sequence[str]) -> None:
    st.subheader(title, anchor=False)
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in sentences) or "None.")
