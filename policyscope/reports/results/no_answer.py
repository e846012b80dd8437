"""What stands in an answer's place where there is none."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from policyscope.reports.results.measure import Measure


@dataclass(frozen=True)
class NotApplicable:
    """The question makes no sense for this subject, and why."""

    MEASURES: ClassVar[dict[str, str]] = {}
    reason: str

    def measures(self) -> Iterator[Measure]:
        """None."""
        return iter(())


@dataclass(frozen=True)
class Failed:
    """The analyzer broke off; the others went on."""

    MEASURES: ClassVar[dict[str, str]] = {}
    error: str

    def measures(self) -> Iterator[Measure]:
        """None."""
        return iter(())
