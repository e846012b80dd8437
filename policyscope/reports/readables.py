"""The readable policies that a report recommends: what they say, and the files made of them.

::

    DIR/shapley-surrogate.json     a checkpoint, to be analysed again
    DIR/shapley-surrogate.py       a function, to be called from anywhere
    DIR/sindy-equations.tex        all equations of a closed loop, for a paper
"""

from dataclasses import dataclass

from policyscope.readable.python import as_python
from policyscope.readable.readable import Readable
from policyscope.readable.storage import as_json
from policyscope.readable.text import as_text
from policyscope.reports.report import Played, Report
from policyscope.reports.results import Result, ShapleyValues, SparseEquations


@dataclass(frozen=True, eq=False)
class Recommended:
    """A readable policy in its report."""

    name: str
    """`shapley-surrogate` and so on."""
    analyzer: str
    """Whose answer it is in."""
    readable: Readable
    command: str
    """What analyses it again."""

    @property
    def lines(self) -> tuple[str, ...]:
        """What it says."""
        return as_text(self.readable)


def recommended(report: Report) -> tuple[Recommended, ...]:
    """All of a report, one for each analyzer that has any."""
    where = f" --env {report.environment.id}" if isinstance(report.environment, Played) else ""
    return tuple(
        Recommended(name, analyzer, readable, f"policyscope analyze DIR/{name}.json{where}")
        for analyzer, entry in report.entries.items()
        for readable in _of(entry.result)
        for name in (f"{analyzer}-surrogate",)
    )


def files(report: Report) -> dict[str, str]:
    """Their files' texts, by file name."""
    readables = {
        f"{one.name}.{kind}": write(one.readable)
        for one in recommended(report)
        for kind, write in (("json", as_json), ("py", as_python))
    }
    written = {
        f"{analyzer}-equations.tex": entry.result.latex
        for analyzer, entry in report.entries.items()
        if isinstance(entry.result, SparseEquations)
    }
    return readables | written


def _of(result: Result) -> tuple[Readable, ...]:
    match result:
        case ShapleyValues(surrogates=surrogates) if surrogates.models:
            return (surrogates.readables[surrogates.chosen],)
        case SparseEquations(surrogate=surrogate):
            return (surrogate,)
    return ()
