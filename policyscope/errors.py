"""Everything that can go wrong because of what was given to policyscope.

::

    PolicyscopeError
    ├── CheckpointError          the file cannot become a policy
    │   ├── DamagedCheckpoint    it is cut off, or not what its name says
    │   ├── UnsafeCheckpoint     reading it would run code that the file brings
    │   ├── UnsupportedCheckpoint  a format or an architecture that cannot be rebuilt yet
    │   └── ActivationUnknown    only the activation function is missing
    ├── EnvironmentMismatch      no such environment, or it does not fit the policy
    ├── RecordingError           observations that cannot be read, or do not fit the policy
    ├── ReportError              a folder that is not a report, or a damaged one
    └── UsageError               an option, a parameter or a name that does not exist

Each message is one sentence or two for the person who gave the input: what was given, what was
expected, what to do. What a file says of itself may be quoted in it, so those about files and
reports are made fit for a terminal here. The command line prints a message without a traceback and
exits with 2; anything else is a bug in policyscope and keeps its traceback.
"""

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policyscope.provenance import Checkpoint


_LONGEST = 1000
"""Characters of a message."""


class PolicyscopeError(Exception):
    """What was given cannot be used; the message says what to do."""


class CheckpointError(PolicyscopeError):
    """A checkpoint file that cannot become a policy."""

    def __init__(self, message: str) -> None:
        super().__init__(in_one_line(message))


class DamagedCheckpoint(CheckpointError):
    """The file is cut off, inconsistent or not what it claims to be."""


class UnsafeCheckpoint(CheckpointError):
    """Reading the file in the usual way would execute code that it brings."""


class UnsupportedCheckpoint(CheckpointError):
    """A recognised file whose format or architecture cannot be rebuilt."""


class ActivationUnknown(CheckpointError):
    """The weights are readable, the activation between them is not recorded in the file."""

    def __init__(self, message: str, checkpoint: "Checkpoint") -> None:
        super().__init__(message)
        self.checkpoint = checkpoint


class EnvironmentMismatch(PolicyscopeError):
    """An environment that does not exist, cannot be made, or does not fit the policy."""


class RecordingError(PolicyscopeError):
    """Recorded observations that cannot be read, are no numbers, or do not fit the policy."""

    def __init__(self, message: str) -> None:
        super().__init__(in_one_line(message))


class ReportError(PolicyscopeError):
    """A folder that is not a report, or a report that cannot be read."""

    def __init__(self, message: str) -> None:
        super().__init__(in_one_line(message))


class UsageError(PolicyscopeError):
    """An option, parameter, analyzer or measure that does not exist or has no such value."""


def in_one_line(text: str) -> str:
    """A text without what a terminal would obey, its middle left out where it is very long."""
    line = "".join(c if c.isprintable() else "?" for c in text)
    half = _LONGEST // 2
    return line if len(line) <= _LONGEST else f"{line[:half]} … {line[-half:]}"


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Name the near misses of `given`, as a sentence with a leading space, or nothing."""
    close = difflib.get_close_matches(given, list(known), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(close)}?" if close else ""
