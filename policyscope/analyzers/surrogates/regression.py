"""Regression on given terms: logistic where actions are chosen, least squares where computed.

Discrete:    max_W  Σ log softmax(Θ W)_{a(s)} − ‖W‖²/2C        for each choice alone
Continuous:  min_W  Σ ‖clip(Θ W, low, high) − a(s)‖² + λ‖W‖²

Terms are standardised, and the coefficients mapped back. A network's action that its bounds cut
says only how far it went at least, so a prediction beyond the same bound is right. The squares that
count are then those of the other rows, and which these are changes with W: Newton's steps, halved
until they help.

References: McCullagh & Nelder 1989, Generalized Linear Models, §5; Tobin 1958, Estimation of
relationships for limited dependent variables, https://doi.org/10.2307/1907382 (cut targets).
"""

import warnings

import numpy as np
from jaxtyping import Float
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from policyscope.analyzers.surrogates.lessons import Lessons

STRENGTH = 100.0
"""C of logistic regression: small enough for what is separable to stay finite."""
RIDGE = 1e-8
"""λ per row."""
CUT = 0.02
"""Half ranges from a bound within which an action counts as cut: a tanh never gets there."""
ROWS = 20_000
"""As many as are used, evenly spaced: more hardly move so few coefficients."""
REPEATS = 30
HALVINGS, ENOUGH = 6, 1e-6
"""Of a step that does not help, and the share of the squares that is worth one."""
SMALL = 50
"""Numbers that are sought, up to which Newton's method is faster."""


def regressed(
    terms: Float[np.ndarray, " row term"], lessons: Lessons
) -> Float[np.ndarray, " constant_and_term output"]:
    """Coefficients of a constant and of each term, for each score.

    Only differences of scores decide between alternatives, so that the first that the teacher uses
    has none; one that it never uses is below it everywhere.
    """
    every = np.arange(0, len(terms), max(len(terms) // ROWS, 1))
    terms, lessons = terms[every], lessons.some(every)
    means, spreads = terms.mean(0), terms.std(0)
    spreads = np.where(spreads > 1e-12 * (1 + np.abs(means)), spreads, np.inf)
    standard = (terms - means) / spreads
    if lessons.groups:
        columns = [
            _chosen(standard, lessons.actions[:, i] - lessons.starts[i], count)
            for i, count in enumerate(lessons.groups)
        ]
        found = np.concatenate(columns, 1)
    else:
        found = _computed(standard, lessons)
    weights = found[1:] / spreads[:, None]
    return np.concatenate([found[:1] - means @ weights, weights])


def _chosen(
    terms: Float[np.ndarray, " row term"], actions: Float[np.ndarray, " row"], count: int
) -> Float[np.ndarray, " constant_and_term output"]:
    coefficients = np.zeros((1 + terms.shape[1], count))
    used = np.unique(actions).astype(int)
    coefficients[0] = np.where(np.isin(np.arange(count), used), 0, -1)
    if len(used) > 1 and terms.shape[1]:
        # Newton's steps are few, and cost the square of what is sought
        solver = "newton-cholesky" if terms.shape[1] * len(used) <= SMALL else "lbfgs"
        model = LogisticRegression(C=STRENGTH, max_iter=200, solver=solver)
        with warnings.catch_warnings():
            # what is left after so many steps is judged like everything else
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(terms, actions)
        weights = np.column_stack([np.asarray(model.intercept_), model.coef_]).T
        weights = weights if len(used) > 2 else np.concatenate([0 * weights, weights], 1)
        coefficients[:, used] = weights - weights[:, :1]
    return coefficients


def _computed(
    terms: Float[np.ndarray, " row term"], lessons: Lessons
) -> Float[np.ndarray, " constant_and_term output"]:
    design = np.concatenate([np.ones((len(terms), 1)), terms], 1)
    near = CUT * lessons.units
    bounds = zip(lessons.actions.T, lessons.low + near, lessons.high - near, strict=True)
    return np.stack([_within(design, actions, low, high) for actions, low, high in bounds], 1)


def _within(
    design: Float[np.ndarray, " row column"],
    actions: Float[np.ndarray, " row"],
    low: float,
    high: float,
) -> Float[np.ndarray, " column"]:
    """Least squares of one dimension, its predictions cut where the actions are."""
    at_low, at_high = actions <= low, actions >= high

    def counted(found: Float[np.ndarray, " column"]) -> Float[np.ndarray, " row"]:
        """Residuals; none where an action was cut and the prediction is beyond the same bound."""
        left = actions - design @ found
        return np.where((at_low & (left > 0)) | (at_high & (left < 0)), 0.0, left)

    ridge = RIDGE * len(design) * np.eye(design.shape[1])
    found = np.linalg.solve(design.T @ design + ridge, design.T @ actions)
    left = counted(found)
    for _ in range(REPEATS):
        rows = design[left != 0]
        step = np.linalg.solve(rows.T @ rows + ridge, design.T @ left - ridge @ found)
        for size in 0.5 ** np.arange(HALVINGS):
            shorter = counted(found + size * step)
            if shorter @ shorter < (1 - ENOUGH) * (left @ left):
                found, left = found + size * step, shorter
                break
        else:
            break
    return found
