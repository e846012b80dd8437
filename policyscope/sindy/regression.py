"""Sparse regression in ensembles: sequentially thresholded least squares on many resamples.

    Ξ_m = argmin ‖W_m^½ (Y − Θ Ξ)‖²/N + α ‖Ξ‖²,   every |ξ| < λ set to zero, again until none is

over bootstrap resamples m of the rows, each without a few columns of Θ that are drawn anew
(bagging of rows and of the library). They vote: a term is in the equation if at least half of the
members that were offered it keep it, and the terms that are in it are fitted once more to all rows.
The paper takes the median of each coefficient instead; where terms are nearly collinear the medians
of single coefficients solve nothing together. The share that kept a term is its inclusion
probability, the deviation over the members its spread.

Rows of an episode are not independent, so blocks of consecutive rows are drawn, not single ones
(Künsch 1989, https://doi.org/10.1214/aos/1176347265). The blocks' second moments ΘᵀΘ and ΘᵀY are
all that is needed of the rows: members differ by weights alone, and are solved together.

The columns of Θ and of Y are divided by their root mean squares first. So λ is free of units: the
share of a target's size that a term has to contribute, typically, to be kept. Coefficients are
divided back; nothing is centred, so no term mixes with others on the way.

Columns that those before them already say exactly (constants beside 1, copies, cos² + sin²) are
left out before anything is fitted, by a Cholesky decomposition column by column.

Thresholding is that of Brunton, Proctor & Kutz 2016, https://doi.org/10.1073/pnas.1517384113;
ensembles are those of Fasel et al. 2022, https://doi.org/10.1098/rspa.2021.0904. pysindy's
`EnsembleOptimizer` fits its members one after the other on all rows; it is the reference in the
tests, and `benchmarks/sindy.py` measures how much longer it takes, which is why it is not used.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

BLOCKS = 100
"""Blocks of consecutive rows, of which resamples are drawn."""
FEW = 10
"""Columns below which every member is offered all: to lack one of a few is to be another model."""
MOST = 0.5
"""Share of the members that has to keep a term."""
ROUNDS = 20
"""Of thresholding, at most; it ends when no term falls any more."""
REDUNDANT = 1e-9
"""Share of a column's squared length below which the others say it exactly."""


@dataclass(frozen=True, eq=False)
class Moments:
    """All that least squares needs of the rows, in units of root mean squares."""

    gram: Float[np.ndarray, " block term term"]
    cross: Float[np.ndarray, " block term output"]
    rows: Float[np.ndarray, " block"]
    """How many there are in each block."""
    scale: Float[np.ndarray, " term"]
    """Root mean square of each column; 0 where there is nothing to see."""
    size: Float[np.ndarray, " output"]
    """Root mean square of each target."""

    @classmethod
    def of(
        cls, theta: Float[np.ndarray, " row term"], targets: Float[np.ndarray, " row output"]
    ) -> "Moments":
        """Of the dictionary's values and the targets, in blocks of consecutive rows."""
        scale = np.sqrt(np.mean(np.square(theta), 0))
        seen = _divided(theta, scale)
        blocks = _blocks(len(theta))
        empty = cls(
            gram=np.stack([seen[block].T @ seen[block] for block in blocks]),
            cross=np.zeros((len(blocks), theta.shape[1], targets.shape[1])),
            rows=np.array([block.stop - block.start for block in blocks], float),
            scale=scale,
            size=np.sqrt(np.mean(np.square(targets), 0)),
        )
        return empty.aimed_at(targets, theta)

    def aimed_at(
        self, targets: Float[np.ndarray, " row output"], theta: Float[np.ndarray, " row term"]
    ) -> "Moments":
        """The same with other targets, measured by the size of the first."""
        wanted = _divided(targets, self.size)
        cross = [theta[block].T @ wanted[block] for block in _blocks(len(theta))]
        return replace(self, cross=_divided(np.stack(cross), self.scale[:, None]))

    def weighted(
        self, weights: Float[np.ndarray, " model block"]
    ) -> tuple[Float[np.ndarray, " model term term"], Float[np.ndarray, " model term output"]]:
        """Mean second moments when blocks count so many times."""
        rows = (weights @ self.rows)[:, None, None]
        gram, cross = (np.tensordot(weights, part, 1) for part in (self.gram, self.cross))
        return gram / rows, cross / rows

    def pooled(self) -> tuple[Float[np.ndarray, " term term"], Float[np.ndarray, " term output"]]:
        """Mean second moments of all rows."""
        rows = self.rows.sum()
        return self.gram.sum(0) / rows, self.cross.sum(0) / rows

    def in_units(
        self, coefficients: Float[np.ndarray, " model output term"]
    ) -> Float[np.ndarray, " model output term"]:
        """Coefficients of the terms as they are, from those of divided columns."""
        return _divided(coefficients, self.scale) * self.size[:, None]


