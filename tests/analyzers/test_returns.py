import numpy as np
import pytest

from policyscope.analyzers.returns import Returns
from policyscope.analyzers.subject import Subject
from policyscope.policies.loading import load
from policyscope.rollouts.environment import Environment


@pytest.fixture(scope="module")
def result(examples):
    subject = Subject.observed(
        load(examples / "cartpole_ppo.zip"), Environment("CartPole-v1"), episodes=12, seed=3
    )
    return Returns().run(subject, np.random.default_rng(0))


def test_a_trained_policy_and_chance_are_played_on_equal_terms(result):
    assert result.arms == ("clean", "random")
    assert result.returns.shape == (2, 12)
    np.testing.assert_array_equal(result.returns[0], 500.0)
    assert 9 <= result.returns[1].min() <= result.returns[1].mean() < 60


def test_rewards_of_one_per_step_make_return_and_length_equal(result):
    np.testing.assert_array_equal(result.returns, result.lengths)


def test_ends_by_the_limit_and_by_a_fall_are_told_apart(result):
    assert result.truncated[0].all()
    assert not result.truncated[1].any()


def test_measures_are_those_that_the_type_documents(result):
    documented = {name.format(arm=arm) for name in result.MEASURES for arm in result.arms} - {
        "random.advantage"
    }
    assert {measure.name for measure in result.measures()} == documented


def test_the_advantage_is_paired_by_episode(result):
    differences = result.returns[0] - result.returns[1]
    advantage = next(m.estimate for m in result.measures() if m.name == "clean.advantage")
    assert advantage.value == pytest.approx(differences.mean())
    assert advantage.n == 12
