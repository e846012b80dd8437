"""Attack: one way of choosing how an observation is changed."""

from typing import ClassVar, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from policyscope_attacks.scene import Scene


@runtime_checkable
class Attack(Protocol):
    """One way of choosing how an observation is changed: a frozen dataclass of parameters.

    Rows of a scene are different episodes: what is chosen for one must not depend on the others.
    """

    white_box: ClassVar[bool]
    """Whether it looks inside the policy, at gradients or weights, and not only at its scores."""

    @property
    def draws(self) -> int:
        """How many uniform numbers it uses at each step, for every feature."""
        ...

    def delta(self, scene: Scene) -> Float[Tensor, " row *observation"]:
        """What is added to the new observations. What is more than the budget allows is cut."""
        ...
