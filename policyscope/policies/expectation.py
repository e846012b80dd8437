"""Do observations look like what a network was trained on?

The commonest mistake with other people's policies is a lost normaliser. A network trained on
normalised observations keeps its first layer in the range where its activation bends; raw
observations can drive it far outside. Measured on 22 published policies: at most 17 % of
first-layer sums lie beyond ±3 with the right observations, 37 % for a HalfCheetah policy without
its normaliser, but 2 % to 18 % for others without theirs: silence proves nothing.
"""

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from policyscope.policies.policy import Policy

BEYOND = 3.0
"""Where tanh and sigmoid are flat."""
SUSPICIOUS = 0.25
"""Share of first-layer sums beyond that, above which a normaliser is probably missing."""


def overdriven(policy: Policy, observations: Shaped[Tensor, " batch *observation"]) -> float | None:
    """Share of the first layer's sums beyond ±3; None where it is not linear, or not visible."""
    layers = (m for m in policy.network.modules() if isinstance(m, nn.Linear | nn.Conv2d))
    first = next(layers, None)
    if not isinstance(first, nn.Linear):
        return None
    shares: list[float] = []
    hook = first.register_forward_hook(
        lambda _, __, sums: shares.append((sums.abs() > BEYOND).float().mean().item())
    )
    try:
        with torch.inference_mode():
            policy.scores(observations, policy.initial_memory(len(observations)))
    finally:
        hook.remove()
    return shares[0]
