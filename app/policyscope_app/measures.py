"""The table of all measures of a report."""

import csv
import io

import streamlit as st

from policyscope.reports.report import Report
from policyscope.reports.results import Measure
from policyscope_app.wording import code, counted, plain

Row = dict[str, str | float]
_COLUMNS = ("key", "value", "low", "high", "confidence", "n", "unit")
_NUMBER = st.column_config.NumberColumn(width="small", format="%.5g")
_LOOK = {
    "key": st.column_config.TextColumn(width="large"),
    **{name: _NUMBER for name in ("value", "low", "high", "confidence", "n")},
}


def show(report: Report) -> None:
    """A filter, the measures that pass it, and the same as a file."""
    rows = [_row(measure) for measure in report.measures()]
    asked = st.text_input(
        "Filter", placeholder="Words that the key must contain, for example: importance angle"
    )
    words = asked.lower().split()
    kept = [row for row in rows if all(word in str(row["key"]).lower() for word in words)]
    st.dataframe(
        kept,
        column_order=_COLUMNS,
        hide_index=True,
        column_config=_LOOK,
    )
    st.caption(
        f"{len(kept)} of {counted(len(rows), 'measure')}. Low and high bound the true value "
        "with the stated confidence; n is how many independent observations it rests on."
    )
    st.download_button(
        f"Download {counted(len(kept), 'row')} as CSV",
        _as_csv(kept),
        file_name=f"{report.checkpoint.file}.measures.csv",
        mime="text/csv",
        icon=":material/download:",
        disabled=not kept,
    )
    _show_meanings(report)


def _row(measure: Measure) -> Row:
    estimate = measure.estimate
    return {
        "key": measure.key,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "confidence": estimate.confidence,
        "n": estimate.n,
        "unit": measure.unit,
    }


def _as_csv(rows: list[Row]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    table.writerows([row[column] for column in _COLUMNS] for row in rows)
    return text.getvalue()


def _show_meanings(report: Report) -> None:
    meanings = [
        f"- {code(f'{name}.{key}')}: {plain(meaning)}"
        for name, entry in report.entries.items()
        for key, meaning in entry.result.MEASURES.items()
    ]
    if meanings:
        with st.expander("What the measures mean"):
            st.markdown("\n".join(meanings))
