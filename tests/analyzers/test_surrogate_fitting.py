"""How readable policies learn: against planted policies, scikit-learn and closed forms."""

import dataclasses

import handmade
import numpy as np
import pytest
from gymnasium import spaces
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from policyscope.analyzers.surrogates.lessons import Lessons, lessons_of
from policyscope.analyzers.surrogates.regression import regressed
from policyscope.analyzers.surrogates.role import Role, role_of
from policyscope.analyzers.surrogates.students import (
    Branching,
    Linear,
    Polynomial,
    SparseLinear,
    SparsePolynomial,
    merged,
)
from policyscope.readable.equations import Equations
from policyscope.readable.tree import LEAF, Tree

NONE = np.empty(0)


def states(rows=2000, features=3, seed=0) -> np.ndarray:
    """Far from standardised: other units, other means."""
    drawn = np.random.default_rng(seed).normal(size=(rows, features))
    return drawn * [1.0, 50.0, 0.02][:features] + [0.0, 300.0, -1.0][:features]


def choosing(scores: np.ndarray, observations: np.ndarray, groups=None, starts=None) -> Lessons:
    """A teacher that takes the largest of these scores in each group."""
    groups = groups or (scores.shape[1],)
    parts = np.split(scores, np.cumsum(groups)[:-1], axis=1)
    starts = np.zeros(len(groups)) if starts is None else np.array(starts, float)
    actions = np.stack([part.argmax(1) for part in parts], 1) + starts
    return Lessons(observations, actions, groups, starts, NONE, NONE, NONE)


def computing(actions: np.ndarray, observations: np.ndarray, low=-1.0, high=1.0) -> Lessons:
    """A teacher of these actions, within bounds."""
    width = actions.shape[1]
    bounds = np.full(width, low), np.full(width, high)
    units = np.full(width, (high - low) / 2 if np.isfinite(high) else 1.0)
    return Lessons(observations, np.clip(actions, low, high), (), NONE, units, *bounds)


def role(lessons: Lessons) -> Role:
    outputs = sum(lessons.groups) or lessons.actions.shape[1]
    bounds = [tuple(column.tolist()) for column in (lessons.low, lessons.high)]
    finite = [tuple(x if np.isfinite(x) else None for x in column) for column in bounds]
    return Role(
        tuple(f"sensor {i}" for i in range(lessons.observations.shape[1])),
        tuple(f"motor {i}" for i in range(outputs)),
        lessons.groups,
        tuple(int(start) for start in lessons.starts),
        *finite,
        "",
    )


def alike(form, lessons: Lessons) -> float:
    return float(lessons.same(role(lessons).played_by(form).decisions(lessons.observations)).mean())


def split(lessons: Lessons) -> tuple[Lessons, Lessons]:
    rows = np.arange(len(lessons.observations))
    return lessons.some(rows[::2]), lessons.some(rows[1::2])


def test_a_linear_teacher_of_three_actions_is_found_in_any_units():
    seen = states()
    weights = np.array([[0.0, 2.0, -1.0], [0.0, 0.01, 0.05], [0.0, 30.0, -80.0]])
    lessons = choosing(seen @ weights + [0.0, 25.0, -95.0], seen)
    assert (np.bincount(lessons.actions[:, 0].astype(int)) > 200).all()
    known, new = split(lessons)
    assert alike(Linear().learned(known, new, role(lessons)), new) > 0.99


def test_an_action_that_the_teacher_never_takes_is_never_taken():
    seen = states()
    scores = np.stack([seen[:, 0], np.full(len(seen), -1e3), -seen[:, 0], np.full(len(seen), -1e3)])
    lessons = choosing(scores.T, seen)
    far = dataclasses.replace(lessons, observations=100 * lessons.observations)
    for student in (Linear(), SparseLinear(), Polynomial(2), Branching(4)):
        form = student.learned(lessons, lessons, role(lessons))
        decided = role(lessons).played_by(form).decisions(far.observations)
        assert set(np.unique(decided)) == {0, 2}


def test_a_teacher_of_one_action_needs_no_weights():
    seen = states()
    lessons = choosing(np.tile([0.0, 1.0], (len(seen), 1)), seen)
    found = regressed(seen, lessons)
    np.testing.assert_array_equal(found, [[-1, 0], [0, 0], [0, 0], [0, 0]])


def test_choices_are_learned_each_for_itself_and_count_from_their_start():
    seen = states()
    scores = np.stack(
        [seen[:, 0], -seen[:, 0], 0 * seen[:, 0], seen[:, 1] - 300, 0.1 + 0 * seen[:, 0]]
    )
    lessons = choosing(scores.T, seen, groups=(2, 3), starts=(1, -1))
    form = Linear().learned(lessons, lessons, role(lessons))
    assert alike(form, lessons) > 0.98
    assert alike(Branching(64).learned(lessons, lessons, role(lessons)), lessons) > 0.95


def test_weights_beyond_the_bounds_are_found_where_most_actions_are_cut():
    seen = states(features=2)
    weights = np.array([[4.0], [0.03]])
    actions = seen @ weights - 9.0
    assert (np.abs(actions) > 1).mean() > 0.6
    found = regressed(seen, computing(actions, seen))
    np.testing.assert_allclose(found, [[-9.0], [4.0], [0.03]], rtol=0.01)


