"""Playing: other episodes than the subject's own, for everything that is fitted."""

from typing import Protocol, runtime_checkable

from policyscope.rollouts.actors import Actor
from policyscope.rollouts.rollouts import Rollouts


@runtime_checkable
class Playing(Protocol):
    """Plays episodes of its own, the same ones for the same number."""

    def __call__(self, actor: Actor, number: int) -> Rollouts:
        """Play."""
        ...
