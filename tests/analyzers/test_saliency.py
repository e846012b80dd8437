import dataclasses

import handmade
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from policyscope.analyzers.saliency import Saliency, per_block, relative, shares

RNG = np.random.default_rng(0)
STATES = RNG.normal([1.0, -2.0, 0.5], [1.0, 0.1, 3.0], (60, 3)).astype(np.float32)
WEIGHT = np.array([[1.0, -4.0, 0.5], [2.0, 3.0, 0.0]])


def run(policy, states=STATES, lengths=(20, 20, 20), **parameters):
    subject = handmade.subject(policy, states, list(lengths))
    return Saliency(**parameters).run(subject, np.random.default_rng(1))


def test_a_linear_policy_is_credited_with_weight_times_distance():
    result = run(handmade.policy(handmade.linear(WEIGHT), 3, spaces.Discrete(2)))
    chosen = (result.states @ WEIGHT.T).argmax(1)
    by_hand = WEIGHT[chosen] * (result.states - STATES.mean(0))
    np.testing.assert_array_equal(result.chosen[:, 0], chosen)
    np.testing.assert_allclose(result.contributions[:, 0], by_hand, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(result.gradients[:, 0], WEIGHT[chosen], rtol=1e-6)
    assert result.completeness_error.value < 1e-5


def test_importance_and_sensitivity_are_shares_by_hand():
    policy = handmade.policy(handmade.linear(WEIGHT[:1]), 3, spaces.Discrete(1))
    result = run(policy, states=STATES)
    credit = np.abs(WEIGHT[0] * (STATES - STATES.mean(0))).sum(0)
    slope = np.abs(WEIGHT[0]) * STATES.std(0)
    for estimates, total in ((result.importance, credit), (result.sensitivity, slope)):
        values = [estimate.value for estimate in estimates]
        np.testing.assert_allclose(values, total / total.sum(), rtol=1e-4)
        assert sum(values) == pytest.approx(1.0)
        assert all(e.low <= e.value <= e.high and e.n == 3 for e in estimates)


class Square(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x**2) @ torch.tensor([[1.0], [0.0], [-1.0]])


def test_a_quadratic_score_is_integrated_exactly():
    # ∫ 2(b + α(s − b))(s − b) dα = s² − b²
    result = run(handmade.policy(Square(), 3, spaces.Discrete(1)))
    by_hand = np.array([1, 0, -1]) * (result.states**2 - result.baseline**2)
    np.testing.assert_allclose(result.contributions[:, 0], by_hand, rtol=1e-3, atol=1e-4)


def test_a_score_with_a_kink_is_completed_by_more_steps():
    body = nn.Sequential(
        handmade.linear(50 * RNG.normal(size=(16, 3))),
        nn.Tanh(),
        handmade.linear(RNG.normal(size=(1, 16))),
    )
    policy = handmade.policy(body, 3, spaces.Discrete(1))
    errors = [run(policy, steps=steps).completeness_error.value for steps in (3, 30, 300)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.05


def test_every_dimension_of_a_continuous_action_is_explained_with_equal_weight():
    policy = handmade.policy(
        handmade.linear([[100.0, 0, 0], [0, 0, 1.0]]), 3, spaces.Box(-1, 1, (2,))
    )
    result = run(policy)
    assert result.outputs == ("motor 0", "motor 1")
    assert result.contributions.shape == (60, 2, 3)
    np.testing.assert_allclose([e.value for e in result.importance], [0.5, 0.0, 0.5], atol=1e-6)


def test_every_group_of_a_multi_discrete_action_is_explained():
    weight = np.vstack([WEIGHT, RNG.normal(size=(3, 3))])
    policy = handmade.policy(handmade.linear(weight), 3, spaces.MultiDiscrete([2, 3]))
    result = run(policy)
    scores = result.states @ weight.T
    np.testing.assert_array_equal(result.chosen[:, 0], scores[:, :2].argmax(1))
    np.testing.assert_array_equal(result.chosen[:, 1], 2 + scores[:, 2:].argmax(1))
    assert len(result.outputs) == 2


def test_a_policy_that_ignores_everything_has_no_shares_and_no_nan():
    result = run(handmade.policy(handmade.linear(np.zeros((2, 3))), 3, spaces.Discrete(2)))
    assert [e.value for e in result.importance] == [0.0, 0.0, 0.0]
    assert result.completeness_error.value == 0.0


def test_captum_batches_do_not_change_the_answer(monkeypatch):
    policy = handmade.policy(
        nn.Sequential(handmade.linear(WEIGHT), nn.Tanh()), 3, spaces.Discrete(2)
    )
    whole = run(policy)
    monkeypatch.setattr("policyscope.analyzers.saliency.BATCH", 70)
    small = run(policy)
    np.testing.assert_allclose(small.contributions, whole.contributions, rtol=1e-4, atol=1e-6)


def test_states_are_drawn_from_visited_ones_without_repetition():
    result = run(handmade.policy(handmade.linear(WEIGHT), 3, spaces.Discrete(2)), states=STATES)
    fewer = run(handmade.policy(handmade.linear(WEIGHT), 3, spaces.Discrete(2)), states=STATES)
    np.testing.assert_array_equal(result.states, fewer.states)
    subject = handmade.subject(
        handmade.policy(handmade.linear(WEIGHT), 3, spaces.Discrete(2)), STATES, [30, 30]
    )
    ten = Saliency(states=10).run(subject, np.random.default_rng(0))
    assert len(np.unique(ten.states, axis=0)) == 10
    assert all(any((state == STATES.astype(float)).all(1)) for state in ten.states)


@pytest.mark.parametrize("parameters", [{"states": 0}, {"steps": 0}])
def test_parameters_that_make_no_sense_are_refused(parameters):
    with pytest.raises(ValueError, match="needs states ≥ 1 and steps ≥ 1"):
        Saliency(**parameters)


def test_parameters_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Saliency().states = 5  # pyright: ignore[reportAttributeAccessIssue]


def test_sums_per_block_are_naive_sums():
    values = RNG.normal(size=(7, 2, 3))
    episodes = np.array([0, 0, 2, 2, 2, 0, 3])
    sums = per_block(values, episodes, 4)
    naive = [
        sum((v for v, e in zip(values, episodes, strict=True) if e == i), np.zeros((2, 3)))
        for i in range(4)
    ]
    np.testing.assert_allclose(sums, np.reshape(naive, (4, 6)))


def test_shares_and_relative_errors_of_nothing_are_zero():
    np.testing.assert_array_equal(shares(np.zeros((2, 3))), np.zeros(3))
    np.testing.assert_array_equal(relative(np.zeros((2, 2))), np.zeros(1))
