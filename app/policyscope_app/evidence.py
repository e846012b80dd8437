"""One analyzer's answer: its figures, or why there are none."""

import streamlit as st

from policyscope.readable.python import as_python
from policyscope.readable.storage import as_json
from policyscope.reports.counterexamples import found
from policyscope.reports.figures import draw
from policyscope.reports.readables import recommended
from policyscope.reports.report import Entry, Report, Setting
from policyscope.reports.results import Failed, NotApplicable
from policyscope_app.wording import code, plain


def label(name: str, entry: Entry) -> str:
    """The analyzer's name, and what became of it if it has no answer."""
    match entry.result:
        case NotApplicable():
            return f"{plain(name)} (not applicable)"
        case Failed():
            return f"{plain(name)} (failed)"
    return plain(name)


def show(name: str, entry: Entry, environment: Setting) -> None:
    """Figures with captions, and what the analyzer was asked with."""
    match entry.result:
        case NotApplicable(reason=reason):
            st.info(f"**Not applicable:** {plain(reason)}", icon=":material/block:")
        case Failed(error=error):
            st.error(f"**Failed:** {plain(error)}", icon=":material/error:")
        case result:
            for drawn in draw(name, result, environment):
                st.subheader(plain(drawn.title), anchor=False)
                # Its own colours: they were chosen to be told apart, and the captions name them.
                st.plotly_chart(drawn.figure, theme=None, key=drawn.name)
                st.caption(plain(drawn.caption))
    parameters = (code(f"{key} = {value}") for key, value in entry.parameters.items())
    st.markdown(f"Parameters: {', '.join(parameters) or 'none'}")


def show_surrogates(name: str, report: Report) -> None:
    """The readable policies that are recommended in the network's place, to read and to take."""
    for one in recommended(report):
        if one.analyzer == name:
            st.subheader(plain(f"{one.name}: {one.readable.kind}"), anchor=False)
            st.code("\n".join(one.lines), language=None, wrap_lines=True)
            for kind, write in (("json", as_json), ("py", as_python)):
                file = f"{one.name}.{kind}"
                st.download_button(file, write(one.readable), file, key=file)


def show_counterexamples(name: str, report: Report) -> None:
    """The episodes in which an attack did harm, and what plays them again."""
    for one in found(report):
        if one.analyzer == name:
            st.markdown(f"{code(one.name)}{plain(one.story)} {code(one.command)}")