@dataclass(frozen=True, eq=False)
class Sparsity:
    """Which terms an equation may have, and how it loses them."""

    allowed: Bool[np.ndarray, " term"]
    threshold: float
    """λ: share of a target's size that a term has to contribute."""
    ridge: float
    """α, beside columns of mean square 1."""


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Equations and the members that voted on their terms, in units of features and targets."""

    coefficients: Float[np.ndarray, " output term"]
    """Of the terms that at least half of the members kept, fitted once more to all rows."""
    members: Float[np.ndarray, " model output term"]
    offered: Bool[np.ndarray, " model output term"]
    """Whether a member was offered a term."""

    @property
    def inclusion(self) -> Float[np.ndarray, " output term"]:
        """Share of the members offered a term that kept it."""
        return (self.members != 0).sum(0) / np.maximum(self.offered.sum(0), 1)

    @property
    def spread(self) -> Float[np.ndarray, " output term"]:
        """Standard deviation of each coefficient over the members that were offered its term."""
        return np.ma.masked_where(~self.offered, self.members).std(0).filled(0.0)

    def some(self, outputs: slice) -> "Ensemble":
        """Only some of the equations."""
        kept = self.members[:, outputs], self.offered[:, outputs]
        return Ensemble(self.coefficients[outputs], *kept)


def independent(moments: Moments) -> Bool[np.ndarray, " term"]:
    """Which columns say something that no column before them does."""
    left = moments.pooled()[0].copy()
    whole = np.diag(left).copy()
    kept = np.zeros(len(left), bool)
    for i in range(len(left)):
        kept[i] = whole[i] > 0 and left[i, i] > REDUNDANT * whole[i]
        if kept[i]:
            left[i:, i:] -= np.outer(left[i:, i], left[i, i:]) / left[i, i]
    return kept


def condition(moments: Moments, allowed: Bool[np.ndarray, " term"]) -> float:
    """Condition number of the columns: how far errors of the targets may grow in coefficients."""
    gram = moments.pooled()[0][np.ix_(allowed, allowed)]
    values = np.linalg.eigvalsh(gram) if len(gram) else np.ones(1)
    return float(np.sqrt(values[-1] / max(values[0], np.finfo(float).eps * values[-1])))


def candidates(
    moments: Moments, choices: Sequence[Sparsity]
) -> Float[np.ndarray, " choice output term"]:
    """One fit to all rows for each choice."""
    gram, cross = moments.pooled()
    count = len(choices)
    found = thresholded(
        np.broadcast_to(gram, (count, *gram.shape)),
        np.broadcast_to(cross, (count, *cross.shape)),
        np.stack([choice.allowed for choice in choices]),
        np.array([choice.threshold for choice in choices]),
        np.array([choice.ridge for choice in choices]),
    )
    return moments.in_units(found)


def ensemble(
    moments: Moments,
    choices: Sequence[Sparsity],
    models: int,
    dropped: int,
    rng: np.random.Generator,
) -> Ensemble:
    """Fit every member on its own resample of blocks, without the columns it is not offered.

    Args:
        moments: Of all rows.
        choices: One for each output.
        models: How many members.
        dropped: How many columns each is not offered.
        rng: Draws rows and columns.
    """
    blocks = len(moments.rows)
    drawn = rng.integers(blocks, size=(models, blocks))
    weights = np.stack([np.bincount(row, minlength=blocks) for row in drawn]).astype(float)
    gram, cross = moments.weighted(weights)
    order = rng.permuted(np.tile(np.arange(gram.shape[1]), (models, 1)), axis=1)
    found, offered = [], []
    for output, choice in enumerate(choices):
        mine = _offered(order, choice.allowed, dropped)
        levels = np.full(models, choice.threshold), np.full(models, choice.ridge)
        found.append(thresholded(gram, cross[:, :, output : output + 1], mine, *levels)[:, 0])
        offered.append(mine)
    members = np.stack(found, 1)
    voted = Ensemble(members[0], members, np.stack(offered, 1))
    coefficients = np.stack(
        [
            candidates(moments, [replace(choice, allowed=kept, threshold=0.0)])[0, output]
            for output, (choice, kept) in enumerate(
                zip(choices, voted.inclusion >= MOST, strict=True)
            )
        ]
    )
    return Ensemble(coefficients, moments.in_units(members), voted.offered)


def _offered(
    order: np.ndarray, allowed: Bool[np.ndarray, " term"], dropped: int
) -> Bool[np.ndarray, " model term"]:
    """The allowed columns less the first few of each member's own order."""
    offered = np.tile(allowed, (len(order), 1))
    if allowed.sum() < FEW:
        return offered
    for row, ranks in zip(offered, order, strict=True):
        mine = ranks[allowed[ranks]]
        row[mine[:dropped]] = False
    return offered


