"""How work says how far it is, to whoever wants to show it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Advance = Callable[[int], None]
"""Says that so many more units of a piece of work are done."""
Progress = Callable[[str, int], AbstractContextManager[Advance]]
"""Announces a piece of work, by its description and its units."""


def silent(description: str, units: int) -> AbstractContextManager[Advance]:
    """No progress is shown."""
    del description, units
    return nullcontext(lambda done: None)
