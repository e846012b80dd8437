"""What a disturbance of actions is: it wishes, and what is done is decided elsewhere."""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from policyscope.rollouts.lockstep import Lockstep
from policyscope.rollouts.seeds import Generators


@runtime_checkable
class Disturbance(Protocol):
    """Wishes for a change of every action. Its parameters, and what it has learned, are fields."""

    @property
    def draws(self) -> tuple[int, int]:
        """Shape of the uniform numbers that it is given in every step."""
        ...

    def wish(
        self,
        episodes: Int[Tensor, " row"],
        observations: Shaped[Tensor, " row *observation"],
        draws: Float[Tensor, " row draw number"],
    ) -> Float[Tensor, " row output"]:
        """What it would have done, a number for each of the policy's outputs.

        Of continuous actions the change, 1 as far up as may be and -1 as far down, to which it is
        clipped; of discrete ones preferences, that stand in the place of the policy's scores.
        """
        ...


def wished(
    disturbance: Disturbance,
    observations: Shaped[np.ndarray, " lane *observation"],
    playing: Lockstep,
    generators: Generators,
) -> Float[Tensor, " lane output"]:
    """What a disturbance wishes in each lane, whatever the number of lanes."""
    episodes = playing.episodes
    shape = disturbance.draws
    drawn = [generators.of(e).random(shape, np.float32) for e in episodes.tolist()]
    given = (
        torch.from_numpy(episodes),
        torch.from_numpy(observations),
        torch.from_numpy(np.stack(drawn)),
    )
    (wishes,) = playing.in_fixed_batches(lambda *rows: (disturbance.wish(*rows),), given)
    return wishes