def thresholded(
    gram: Float[np.ndarray, " model term term"],
    cross: Float[np.ndarray, " model term output"],
    offered: Bool[np.ndarray, " model term"],
    threshold: Float[np.ndarray, " model"],
    ridge: Float[np.ndarray, " model"],
) -> Float[np.ndarray, " model output term"]:
    """Sequentially thresholded least squares, all members at once, one output after the other."""
    found = np.zeros((len(gram), cross.shape[2], gram.shape[1]))
    for output in range(cross.shape[2]):
        kept = offered.copy()
        for _ in range(ROUNDS):
            found[:, output] = _solved(gram, cross[:, :, output], kept, ridge)
            still = kept & (np.abs(found[:, output]) >= threshold[:, None])
            if np.array_equal(still, kept):
                break
            kept = still
        found[:, output] *= kept
    return found


def _solved(
    gram: Float[np.ndarray, " model term term"],
    cross: Float[np.ndarray, " model term"],
    kept: Bool[np.ndarray, " model term"],
    ridge: Float[np.ndarray, " model"],
) -> Float[np.ndarray, " model term"]:
    """Ridge regression on each member's own terms; zero at all others."""
    some = np.flatnonzero(kept.any(0))  # what nobody keeps need not be solved for
    found = np.zeros(kept.shape)
    if not len(some):
        return found
    mine = kept[:, some]
    system = gram[:, some[:, None], some] * (mine[:, :, None] & mine[:, None, :])
    places = np.arange(len(some))
    system[:, places, places] += np.where(mine, ridge[:, None], 1.0)
    found[:, some] = np.linalg.solve(system, (cross[:, some] * mine)[..., None])[..., 0]
    return found


def _blocks(rows: int) -> list[slice]:
    ends = np.linspace(0, rows, min(BLOCKS, rows) + 1).round().astype(int).tolist()
    return [slice(start, stop) for start, stop in zip(ends[:-1], ends[1:], strict=True)]


def _divided(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Divided column by column; 0 where there is nothing to divide by."""
    return np.divide(
        values, by, out=np.zeros_like(values), where=np.broadcast_to(by > 0, values.shape)
    )