def test_without_bounds_it_is_least_squares():
    seen = states()
    noise = np.random.default_rng(1).normal(size=(len(seen), 2))
    actions = seen @ np.array([[1.0, 0.0], [0.5, 2.0], [9.0, -4.0]]) + noise
    lessons = computing(actions, seen, -np.inf, np.inf)
    design = np.column_stack([np.ones(len(seen)), seen])
    reference = np.linalg.lstsq(design, actions, rcond=None)[0]
    np.testing.assert_allclose(regressed(seen, lessons), reference, rtol=1e-4)


@pytest.mark.parametrize("constant", [0.0, 7.0, 1e9])
def test_a_feature_that_never_moves_has_no_weight(constant):
    seen = states()
    seen[:, 1] = constant
    for lessons in (
        choosing(np.stack([seen[:, 0], 0 * seen[:, 0]], 1), seen),
        computing(seen[:, :1], seen),
    ):
        assert not regressed(seen, lessons)[2].any()


def test_features_that_the_teacher_does_not_look_at_are_left_out():
    seen = states(features=3)
    lessons = choosing(np.stack([0 * seen[:, 1], seen[:, 1] - 300], 1), seen)
    known, new = split(lessons)
    form = SparseLinear().learned(known, new, role(lessons))
    assert np.array_equal(form.exponents, [[0, 0, 0], [0, 1, 0]])
    assert alike(form, new) > 0.99


def test_a_planted_cubic_is_found_with_its_terms_alone():
    seen = np.random.default_rng(0).uniform(-1, 1, (4000, 2))
    x, y = seen.T
    lessons = computing((0.3 * x - 0.8 * x**2 * y)[:, None], seen, -5.0, 5.0)
    known, new = split(lessons)
    form = SparsePolynomial(3).learned(known, new, role(lessons))
    terms = {
        tuple(e): c for e, c in zip(form.exponents.tolist(), form.coefficients[:, 0], strict=True)
    }
    assert {(1, 0), (2, 1)} <= set(terms)
    assert terms[1, 0] == pytest.approx(0.3, abs=0.1)
    assert len(terms) <= 5
    full = Polynomial(3).learned(known, new, role(lessons))
    np.testing.assert_allclose(full.scores(seen)[:, 0], lessons.actions[:, 0], atol=1e-5)


def test_the_degree_falls_where_terms_would_be_too_many():
    seen = np.random.default_rng(0).normal(size=(300, 12))
    lessons = computing(seen[:, :1], seen)
    assert Polynomial(3).learned(lessons, lessons, role(lessons)).degree == 2


@pytest.mark.parametrize("leaves", [2, 8, 30])
def test_trees_decide_as_scikit_learns_do(leaves):
    seen = states()
    lessons = choosing(
        np.stack([np.sin(seen[:, 0] * 3), 0.3 * seen[:, 0], 0 * seen[:, 0]], 1), seen
    )
    form = Branching(leaves).learned(lessons, lessons, role(lessons))
    model = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
    reference = model.fit(seen, lessons.actions[:, 0]).predict(seen)
    np.testing.assert_array_equal(role(lessons).played_by(form).decisions(seen)[:, 0], reference)
    curve = computing(2 * np.sin(seen[:, :2]), seen, -2.0, 2.0)
    tree = Branching(leaves).learned(curve, curve, role(curve))
    regressor = DecisionTreeRegressor(max_leaf_nodes=leaves, random_state=0)
    np.testing.assert_allclose(tree.scores(seen), regressor.fit(seen, curve.actions).predict(seen))


def test_questions_with_one_answer_are_not_asked():
    same = Tree(
        np.array([0, 0, 1, LEAF, LEAF, LEAF, LEAF]),
        np.array([0.0, -1.0, 5.0, 0, 0, 0, 0]),
        np.array([1, 3, 5, LEAF, LEAF, LEAF, LEAF]),
        np.array([2, 4, 6, LEAF, LEAF, LEAF, LEAF]),
        np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0], [2.0]]),
    )
    short = merged(same)
    seen = np.random.default_rng(0).normal(0, 5, (100, 2))
    assert int(short.leaves.sum()) == 3
    np.testing.assert_array_equal(short.scores(seen), same.scores(seen))
    one = dataclasses.replace(same, answers=np.ones((7, 1)))
    assert len(merged(one).asked) == 1


def test_lessons_are_the_policys_actions_with_what_it_remembers():
    seen = np.random.default_rng(0).normal(size=(10, 2)).astype(np.float32)
    space = spaces.Discrete(2, start=3)
    policy = handmade.policy(handmade.linear([[1.0, 0.0], [0.0, 1.0]]), 2, space)
    subject = handmade.subject(policy, seen, [4, 6])
    lessons = lessons_of(policy, subject.visited)
    np.testing.assert_array_equal(lessons.actions[:, 0], 3 + (seen[:, 1] > seen[:, 0]))
    assert role_of(subject).starts == (3,)
    assert lessons.same(lessons.actions).all()
    assert not lessons.same(7 - lessons.actions).any()


def test_closeness_counts_half_ranges():
    lessons = computing(np.zeros((3, 1)), np.zeros((3, 1)), -2.0, 2.0)
    near = lessons.closeness(np.array([[0.0], [0.5], [9.0]]))
    np.testing.assert_allclose(near, [1.0, 0.75, 0.0])
    assert lessons.same(np.array([[0.19], [0.21], [0.0]])).tolist() == [True, False, True]


def test_what_is_linear_has_a_weight_of_each_feature():
    form = Equations.linear(np.array([[1.0], [2.0]]), np.array([3.0]))
    assert form.scores(np.array([[10.0, 100.0]])).tolist() == [[213.0]]
