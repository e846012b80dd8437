"""Analyzers, loaders, perturbations and adversaries, found by entry point.

The core names no plug-in: its own analyzers, those of `attacks` and `certify`, and a stranger's
are all entry points in the same groups, imported only when they are asked for. A plug-in that
fails to import is reported and skipped; the others go on.
"""

from importlib.metadata import entry_points
from typing import Any

from policyscope.errors import UsageError, did_you_mean

ADVERSARIES = "policyscope.adversaries"
ANALYZERS = "policyscope.analyzers"
LOADERS = "policyscope.loaders"
PERTURBATIONS = "policyscope.perturbations"


def names(group: str) -> tuple[str, ...]:
    """Names registered in a group, in alphabetical order, without importing anything."""
    return tuple(sorted({point.name for point in entry_points(group=group)}))


def find(group: str, name: str) -> Any:
    """Import what is registered under `name`.

    Raises:
        UsageError: If there is no such name, or its package cannot be imported.
    """
    points = {point.name: point for point in entry_points(group=group)}
    if name not in points:
        kind = group.rpartition(".")[2].removesuffix("s")
        raise UsageError(
            f"There is no {kind} {name!r}; installed are {', '.join(sorted(points))}."
            + did_you_mean(name, points)
        )
    try:
        return points[name].load()
    except Exception as error:  # a plug-in may fail in any way; its reason goes to the person
        raise UsageError(
            f"The plug-in {name!r} cannot be imported ({type(error).__name__}: {error})."
        ) from error


def everything(group: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Import a whole group: what works, by name, and one sentence for each that does not."""
    working: dict[str, Any] = {}
    broken: list[str] = []
    for name in names(group):
        try:
            working[name] = find(group, name)
        except UsageError as error:
            broken.append(str(error))
    return working, tuple(broken)
