"""Rivals: a linear policy, and a tree of as many numbers, fitted to the same states.

What sparse equations say is worth reading only if nothing simpler does the same.
"""

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from policyscope.readable.equations import Equations
from policyscope.readable.tree import Tree
from policyscope.sindy.fitting import States, fitted
from policyscope.sindy.imitated import Imitated
from policyscope.sindy.imitation import equations
from policyscope.sindy.library import exponents


def linear(imitated: Imitated, training: States, held_out: States) -> Equations:
    """The best equations of degree 1."""
    terms = exponents(training.states.shape[1], 1)
    best = min(fitted(imitated, training, held_out, terms), key=lambda found: found.error)
    return equations(imitated, terms, best.coefficients)


def tree(imitated: Imitated, training: States, size: int, seed: int) -> Tree:
    """A regression tree, scikit-learn's, of at most so many numbers: questions and answers."""
    if imitated.groups:
        chosen = imitated.chosen(training.scores)
        parts = [np.eye(n)[column] for n, column in zip(imitated.groups, chosen.T, strict=True)]
        targets = np.concatenate(parts, 1)
    else:
        targets = np.clip(training.scores, imitated.low, imitated.high)
    leaves = max((size + 1) // 2, 2)
    grown = DecisionTreeRegressor(max_leaf_nodes=leaves, random_state=seed)
    nodes = grown.fit(training.states, targets).tree_
    return Tree.grown(nodes, nodes.value[:, :, 0].copy())
