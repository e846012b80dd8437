"""The surrogate that is read off Shapley values, beside those that are fitted to actions."""

import numpy as np
from jaxtyping import Float

from policyscope.analyzers.surrogates.role import Role
from policyscope.readable.equations import Equations
from policyscope.readable.readable import Readable
from policyscope.shapley.by_explanation import Refused, mended

NAME = "by_explanation"


def by_explanation(
    values: Float[np.ndarray, " state feature output"],
    states: Float[np.ndarray, " state feature"],
    outputs: Float[np.ndarray, " state output"],
    role: Role,
    rng: np.random.Generator,
) -> tuple[dict[str, Readable], tuple[str, ...]]:
    """The linear policy of explanations, or the reason why there is none.

    Args:
        values: Shapley values.
        states: Where.
        outputs: What was done there: probabilities of the actions.
        role: Whom it stands in for.
        rng: Seeds the clusters.

    Returns:
        It by its name, and sentences of refusal; neither where actions are not chosen among those
        of one list.
    """
    if len(role.groups) != 1:
        return {}, ()
    found = mended(values, states, outputs.argmax(1), len(role.actions), rng)
    if isinstance(found, Refused):
        return {}, (f"No policy was read off the explanations: {found.reason}.",)
    form = Equations.linear(found.coefficients, found.intercept)
    return {NAME: role.played_by(form)}, ()
