"""Surrogates that play: what they learn from, how they are chosen, and how they are judged."""

import dataclasses

import handmade
import numpy as np
import pytest
from gymnasium import spaces

from policyscope.analyzers.subject import Subject
from policyscope.analyzers.surrogates.comparing import Schooling, compared
from policyscope.analyzers.surrogates.evolved import evolved
from policyscope.analyzers.surrogates.judging import Judge
from policyscope.analyzers.surrogates.role import role_of
from policyscope.analyzers.surrogates.school import School, Taught, best
from policyscope.analyzers.surrogates.students import Branching, Linear
from policyscope.policies.loading import load
from policyscope.readable.equations import Equations
from policyscope.rollouts.environment import Environment

SCHOOLING = Schooling(
    steps=200, rounds=1, leaves=(4,), degree=2, tries=0, agreement=0.95, confidence=0.95
)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def subject(examples) -> Subject:
    cartpole = Environment("CartPole-v1", {"max_episode_steps": 60})
    return Subject.observed(load(examples / "cartpole_ppo.zip"), cartpole, episodes=4, seed=0)


@pytest.fixture(scope="module")
def school(subject) -> School:
    return School.of(subject, 200, rng())


def always(subject: Subject, output: int):
    """The policy that does one thing."""
    intercept = np.eye(2)[output]
    return role_of(subject).played_by(Equations.linear(np.zeros((4, 2)), intercept))


def taught(name: str, returns: list[float], alike: float, subject: Subject) -> Taught:
    return Taught(name, always(subject, 0), np.array(returns, float), alike)


def test_nothing_is_learned_from_the_episodes_of_the_judgement(subject, school):
    own = {tuple(row) for row in subject.visited.observations.astype(float).tolist()}
    learned = np.concatenate([school.lessons.observations, school.exam.observations])
    assert len(learned) >= 400
    assert not own & {tuple(row) for row in learned.tolist()}
    first, second = (
        {tuple(r) for r in part.observations.tolist()} for part in (school.lessons, school.exam)
    )
    assert not first & second


def test_students_of_a_second_round_have_seen_where_they_got_to(subject, school):
    seen = []

    @dataclasses.dataclass(frozen=True)
    class Wrong:
        name: str = "wrong"

        def learned(self, lessons, exam, role):
            seen.append(lessons.observations)
            return Equations.linear(np.zeros((4, 2)), np.array([1.0, 0.0]))

    school.taught((Wrong(),), rounds=1)
    assert np.abs(seen[0][:, 2]).max() < 0.1
    assert (
        np.abs(seen[1][:, 2]).max() > 0.15
    )  # the pole is falling, which the network never lets it


def test_of_forms_that_return_alike_that_is_kept_which_acts_alike(subject):
    forms = [
        taught("a", [10, 9, 11.5], 0.8, subject),
        taught("less, by chance", [9, 10, 11], 0.9, subject),
        taught("surely less", [1, 2, 3], 0.99, subject),
    ]
    assert best(forms) is forms[1]


def test_the_network_agrees_with_itself_and_loses_nothing(subject):
    judge = Judge.of(subject, subject.visited, rng(), 0.95)
    linear = School.of(subject, 3000, rng()).taught((Linear(),), 0)[0].readable
    judgement = judge.judged(linear, "linear")
    decided = linear.decisions(judge.lessons.observations)
    assert judgement.agreement.value == pytest.approx((decided == judge.lessons.actions).mean())
    assert judgement.agreement.value > 0.95
    assert judgement.own_agreement.value > 0.95
    np.testing.assert_array_equal(judgement.returns, subject.rollouts.returns)


def test_who_does_one_thing_is_seen_to_fall(subject):
    judge = Judge.of(subject, subject.visited, rng(), 0.95)
    judgement = judge.judged(always(subject, 1), "always right")
    assert judgement.agreement.value == pytest.approx((subject.rollouts.actions == 1).mean())
    assert judgement.returns.max() < 15
    assert judgement.own_agreement.value < 0.7  # the network would push the other way


def test_continuous_actions_have_an_error_in_half_ranges():
    seen = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    policy = handmade.policy(handmade.linear([[1.0]]), 1, spaces.Box(-2, 2, (1,)))
    subject = dataclasses.replace(handmade.subject(policy, seen, [20, 20]), environment=None)
    off = role_of(subject).played_by(Equations.linear(np.array([[1.0]]), np.array([0.6])))
    judgement = Judge.of(subject, subject.visited, rng(), 0.95).judged(off, "off")
    assert judgement.error.value == pytest.approx(0.3)
    assert judgement.agreement.value == 0
    assert judgement.own_agreement is None
    assert not len(judgement.returns)


def test_evolution_raises_the_return_of_a_bad_start_and_leaves_chance_alone(subject, school):
    before = np.random.get_state()[1].copy()  # noqa: NPY002  the global state is watched
    weights = np.array([[0, 0.0], [0, 0.0], [0, -1.0], [0, 0.2]])
    start = school.role.played_by(Equations.linear(weights, np.zeros(2)))
    bad, _ = school.practised(start, "linear")
    assert bad.returns.mean() < 40
    found = [evolved(school, bad, 60, rng()) for _ in range(2)]
    assert found[0].returns.mean() > bad.returns.mean() + 10
    np.testing.assert_array_equal(found[0].returns, found[1].returns)
    assert not found[0].readable.form.coefficients[:, 0].any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_nothing_evolves_where_nothing_can_be_gained(subject, school):
    (linear,) = school.taught((Linear(),), 0)
    once = school.returns - 20 * (np.arange(len(school.returns)) == 0)
    assert evolved(school, dataclasses.replace(linear, returns=once), 60, rng()) is None
    bad = Taught("linear", always(subject, 0), school.returns - 50, 1.0)
    assert evolved(school, bad, 0, rng()) is None


def test_all_are_compared_and_the_same_twice(subject):
    found = [
        compared(subject, SCHOOLING, {"left": always(subject, 0)}, ("No.",), rng())
        for _ in range(2)
    ]
    one = found[0]
    assert one.models[0] == "linear"
    assert {"tree_4", "left"} <= set(one.models)
    assert one.returns.shape == (len(one.models), 4)
    assert one.refused == ("No.",)
    left = one.models.index("left")
    assert not one.as_good(left)
    assert one.by_action[left].tolist() == [1.0, 0.0]
    assert one.by_feature[left][3] > 0.5  # it should push right where the pole falls to the right
    assert one.chosen == 0
    np.testing.assert_array_equal(found[0].returns, found[1].returns)
    assert found[0].agreements == found[1].agreements


def test_a_recording_is_enough_for_agreement(subject):
    recorded = dataclasses.replace(subject, environment=None)
    found = compared(recorded, SCHOOLING, {}, (), rng())
    assert found.returns.shape == (len(found.models), 0)
    assert found.own_agreements == ()
    assert found.linear is None
    assert found.agreements[0].value > 0.9


def test_forms_without_anything_left_out_are_not_told_twice(subject, school):
    students = (Linear(), Branching(4))
    names = [form.name for form in school.taught(students, 0)]
    assert names == ["linear", "tree_4"]
    models = compared(subject, SCHOOLING, {}, (), rng()).models
    sizes = {
        m: r.size
        for m, r in zip(models, compared(subject, SCHOOLING, {}, (), rng()).readables, strict=True)
    }
    assert "sparse_linear" not in models or sizes["sparse_linear"] < sizes["linear"]
