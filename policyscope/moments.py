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
from jaxtyping import Float
from torch import Tensor

SIZE = 64
"""Features up to which moments are exact, and directions that are kept of more."""

Block = tuple[Float[Tensor, " row feature"], Float[Tensor, " group row"]]
"""Rows, and how much each counts in each group: 1 or 0 for plain membership."""


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


def moments(blocks: Iterable[Block]) -> Moments:
    """Second moments of all rows, and of the rows of each group; a row may be in several.

    Raises:
        ValueError: If there are no rows.
    """
    stream = iter(blocks)
    first = next(stream, None)
    if first is None:
        raise ValueError("moments needs at least one row.")
    blocks = chain([first], stream)
    return _exact(blocks) if first[0].shape[1] <= SIZE else _streamed(blocks)


def _exact(blocks: Iterable[Block]) -> Moments:
    whole, groups = 0, 0
    for rows, members in blocks:
        rows, members = rows.double(), members.double()
        whole = whole + rows.T @ rows
        squares = (rows[:, :, None] * rows[:, None]).flatten(1)
        groups = groups + (members @ squares).unflatten(1, whole.shape)
    values, vectors = torch.linalg.eigh(torch.as_tensor(whole))
    values, basis = values.flip(0).clamp_min(0), vectors.flip(1).T
    groups = torch.as_tensor(groups)
    traces = groups.diagonal(dim1=1, dim2=2).sum(1)
    return Moments(
        basis, values, basis @ groups @ basis.T, traces, trace=float(values.sum()), lost=0.0
    )


def _streamed(blocks: Iterable[Block]) -> Moments:
    kept, shares, traces, trace, lost = None, None, 0, 0.0, 0.0
    for rows, members in _in_parts(blocks):
        if kept is None or shares is None:
            kept = rows.new_zeros(0, rows.shape[1])
            shares = members.new_zeros(len(members), 0, 0)
        squares = rows.square().sum(1).double()
        trace, traces = trace + float(squares.sum()), traces + members @ squares
        values, vectors = torch.linalg.eigh(_gram(kept, rows))
        cut = max(len(values) - SIZE, 0)
        lost += float(values[cut - 1].clamp_min(0)) if cut else 0.0
        left = vectors[:, cut:].flip(1)
        old, new = left[: len(kept)], left[len(kept) :]
        shares = old.T @ shares @ old + new.T @ (members[:, :, None] * new)
        kept = left.T.to(rows) @ torch.cat([kept, rows])
    sigma = torch.as_tensor(kept).norm(dim=1)
    return Moments(
        basis=torch.as_tensor(kept) / sigma.clamp_min(torch.finfo(sigma.dtype).tiny)[:, None],
        values=sigma.double().square(),
        groups=sigma.double()[:, None] * torch.as_tensor(shares) * sigma.double(),
        traces=torch.as_tensor(traces),
        trace=trace,
        lost=lost,
    )


def _gram(kept: Tensor, rows: Tensor) -> Float[Tensor, " stacked stacked"]:
    """Inner products of the stack, whose upper rows are orthogonal already."""
    across = rows @ kept.T
    upper = torch.cat([kept.square().sum(1).diag(), across.T], 1)
    return torch.cat([upper, torch.cat([across, rows @ rows.T], 1)]).double()


def _in_parts(blocks: Iterable[Block]) -> Iterator[Block]:
    """Blocks of SIZE rows cost least."""
    for rows, members in blocks:
        yield from zip(rows.split(SIZE), members.double().split(SIZE, 1), strict=True)


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
