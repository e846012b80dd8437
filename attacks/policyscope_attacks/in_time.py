"""In time: candidates run from cheap to strong until the processor time is spent.

What is left out is said. Numbers depend on the seed and on the candidate alone, never on the time.
"""

from collections.abc import Callable, Mapping
from time import process_time
from typing import Protocol, TypeVar, runtime_checkable


@runtime_checkable
class Timed(Protocol):
    """What is known of a candidate before it is run."""

    @property
    def minutes(self) -> float:
        """It is not tried with less time than this in all."""
        ...

    @property
    def passes(self) -> int:
        """About how many times as long as noise it takes."""
        ...


Candidate = TypeVar("Candidate", bound=Timed)
Run = TypeVar("Run")


def run_in_time(
    candidates: Mapping[str, Candidate],
    minutes: float,
    run: Callable[[str, Candidate], Run | None],
) -> tuple[dict[str, Run], tuple[str, ...]]:
    """What came of each candidate, and the names of those that there was no time for.

    Args:
        candidates: By name, from cheap to strong; the first is noise, and is always run.
        minutes: After which none is begun, nor would be at its end.
        run: Answers None where a candidate makes no sense; then it is neither.
    """
    begun, noise = process_time(), 0.0
    runs: dict[str, Run] = {}
    left_out: list[str] = []
    for name, candidate in candidates.items():
        seconds = process_time() - begun
        # what the first took says what the others will
        noise = seconds if len(runs) == 1 else noise
        late = seconds + candidate.passes * noise > 60 * minutes
        if runs and (late or candidate.minutes > minutes):
            left_out.append(name)
        elif (one := run(name, candidate)) is not None:
            runs[name] = one
    return runs, tuple(left_out)
