"""Choosing among equations: over a grid, the sparsest that is nearly as good as the best.

Errors are those on held-out episodes. Their standard error over episodes, the usual allowance, is
no use here: where most of the error is in a few episodes that fall it would excuse anything.
"""

from itertools import product

import numpy as np
from jaxtyping import Bool, Float, Int

from policyscope.sindy.regression import Sparsity

THRESHOLDS = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
"""λ of the grid."""
RIDGES = (1e-8, 1e-5, 1e-3)
"""α of the grid."""
SLACK = 0.1
"""How much larger, relatively, the error of sparser equations may be."""


def grid(allowed: Bool[np.ndarray, " term"]) -> list[Sparsity]:
    """All thresholds and ridges for these terms."""
    return [Sparsity(allowed, *levels) for levels in product(THRESHOLDS, RIDGES)]


def sparsest(
    errors: Float[np.ndarray, " candidate"], sizes: Int[np.ndarray, " candidate"], least: float
) -> int:
    """The place of the smallest candidate that is nearly as good as the best.

    Args:
        errors: Root mean square errors on held-out episodes.
        sizes: How many terms each has.
        least: Error below which there is nothing to tell apart, such as rounding.
    """
    good = np.flatnonzero(errors <= max((1 + SLACK) * float(errors.min()), least))
    return int(min(good, key=lambda i: (sizes[i], errors[i])))
