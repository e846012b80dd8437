"""Do observations look like what a network was trained on?

The commonest mistake with other people's policies is a lost normaliser. A network trained on
normalised observations keeps its first layer in the range where its activation bends; raw
observations can drive it far outside. Measured on 22 published policies: at most 17 % of
first-layer sums lie beyond ±3 with the right observations, 37 % for a HalfCheetah policy without
its normaliser, but 2 % to 18 % for others without theirs: silence proves nothing.
"""

from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from policyscope.policies.policy import Policy

BEYOND = 3.0
"""Where tanh and sigmoid are flat."""
SUSPICIOUS = 0.25
"""Share of first-layer sums beyond that, above which a normaliser is probably missing."""

_PRODUCTS = frozenset("addmm addmv baddbmm bmm mm mv".split())
_STILL_SUMS = frozenset("_to_copy _unsafe_view add clone mul squeeze sub unsqueeze view".split())
"""What a layer does with its product before anything bends it: the bias, another shape."""
_OTHER_LAYERS = frozenset("convolution mkldnn_rnn_layer".split())


def overdriven(policy: Policy, observations: Shaped[Tensor, " batch *observation"]) -> float | None:
    """Share of the first layer's sums beyond ±3; None where it is not linear, or not visible.

    None also where nothing bends these sums, as in a policy of one layer.

    The layer is found among the operators that torch carries out, whatever format they came from.
    """
    first = _FirstLayer()

    class Watching(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None):
            answer = func(*args, **(kwargs or {}))
            first.note(func.overloadpacket.__name__, args, answer)
            return answer

    with torch.no_grad(), Watching():
        policy.scores(observations, policy.initial_memory(len(observations)))
    bent = first.beyond and first.sums is None  # of a linear policy any sum is as good
    return torch.cat(first.beyond).float().mean().item() if bent else None


class _FirstLayer:
    """Which sums of the first layer are far out, also where rows are computed one by one."""

    def __init__(self) -> None:
        self.beyond: list[Tensor] = []
        self.sums: Tensor | None = None
        self.weights: int | None = None

    def note(self, operator: str, args: tuple[Any, ...], answer: Any) -> None:
        """See one operator, in the order in which they are carried out."""
        given = [arg for arg in args if isinstance(arg, Tensor)]
        if operator in _OTHER_LAYERS and self.weights is None:
            self.weights = 0  # no linear layer's
        if operator in _PRODUCTS:
            weights = given[-1].untyped_storage().data_ptr()
            self.weights = weights if self.weights is None else self.weights
            if weights == self.weights:  # again, where rows are computed one by one
                self.beyond.append(_beyond(answer))
                self.sums = answer
        elif any(tensor is self.sums for tensor in given):
            self.sums = answer if operator in _STILL_SUMS else None
            if self.sums is not None:
                self.beyond[-1] = _beyond(answer)


def _beyond(sums: Tensor) -> Tensor:
    return sums.abs().flatten() > BEYOND
