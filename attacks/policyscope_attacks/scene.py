"""Scene: one step of some episodes, as an attack sees it.

An attack chooses what is added to the *new* observation of each episode. What the policy still
sees of earlier ones, and what it remembers, has been decided by then; a scene keeps both, and
asks the policy as if a candidate were shown.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from policyscope.policies.policy import Memory, Policy
from policyscope_attacks.budget import Budget, Limits


@dataclass(frozen=True, eq=False)
class Scene:
    """One step of some episodes, one in each row; rows know nothing of each other."""

    policy: Policy
    episodes: Int[Tensor, " row"]
    """The number of the episode in each."""
    observations: Float[Tensor, " row *observation"]
    """New ones, as the environment gave them."""
    frames: Float[Tensor, " row frame *observation"] | None
    """Earlier ones, as they were shown; None where the policy sees single observations."""
    memory: Memory
    """What the policy remembers."""
    budget: Budget
    sizes: Float[Tensor, " row"]
    """How long each change may be."""
    draws: Float[Tensor, " row draw *observation"]
    """Uniform in [0, 1), from each episode's own generator."""

    def seen(self, delta: Float[Tensor, " row *observation"]) -> Float[Tensor, " row *input"]:
        """What the policy sees if the new observation is changed so."""
        new = self.observations + delta
        return new if self.frames is None else torch.cat([self.frames, new[:, None]], 1)

    def scores(self, delta: Float[Tensor, " row *observation"]) -> Float[Tensor, " row output"]:
        """The policy's scores if the new observation is changed so."""
        return self.policy.scores(self.seen(delta), self.memory)[0]

    def admissible(
        self, delta: Float[Tensor, " row *observation"]
    ) -> Float[Tensor, " row *observation"]:
        """The nearest change that the budget allows."""
        return self.budget.nearest(delta, self.sizes, self._limits)

    def possible(
        self, delta: Float[Tensor, " row *observation"]
    ) -> Float[Tensor, " row *observation"]:
        """A change, cut where it would leave the valid range, however long it is."""
        return torch.clamp(delta.nan_to_num(0, 0, 0), *self._range)

    @cached_property
    def _range(self) -> Limits:
        alone = replace(self.budget, norm="linf")  # each feature, however far
        return alone.limits(self.observations, self.sizes + torch.inf)

    @cached_property
    def _limits(self) -> Limits:
        return self.budget.limits(self.observations, self.sizes)

    def of_size(
        self, delta: Float[Tensor, " row *observation"]
    ) -> Float[Tensor, " row *observation"]:
        """Changes of length one, made as long as they may be."""
        return delta * self.sizes.view(-1, *(1,) * (delta.ndim - 1))

    def anywhere(self, draw: int) -> Float[Tensor, " row *observation"]:
        """A random admissible change, from one of the draws."""
        spread = self.of_size((2 * self.draws[:, draw] - 1) * self.budget.scale.float())
        return self.admissible(spread)

    def at(self, rows: Int[Tensor, " some"]) -> "Scene":
        """Some of the rows."""
        return replace(
            self,
            episodes=self.episodes[rows],
            observations=self.observations[rows],
            frames=None if self.frames is None else self.frames[rows],
            memory=tuple(part[rows] for part in self.memory),
            sizes=self.sizes[rows],
            draws=self.draws[rows],
        )
