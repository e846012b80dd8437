"""The counterexamples in a report: under which name each is, and how it is played again."""

from dataclasses import dataclass

from policyscope.errors import ReportError, in_one_line
from policyscope.reports.report import Report
from policyscope.reports.results import AttackOutcome, Counterexample
from policyscope.statistics import legible


@dataclass(frozen=True, eq=False)
class Found:
    """A counterexample in its report."""

    name: str
    """`counterexample-1` and so on."""
    analyzer: str
    """Whose answer it is in."""
    outcome: AttackOutcome
    kept: Counterexample

    @property
    def command(self) -> str:
        """What plays it again."""
        return f"policyscope replay DIR {self.name}"

    @property
    def story(self) -> str:
        """What happened, after its name."""
        kept, attack = self.kept, in_one_line(self.kept.attack.replace("_", " "))
        gained = f"; the adversary gains {legible(kept.harm)}" if self.outcome.goal else ""
        return (
            f": {attack} of {kept.epsilon:g} ({self.outcome.unit}) takes an episode from a return "
            f"of {legible(kept.clean)} to {legible(kept.returned)}{gained}."
        )

    @property
    def sentence(self) -> str:
        """What happened, and what plays it again."""
        return f"{self.name}{self.story} {self.command}"


def found(report: Report) -> tuple[Found, ...]:
    """All counterexamples of a report, numbered through."""
    every = [
        (analyzer, entry.result, kept)
        for analyzer, entry in report.entries.items()
        if isinstance(entry.result, AttackOutcome)
        for kept in entry.result.counterexamples
    ]
    return tuple(Found(f"counterexample-{i}", *one) for i, one in enumerate(every, 1))


def find(report: Report, name: str) -> Found:
    """One counterexample, by its name.

    Raises:
        ReportError: If there is none of that name.
    """
    known = {one.name: one for one in found(report)}
    if not known:
        raise ReportError(
            "There is no counterexample in this report: no attack did harm, or none was run; "
            "policyscope analyze CHECKPOINT --env ID --only attacks plays them."
        )
    if name not in known:
        raise ReportError(f"There is no {name!r} in this report; there is {', '.join(known)}.")
    return known[name]
