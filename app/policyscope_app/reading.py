"""Reading a report once, and again when it was written again."""

from pathlib import Path

import streamlit as st

from policyscope.reports import report
from policyscope.reports.report import Report


def opened(folder: Path) -> Report:
    """Read a report, again only when it was written again.

    Raises:
        ReportError: See `report.read`.
    """
    try:
        changed = (folder / "report.json").stat().st_mtime_ns
    except OSError:
        return report.read(folder)  # which raises the sentence that says what is missing
    return _opened(str(folder), changed)


@st.cache_data(max_entries=16, show_spinner="Reading the report …")
def _opened(folder: str, changed: int) -> Report:
    del changed  # only a part of the cache's key
    return report.read(Path(folder))
