"""What does an attack look like? An episode that can be played again, bit for bit."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt, UInt64

MOST_EPISODES = 2**31


@dataclass(frozen=True, eq=False)
class Counterexample:
    """An episode in which an attack did harm, and all that it takes to play it again.

    Observations are not kept: the environment gives them again, and digests say whether they are
    the same. A change is kept as the difference of the two bit patterns, so that
    what was shown comes back exactly; see `policyscope.rollouts.reenactment`.

    Raises:
        ValueError: If its parts contradict each other.
    """

    attack: str
    epsilon: float
    """What the attack could spend."""
    norm: str
    """`linf` or `l2`."""
    scale: Float[np.ndarray, " *observation"]
    """One unit of each feature, in the environment's units; 0 where nothing was to be moved."""
    seed: int
    """Of the run that the episode was played in."""
    episode: int
    """Its number there."""
    clean: float
    """Return of the same episode without the attack."""
    harm: float
    """What the adversary gained above the same episode without the attack: the loss of return,
    where that was its goal."""
    digests: UInt64[np.ndarray, " step"]
    """Of every observation that the environment gave, together with what was shown."""
    changes: UInt[np.ndarray, " step *observation"]
    """Bit pattern of what was shown less that of the observation, modulo the size of a pattern."""
    actions: Shaped[np.ndarray, " step *action"]
    """What the policy did."""
    otherwise: Shaped[np.ndarray, " step *action"]
    """What it would have done had this one observation been shown as it was."""
    rewards: Float[np.ndarray, " step"]
    terminated: bool
    """Whether the task ended the episode."""
    truncated: bool
    """Whether a time limit did."""

    def __post_init__(self) -> None:
        steps = {len(part) for part in (self.digests, self.changes, self.actions, self.rewards)}
        if len(steps) != 1 or 0 in steps or self.actions.shape != self.otherwise.shape:
            raise ValueError("a counterexample holds as many of each as it has steps")
        if self.changes.shape[1:] != self.scale.shape or self.changes.dtype.kind != "u":
            raise ValueError("the changes of a counterexample are bit patterns, one a feature")
        if min(self.seed, self.episode) < 0 or self.episode >= MOST_EPISODES:
            raise ValueError("a counterexample has a seed and a number of 0 or more")

    @property
    def returned(self) -> float:
        """The undiscounted return under the attack."""
        return float(np.add.reduceat(self.rewards, [0])[0])

    @property
    def attacked(self) -> Bool[np.ndarray, " step"]:
        """The steps in which something else was shown than there was."""
        return np.any(self.changes.reshape(len(self.changes), -1), axis=1)

    @property
    def turned(self) -> Bool[np.ndarray, " step"]:
        """The steps in which the policy would have done something else without the change."""
        differing = self.actions != self.otherwise
        return np.any(differing.reshape(len(differing), -1), axis=1)
