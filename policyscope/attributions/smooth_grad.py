"""SmoothGrad: the gradient without its local noise, as a mean over slightly different observations.

    m_j(s) = σ_j · 1/n Σ_i ∂S/∂s_j (s + 0.1 σ ε_i)        ε_i ~ N(0, 1)

with σ_j a usual change of each number. All states share the same ε_i.

Reference: Smilkov, Thorat, Kim, Viégas, Wattenberg 2017, https://arxiv.org/abs/1706.03825
"""

from dataclasses import dataclass

import numpy as np
import torch

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps, Reference, Targets
from policyscope.attributions.slopes import rows_at_once, slopes, without_gradients
from policyscope.rollouts.seeds import generator


@dataclass(frozen=True)
class SmoothGrad:
    """The mean slope of each target under noise, per usual change of each number."""

    samples: int = 32
    """n."""
    deviation: float = 0.1
    """Of the noise, in usual changes."""
    seed: int = 0
    """Of the noise."""

    def __post_init__(self) -> None:
        if self.samples < 1 or self.deviation < 0:
            raise ValueError("SmoothGrad needs samples ≥ 1 and a deviation ≥ 0.")

    def obstacle(self, glimpses: Glimpses) -> str | None:
        """See `Method.obstacle`."""
        return without_gradients(glimpses)

    def attribute(self, glimpses: Glimpses, targets: Targets, reference: Reference) -> Maps:
        """See `Method.attribute`."""
        unit = reference.unit.float()
        draws = generator(self.seed, "smoothgrad").standard_normal(
            (self.samples, *unit.shape), np.float32
        )
        noise = self.deviation * unit * torch.from_numpy(draws)
        size = max(1, rows_at_once(glimpses.seen) // self.samples)
        maps = []
        for some in torch.arange(len(glimpses)).split(size):
            noisy = glimpses.seen[some].float()[:, None] + noise
            rows = some.repeat_interleave(self.samples)
            _, gradients = slopes(glimpses, rows, noisy.flatten(0, 1), targets[rows])
            maps.append(gradients.unflatten(0, (-1, self.samples)).mean(1) * unit)
        return torch.cat(maps)
