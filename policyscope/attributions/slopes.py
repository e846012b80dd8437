"""Slopes: the gradients of several targets at once, from one forward pass.

A target is a sum of scores, T(s) = Σ_k t_k S_k(s), and so is its gradient: ∇T = Σ_k t_k ∇S_k. So as
many backward passes are enough as there are targets or scores, whichever are fewer.
"""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from policyscope.attributions.glimpses import Glimpses

ROWS = 4096
"""Rows of a vector at once: enough to hide what a call costs."""
ROOM = 1 << 21
"""Numbers of what is seen at once, so that memory stays small."""


def rows_at_once(seen: Shaped[Tensor, " row *seen"]) -> int:
    """How many rows keep memory small."""
    return max(1, min(ROWS, ROOM // max(1, seen[:1].numel())))


def slopes(
    glimpses: Glimpses,
    which: Int[Tensor, " row"],
    seen: Shaped[Tensor, " row *seen"],
    targets: Float[Tensor, " row target score"],
) -> tuple[Float[Tensor, " row target"], Float[Tensor, " row target *seen"]]:
    """Targets, and their gradients with respect to what is seen, in single precision.

    Args:
        glimpses: Moments of a differentiable policy.
        which: The moment that each row belongs to.
        seen: What is seen instead.
        targets: Weights of the scores in each target.
    """
    size = rows_at_once(seen)
    parts = zip(which.split(size), seen.split(size), targets.split(size), strict=True)
    values, gradients = zip(*(_slopes(glimpses, *part) for part in parts), strict=True)
    return torch.cat(values), torch.cat(gradients)


def values(
    glimpses: Glimpses, which: Int[Tensor, " row"], seen: Shaped[Tensor, " row *seen"]
) -> Float[Tensor, " row score"]:
    """Scores without gradients, in batches."""
    size = rows_at_once(seen)
    with torch.no_grad():
        parts = zip(which.split(size), seen.split(size), strict=True)
        return torch.cat([glimpses.scores(rows, part.float()) for rows, part in parts])


def without_gradients(glimpses: Glimpses) -> str | None:
    """Why there are no slopes, or None where there are."""
    return (
        None if glimpses.policy.differentiable else "it needs gradients, and this policy has none"
    )


def _slopes(
    glimpses: Glimpses, which: Tensor, seen: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    with torch.inference_mode(False), torch.enable_grad():
        leaf = seen.detach().to(torch.float32, copy=True).requires_grad_()
        weights = targets.detach().to(torch.float32, copy=True)
        scores = glimpses.scores(which, leaf)
        fewer = weights.shape[1] < weights.shape[2]
        sums = torch.einsum("rts,rs->rt", weights, scores) if fewer else scores
        rows = [_gradient(column, leaf) for column in sums.unbind(1)]
    gradients = torch.stack(rows, 1)
    if fewer:
        return sums.detach(), gradients
    found = torch.einsum("rts,rs->rt", weights, scores.detach())
    return found, torch.einsum("rts,rs...->rt...", weights, gradients)


def _gradient(column: Tensor, leaf: Tensor) -> Tensor:
    """Of each row its own gradient; nothing where it does not depend on what is seen."""
    if not column.requires_grad:
        return torch.zeros_like(leaf)
    (gradient,) = torch.autograd.grad(
        column.sum(), leaf, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return gradient
