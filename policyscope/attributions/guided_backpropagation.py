"""Guided backpropagation: the gradient, without what speaks against the score on the way back.

At every ReLU only what is positive is handed back,

    R_in = 1[x > 0] · max(R_out, 0)        m_j(s) = σ_j R_j

Such maps hang on edges more than on the policy (see the randomisation of weights), and are kept
because SGQN trains with them. Computed by captum.

References: Springenberg et al. 2015, https://arxiv.org/abs/1412.6806; Bertoin et al. 2022 (SGQN),
https://arxiv.org/abs/2209.09203
"""

from dataclasses import dataclass
from typing import Any

import torch
from captum.attr import GuidedBackprop
from torch import nn
from torch.overrides import TorchFunctionMode

from policyscope.attributions.explained import Explained, by_captum
from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps, Reference, Targets
from policyscope.attributions.slopes import values, without_gradients


@dataclass(frozen=True)
class GuidedBackpropagation:
    """Gradients of which each ReLU hands back only the positive part, per usual change."""

    def obstacle(self, glimpses: Glimpses) -> str | None:
        """See `Method.obstacle`."""
        return without_gradients(glimpses) or _without_modules(glimpses)

    def attribute(self, glimpses: Glimpses, targets: Targets, reference: Reference) -> Maps:
        """See `Method.attribute`."""
        guided = GuidedBackprop(Explained(glimpses))
        maps = by_captum(
            glimpses,
            targets,
            lambda seen, further, target: guided.attribute(seen, target, further),
        )
        return maps * reference.unit.float()


def _without_modules(glimpses: Glimpses) -> str | None:
    """Why not every ReLU can be guided."""
    layers = [m for m in glimpses.policy.network.modules() if isinstance(m, nn.ReLU)]
    if not layers:
        return "it guides ReLU layers, and without them it is the gradient: this network has none"
    called, applied = [], []

    class Watching(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None):
            applied.extend([func] * (func.__name__ in ("relu", "relu_")))
            return func(*args, **(kwargs or {}))

    handles = [layer.register_forward_hook(lambda *_: called.append(1)) for layer in layers]
    try:
        with Watching():
            values(glimpses, torch.zeros(1, dtype=torch.int64), glimpses.seen[:1])
    finally:
        for handle in handles:
            handle.remove()
    if len(called) < len(applied):
        return "it guides ReLU layers, and this network applies some as functions"
    return None
