"""The role that a surrogate takes: whose names, choices and bounds it has."""

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces

from policyscope.analyzers.subject import Subject
from policyscope.policies.readable import choices_of
from policyscope.readable.equations import Equations
from policyscope.readable.readable import Readable
from policyscope.readable.tree import Tree


@dataclass(frozen=True)
class Role:
    """What a readable policy has beside its form; see `Readable`."""

    features: tuple[str, ...]
    actions: tuple[str, ...]
    groups: tuple[int, ...]
    starts: tuple[int, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    environment: str

    def played_by(self, form: Equations | Tree) -> Readable:
        """The readable policy of this form."""
        return Readable(
            form,
            self.features,
            self.actions,
            self.groups,
            self.starts,
            self.low,
            self.high,
            self.environment,
        )


def role_of(subject: Subject) -> Role:
    """The role of the subject's policy."""
    space = subject.policy.action_space
    outputs = subject.policy.outputs or 0
    names = tuple(action.label for action in subject.actions)
    bounded = isinstance(space, spaces.Box)
    groups, starts = choices_of(space)
    return Role(
        features=tuple(feature.label for feature in subject.features),
        actions=names if len(names) == outputs else tuple(f"action {i}" for i in range(outputs)),
        groups=groups,
        starts=starts,
        low=_bounds(space.low) if bounded else (),
        high=_bounds(space.high) if bounded else (),
        environment="" if subject.environment is None else subject.environment.playable,
    )


def _bounds(limits: np.ndarray) -> tuple[float | None, ...]:
    return tuple(float(x) if np.isfinite(x) else None for x in limits.flatten())
