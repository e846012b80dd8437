"""Second moments of a stream of vectors, in memory that does not grow with their number.

    L = Σ x xᵀ      and      L_g = Σ over the vectors of group g

For d ≤ SIZE features L and every L_g are kept as they are. For more, L is never formed: what is
kept is its leading subspace, SIZE rows R = ΣV with RᵀR ≈ L. Each new block is stacked under R, and
the leading SIZE singular directions of the stack are the new R. What one step cuts off is at most
the largest eigenvalue that it drops, in any direction; so with Δ the sum of these,

    0 ≤ vᵀLv − ‖Rv‖² ≤ Δ      for every unit vector v.

The groups come along for the price of small matrices: with U the left singular vectors of the
stack, W_g ← U_oldᵀ W_g U_old + U_newᵀ diag(g) U_new, and L_g ≈ Vᵀ Σ W_g Σ V.

References: Levy, Lindenbaum 2000, https://doi.org/10.1109/83.855432 (sequential Karhunen–Loève);
Ghashami et al. 2016, https://arxiv.org/abs/1501.01711 (the bound, for a stricter cut).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

SIZE = 48
"""Features up to which moments are exact, and directions that are kept of more."""


@dataclass(frozen=True, eq=False)
class Block:
    """Some vectors of a stream."""

    rows: Float[Tensor, " row feature"]
    weights: Float[Tensor, " row"]
    """What each row is to be multiplied by; here, because long rows are costly to touch."""
    groups: Int[Tensor, " kind row"]
    """The groups that each row is in, one of each kind, as numbers below their count."""


@dataclass(frozen=True, eq=False)
class Moments:
    """The leading eigenvectors of Σ x xᵀ, and each group's moment among them."""

    basis: Float[Tensor, " kept feature"]
    """Orthonormal eigenvectors, the largest eigenvalue first; all of them where d ≤ SIZE."""
    values: Float[Tensor, " kept"]
    """Their eigenvalues, in double precision."""
    groups: Float[Tensor, " group kept kept"]
    """Second moment of each group, in the coordinates of the basis."""
    traces: Float[Tensor, " group"]
    """Σ‖x‖² of each group, exact."""
    trace: float
    """Σ‖x‖² of all, exact."""
    lost: float
    """Upper bound of what Σ values·(basis·v)² misses of vᵀLv, for any unit vector v."""


def moments(blocks: Iterable[Block], groups: int) -> Moments:
    """Second moments of all rows, and of the rows of each of so many groups.

    Raises:
        ValueError: If there are no rows.
    """
    stream = iter(blocks)
    first = next(stream, None)
    if first is None:
        raise ValueError("moments needs at least one row.")
    blocks = chain([first], stream)
    return (_exact if first.rows.shape[1] <= SIZE else _streamed)(blocks, groups)


def _exact(blocks: Iterable[Block], groups: int) -> Moments:
    sums: Tensor | None = None
    for block in blocks:
        rows = block.rows.double() * block.weights.double()[:, None]
        if sums is None:
            sums = rows.new_zeros(groups + 1, rows.shape[1], rows.shape[1])
        sums[groups] += rows.T @ rows
        cuts = (block.groups.diff(dim=1) != 0).any(0).nonzero()[:, 0] + 1
        parts = torch.stack([part.T @ part for part in rows.tensor_split(cuts)])
        for kind in block.groups:
            sums.index_add_(0, kind[torch.cat([cuts.new_zeros(1), cuts])], parts)
    whole, sums = torch.as_tensor(sums)[groups], torch.as_tensor(sums)[:groups]
    values, vectors = torch.linalg.eigh(whole)
    values, basis = values.flip(0).clamp_min(0), vectors.flip(1).T
    return Moments(
        basis=basis,
        values=values,
        groups=basis @ sums @ basis.T,
        traces=sums.diagonal(dim1=1, dim2=2).sum(1),
        trace=float(values.sum()),
        lost=0.0,
    )


def _streamed(blocks: Iterable[Block], groups: int) -> Moments:
    # two stacks by turns: fresh megabytes for every part would cost as much as the products
    stack, other = torch.empty(0), torch.empty(0)
    squared = torch.empty(0, dtype=torch.float64)
    shares = torch.zeros(groups, 0, 0, dtype=torch.float64)
    traces, trace, lost = torch.zeros(groups, dtype=torch.float64), 0.0, 0.0
    for part in _in_parts(blocks):
        if not len(stack):
            stack, other = part.rows.new_empty(2, 2 * SIZE, part.rows.shape[1])
        kept, end = len(squared), len(squared) + len(part.rows)
        torch.mul(part.rows, part.weights[:, None].to(part.rows), out=stack[kept:end])
        members = torch.zeros(groups, len(part.rows), dtype=torch.float64)
        members.scatter_(0, part.groups, 1.0)
        products = _gram(stack[:end], squared)
        squares = products.diagonal()[kept:]
        trace, traces = trace + float(squares.sum()), traces + members @ squares
        values, vectors = torch.linalg.eigh(products)
        cut = max(end - SIZE, 0)
        lost += float(values[cut - 1].clamp_min(0)) if cut else 0.0
        squared, left = values[cut:].flip(0).clamp_min(0), vectors[:, cut:].flip(1)
        old, new = left[:kept], left[kept:]
        shares = old.T @ shares @ old + new.T @ (members[:, :, None] * new)
        torch.mm(left.T.to(stack), stack[:end], out=other[: len(squared)])
        stack, other = other, stack
    rows = stack[: len(squared)]
    sigma = rows.norm(dim=1)
    return Moments(
        basis=rows / sigma.clamp_min(torch.finfo(sigma.dtype).tiny)[:, None],
        values=sigma.double().square(),
        groups=sigma.double()[:, None] * shares * sigma.double(),
        traces=traces,
        trace=trace,
        lost=lost,
    )


def _gram(
    stack: Float[Tensor, " stacked feature"], squared: Float[Tensor, " kept"]
) -> Float[Tensor, " stacked stacked"]:
    """Inner products of a stack whose upper rows are orthogonal and of known squared length."""
    lower = (stack[len(squared) :] @ stack.T).double()
    return torch.cat([torch.cat([squared.diag(), lower[:, : len(squared)].T], 1), lower])


def _in_parts(blocks: Iterable[Block]) -> Iterator[Block]:
    """Parts of SIZE rows cost least."""
    for block in blocks:
        parts = (block.rows.split(SIZE), block.weights.split(SIZE), block.groups.split(SIZE, 1))
        yield from map(Block, *parts)


def oriented(vectors: Float[Tensor, " direction feature"]) -> Float[Tensor, " direction feature"]:
    """Each with its largest weight positive: an eigenvector's sign is arbitrary."""
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return vectors * torch.where(largest < 0, -1, 1)


LEADING = 16
"""Directions within which the principal one of a part is searched."""


def principal(
    moment: Float[np.ndarray, " kept kept"],
) -> tuple[Float[np.ndarray, " leading"], Float[np.ndarray, " leading"]]:
    """Leading eigenvalues, the largest first, and the principal eigenvector."""
    values, vectors = np.linalg.eigh(moment[:LEADING, :LEADING])
    return values[::-1], vectors[:, -1]


def quotient(
    moment: Float[np.ndarray, " kept kept"], direction: Float[np.ndarray, " kept"]
) -> float:
    """Λ: the moment along a direction, relative to the largest possible; at most 1."""
    # the leading part's largest eigenvalue is a hair below the whole's
    return min(float(direction @ moment @ direction / principal(moment)[0][0]), 1.0)
