"""The page that `policyscope dashboard DIR` serves; Streamlit runs this file from the top.

It reads the folder that is named on its command line, and computes nothing: what is not in a
report is not on the page.
"""

import sys
from pathlib import Path

import streamlit as st

from policyscope.errors import PolicyscopeError, UsageError
from policyscope.reports.report import Report
from policyscope_app import evidence, folders, measures, origins, overview, reading
from policyscope_app.wording import plain


def main(arguments: list[str]) -> None:
    """Show the report that was asked for, or say in a sentence why it cannot be shown."""
    # An emoji, because a material icon in this place would be fetched from the internet.
    st.set_page_config("policyscope", page_icon="🔭", layout="wide")
    try:
        report = reading.opened(_chosen(arguments))
    except PolicyscopeError as error:
        st.error(plain(error), icon=":material/error:")
        return
    show(report)


def show(report: Report) -> None:
    """One report: what was analysed above, and a tab for each way to look at it."""
    overview.show_header(report)
    names = [evidence.label(name, entry) for name, entry in report.entries.items()]
    first, *middle, table, last = st.tabs(["Findings", *names, "Measures", "Provenance"])
    with first:
        overview.show_findings(report)
    for tab, (name, entry) in zip(middle, report.entries.items(), strict=True):
        with tab:
            evidence.show(name, entry, report.environment)
            evidence.show_surrogates(name, report)
            evidence.show_counterexamples(name, report)
    with table:
        measures.show(report)
    with last:
        origins.show(report)


def _chosen(arguments: list[str]) -> Path:
    if len(arguments) != 1:
        raise UsageError("Give one folder of reports: policyscope dashboard DIR.")
    found = folders.reports_in(Path(arguments[0]))
    if len(found) == 1:
        return found[0]
    with st.sidebar:
        st.header("policyscope", anchor=False)
        st.caption(plain(f"{len(found)} reports in {arguments[0]}"))
        return st.selectbox("Report", found, format_func=lambda folder: folder.name)


if __name__ == "__main__":
    main(sys.argv[1:])
