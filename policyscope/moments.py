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
    squares: Float[Tensor, " row"]
    """‖x‖² of each row, in the stream's order."""
    lost: float
    """Upper bound of what Σ values·(basis·v)² misses of vᵀLv, for any unit vector v."""


def moments(blocks: Iterable[Block], groups: int, count: int) -> Moments:
    """Second moments of all rows, and of the rows of each of so many groups.

    Args:
        blocks: The rows, so many in all as `count` says.
        groups: How many there are.
        count: What is kept of each row has its place from the start: small leftovers between
            large blocks that come and go would make memory grow.

    Raises:
        ValueError: If there are no rows.
    """
    stream = iter(blocks)
    first = next(stream, None)
    if first is None:
        raise ValueError("moments needs at least one row.")
    blocks = chain([first], stream)
    return (_exact if first.rows.shape[1] <= SIZE else _streamed)(blocks, groups, count)


def _exact(blocks: Iterable[Block], groups: int, count: int) -> Moments:
    sums: Tensor | None = None
    squares, done = torch.empty(count, dtype=torch.float64), 0
    for block in blocks:
        rows = block.rows.double() * block.weights.double()[:, None]
        if sums is None:
            sums = rows.new_zeros(groups + 1, rows.shape[1], rows.shape[1])
        sums[groups] += rows.T @ rows
        squares[done : done + len(rows)] = rows.square().sum(1)
        done += len(rows)
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
        squares=squares,
        lost=0.0,
    )


TOGETHER = 16
"""Parts after which the groups are brought into the newest basis: for each would be costly."""


def _streamed(blocks: Iterable[Block], groups: int, count: int) -> Moments:
    buffers = kept = torch.empty(0)
    squared, left = torch.empty(0, dtype=torch.float64), torch.empty(0, 0, dtype=torch.float64)
    shares, members = torch.zeros(groups, 0, 0, dtype=torch.float64), []
    traces, lost = torch.zeros(groups, dtype=torch.float64), 0.0
    squares, done = torch.empty(count, dtype=torch.float64), 0
    for number, part in enumerate(_in_parts(blocks)):
        if not number:
            # two, by turns: fresh megabytes for every part would cost as much as the products
            buffers = part.rows.new_empty(2, SIZE, part.rows.shape[1])
            kept = buffers[1, :0]
        products = _gram(kept, squared, part)
        these = squares[done : done + len(part.rows)]
        these[:] = products.diagonal()[len(kept) :]
        done += len(part.rows)
        for kind in part.groups:
            traces.index_add_(0, kind, these)
        squared, vectors, dropped = _leading(products)
        lost += dropped
        old, new = vectors[: len(kept)], vectors[len(kept) :]
        out = buffers[number % 2, : len(squared)]
        torch.mm((new.T * part.weights).to(out), part.rows.to(out), out=out)
        kept = out.addmm_(old.T.to(out), kept)
        left, members = torch.cat([left @ old, new]), [*members, part.groups]
        if len(members) == TOGETHER:
            shares, members = _turned(shares, left, torch.cat(members, 1)), []
            left = torch.eye(len(kept), dtype=torch.float64)
    shares = _turned(shares, left, torch.cat(members, 1)) if members else shares
    sigma = kept.norm(dim=1)
    return Moments(
        basis=kept / sigma.clamp_min(torch.finfo(sigma.dtype).tiny)[:, None],
        values=sigma.double().square(),
        groups=sigma.double()[:, None] * shares * sigma.double(),
        traces=traces,
        trace=float(squares.sum()),
        squares=squares,
        lost=lost,
    )


def _gram(
    kept: Float[Tensor, " kept feature"], squared: Float[Tensor, " kept"], part: Block
) -> Float[Tensor, " stacked stacked"]:
    """Inner products of the kept rows, orthogonal and of known squared length, and of new ones."""
    weights = part.weights[:, None]
    mixed = (part.rows @ kept.T).double() * weights
    own = (part.rows @ part.rows.T).double() * weights * weights.T
    return torch.cat([torch.cat([squared.diag(), mixed.T], 1), torch.cat([mixed, own], 1)])


def _leading(
    products: Float[Tensor, " stacked stacked"],
) -> tuple[Float[Tensor, " kept"], Float[Tensor, " stacked kept"], float]:
    """The largest eigenvalues, their eigenvectors, and the largest eigenvalue that is dropped."""
    values, vectors = torch.linalg.eigh(products)
    cut = max(len(values) - SIZE, 0)
    dropped = float(values[cut - 1].clamp_min(0)) if cut else 0.0
    return values[cut:].flip(0).clamp_min(0), vectors[:, cut:].flip(1), dropped


def _turned(
    shares: Float[Tensor, " group kept kept"],
    left: Float[Tensor, " stacked new_kept"],
    members: Int[Tensor, " kind row"],
) -> Float[Tensor, " group new_kept new_kept"]:
    """W_g in the newest basis, with the rows that were stacked since it was last brought there."""
    old, new = left[: shares.shape[1]], left[shares.shape[1] :]
    shares = old.T @ shares @ old
    for kind in members:
        for group in kind.unique():
            mine = new[kind == group]
            shares[group] += mine.T @ mine
    return shares


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
