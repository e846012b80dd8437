"""A linear policy fitted to returns, not to actions: how far can linear go at all?

    max_W  mean return of clip(W x + b), or of its largest score, in the episodes of practice

by CMA-ES (pycma's) over W and b in units of each feature's deviation, begun at the linear policy
that acts like the network. What a network does and what is worth doing are different questions: a
linear policy may return as much, and act otherwise.

References: Hansen 2016, The CMA evolution strategy: a tutorial, https://arxiv.org/abs/1604.00772;
Wong et al. 2024, https://arxiv.org/abs/2402.06912 (linear policies by evolution strategies).
"""

import numpy as np
from jaxtyping import Float

from policyscope.analyzers.surrogates.school import School, Taught, surely_less
from policyscope.readable.equations import Equations

NAME = "evolved_linear"
STEP = 0.3
"""First standard deviation of the search, in mean sizes of the weights that it begins with."""


def evolved(school: School, start: Taught, tries: int, rng: np.random.Generator) -> Taught | None:
    """The linear policy of the highest return in practice, of so many that are tried.

    None where there is nothing to gain: the one that it begins with returns, but for chance, what
    the network does.

    Args:
        school: Where it practises.
        start: A linear policy.
        tries: How many policies are played.
        rng: Draws the candidates.
    """
    form = start.readable.form
    if not tries or not isinstance(form, Equations):
        return None
    if not surely_less(start.returns, school.returns):
        return None
    import cma  # takes a second, and is seldom needed

    spread = school.lessons.observations.std(0)
    units = np.concatenate([[1.0], np.where(spread > 0, 1 / np.maximum(spread, 1e-300), 0.0)])
    begun = _table(form)
    # only differences of scores decide, so the first action that has none of its own needs none
    free = begun.any(0)
    first = (begun[:, free] / np.where(units > 0, units, 1)[:, None]).ravel()

    def tried(numbers: Float[np.ndarray, " number"]) -> Taught:
        table = begun.copy()
        table[:, free] = units[:, None] * np.asarray(numbers).reshape(len(units), -1)
        readable = school.role.played_by(Equations.linear(table[1:], table[0]))
        return school.practised(readable, NAME)[0]

    options = {"maxfevals": tries, "verbose": -9, "seed": np.nan}
    options["randn"] = lambda *shape: rng.standard_normal(shape)
    search = cma.CMAEvolutionStrategy(first, STEP * np.abs(first).mean() or 1.0, options)
    best = start
    while not search.stop():
        asked = search.ask()
        played = [tried(numbers) for numbers in asked]
        search.tell(asked, [-taught.returns.mean() for taught in played])
        best = max(best, *played, key=lambda taught: taught.returns.mean())
    return None if best is start else best


def _table(form: Equations) -> Float[np.ndarray, " constant_and_feature output"]:
    """Constant and weights, whichever terms there are."""
    table = np.zeros((1 + form.features, form.outputs))
    for powers, coefficients in zip(form.exponents, form.coefficients, strict=True):
        row = 1 + int(powers.argmax()) if powers.any() else 0
        table[row] += coefficients
    return table
