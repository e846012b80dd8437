import numpy as np
import pytest
from gymnasium import spaces
from handmade import linear, policy, subject

from policyscope.errors import UsageError
from policyscope.rollouts.goal import AdversarialReward, ForceAction, Goal, LowerReturn, expressed
from policyscope.rollouts.names import Feature

OBSERVATIONS = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])


@pytest.fixture
def rollouts():
    made = subject(
        policy(linear([[1.0, 0.0], [0.0, 1.0]]), 2, spaces.Discrete(2)), OBSERVATIONS, [3]
    )
    made.rollouts.actions[:] = [0, 1, 0]
    return made.rollouts


def test_the_usual_goal_is_the_negative_reward(rollouts):
    assert LowerReturn().rewards(rollouts).tolist() == [-1, -1, -1]


def test_an_action_is_forced_where_it_is_taken(rollouts):
    assert ForceAction((0,)).rewards(rollouts).tolist() == [1, 0, 1]
    with pytest.raises(UsageError, match="has 2 numbers"):
        ForceAction((0, 1)).rewards(rollouts)


def test_a_reward_is_a_function_of_the_true_step(rollouts):
    goal = AdversarialReward(lambda o, a, r: o[:, 1] + 10 * a + 100 * r)
    assert goal.rewards(rollouts).tolist() == [101, 113, 105]
    assert isinstance(goal, Goal)


def test_a_reward_is_an_expression_over_the_names_of_features(rollouts):
    goal = expressed(
        "pole_angle + 10 * o[1] + 100 * a[0] - reward", (Feature("x"), Feature("pole angle"))
    )
    assert goal.rewards(rollouts).tolist() == [10, 132, 54]
    with pytest.raises(UsageError, match="no 'height'"):
        expressed("height", ()).rewards(rollouts)


@pytest.mark.parametrize("given", [np.zeros(2), np.full(3, np.nan), 1.0])
def test_a_reward_that_is_no_number_for_each_step_is_refused(rollouts, given):
    with pytest.raises(UsageError, match="for each of 3 steps"):
        AdversarialReward(lambda o, a, r: given).rewards(rollouts)
