import dataclasses

import glimpsing
import handmade
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from policyscope.analyzers.saliency import Saliency
from policyscope.attributions.catalogue import METHODS
from policyscope.attributions.integrated_gradients import IntegratedGradients
from policyscope.reports.results import NotApplicable

RNG = np.random.default_rng(0)
STATES = RNG.normal([1.0, -2.0, 0.5], [1.0, 0.1, 3.0], (60, 3)).astype(np.float32)
WEIGHT = np.array([[1.0, -4.0, 0.5], [2.0, 3.0, 0.0]])


def run(policy, states=STATES, lengths=(20, 20, 20), seed=1, **parameters):
    subject = dataclasses.replace(handmade.subject(policy, states, list(lengths)), environment=None)
    return Saliency(**parameters).run(subject, np.random.default_rng(seed))


@pytest.fixture
def integrated(monkeypatch):
    """Integrated gradients win, for want of others."""
    for name in set(METHODS) - {"integrated gradients"}:
        monkeypatch.delitem(METHODS, name)


@pytest.mark.usefixtures("integrated")
def test_a_linear_decision_is_credited_with_weight_times_distance():
    result = run(handmade.policy(handmade.linear(WEIGHT), 3, spaces.Discrete(2)))
    chosen = (result.states @ WEIGHT.T).argmax(1)
    distance = result.states - STATES.mean(0)
    np.testing.assert_array_equal(result.chosen[:, 0], chosen)
    by_hand = (WEIGHT[chosen] - WEIGHT[1 - chosen]) * distance
    np.testing.assert_allclose(result.decision[:, 0], by_hand, rtol=1e-4, atol=1e-4)
    for action in range(2):
        expected = WEIGHT[action] * distance
        np.testing.assert_allclose(result.each[:, action], expected, rtol=1e-4, atol=1e-4)
    assert result.completeness_error.value < 1e-5
    assert result.actions == ("motor 0", "motor 1") and result.value.shape == (60, 0, 3)


@pytest.mark.usefixtures("integrated")
def test_importance_and_sensitivity_are_shares_by_hand():
    policy = handmade.policy(handmade.linear(WEIGHT[:1]), 3, spaces.Discrete(1))
    result = run(policy)
    credit = np.abs(WEIGHT[0] * (STATES - STATES.mean(0))).sum(0)
    slope = np.abs(WEIGHT[0]) * STATES.std(0)
    for estimates, total in ((result.importance, credit), (result.sensitivity, slope)):
        values = [estimate.value for estimate in estimates]
        np.testing.assert_allclose(values, total / total.sum(), rtol=1e-4)
        assert sum(values) == pytest.approx(1.0)
        assert all(e.low <= e.value <= e.high and e.n == 3 for e in estimates)


def test_what_is_added_to_every_score_is_no_reason():
    class Worth(nn.Module):
        """What a state is worth hangs on the first feature, what to do on the second."""

        def forward(self, x):
            return 100 * x[:, :1] + x[:, 1:2] * torch.tensor([[1.0, -1.0]])

    result = run(handmade.policy(Worth(), 3, spaces.Discrete(2)))
    np.testing.assert_allclose([e.value for e in result.importance], [0, 1, 0], atol=1e-4)


def test_every_dimension_of_a_continuous_action_is_explained_with_equal_weight():
    policy = handmade.policy(
        handmade.linear([[0.05, 0, 0], [0, 0, 1e-4]]), 3, spaces.Box(-1, 1, (2,))
    )
    result = run(policy)
    assert result.outputs == ("motor 0", "motor 1") and not result.discrete
    assert result.decision.shape == (60, 2, 3) and result.what_if is None
    np.testing.assert_allclose([e.value for e in result.importance], [0.5, 0.0, 0.5], atol=1e-6)


def test_every_group_of_a_multi_discrete_action_is_explained():
    weight = np.vstack([WEIGHT, RNG.normal(size=(3, 3))])
    policy = handmade.policy(handmade.linear(weight), 3, spaces.MultiDiscrete([2, 3]))
    result = run(policy)
    scores = result.states @ weight.T
    np.testing.assert_array_equal(result.chosen[:, 0], scores[:, :2].argmax(1))
    np.testing.assert_array_equal(result.chosen[:, 1], 2 + scores[:, 2:].argmax(1))
    assert result.outputs == ("chosen action 0", "chosen action 1")


def test_a_policy_that_ignores_everything_is_explained_by_nobody():
    result = run(handmade.policy(handmade.linear(np.zeros((2, 3))), 3, spaces.Discrete(2)))
    assert [e.value for e in result.importance] == [0.0, 0.0, 0.0]
    assert not result.faithfulness.believed
    assert all(np.isfinite(m.estimate.value) for m in result.measures())


def test_states_are_drawn_from_visited_ones_without_repetition():
    policy = handmade.policy(handmade.linear(WEIGHT), 3, spaces.Discrete(2))
    result = run(policy, states=STATES, lengths=(30, 30), **{"scored": 5})
    ten = run(policy, lengths=(30, 30), seed=0)
    assert len(np.unique(ten.states, axis=0)) == 60
    assert all(any((state == STATES).all(1)) for state in result.states)
    np.testing.assert_array_equal(result.times, np.tile(np.arange(30), 2))
    np.testing.assert_array_equal(result.episodes, np.repeat([0, 1], 30))
    np.testing.assert_array_equal(result.states, STATES)


def test_the_value_is_explained_where_there_is_a_critic():
    critic = handmade.policy(handmade.linear([[0, 5.0, 0]]), 3, spaces.Discrete(1)).network
    policy = handmade.policy(handmade.linear(WEIGHT), 3, spaces.Discrete(2))
    result = run(dataclasses.replace(policy, critic=critic))
    assert result.value.shape == (60, 1, 3)
    assert np.abs(result.value[:, 0, 1]).max() > 0
    assert not result.value[:, 0, [0, 2]].any()


def test_a_policy_with_memory_is_explained_through_time():
    policy = glimpsing.recurrent(3, 2, 1, 1).policy
    result = run(policy, window=4, lengths=(30, 2, 28))
    assert result.states.shape == (27 + 0 + 25, 4, 3)
    assert result.decision.shape == (52, 1, 4, 3)
    assert len(result.importance) == 3 and len(result.credit_of_past) == 4
    assert sum(e.value for e in result.credit_of_past) == pytest.approx(1)
    # what was seen last counts most in a network that was not trained
    assert result.credit_of_past[0].value > result.credit_of_past[3].value
    assert "credit_of_past[steps_back=0]" in {m.key for m in result.measures()}


def test_images_have_maps_and_no_features():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Unflatten(1, (2, 8, 8)), nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten())
    body = nn.Sequential(body, nn.Linear(108, 3)).requires_grad_(False)
    policy = handmade.policy(nn.Sequential(nn.Flatten(), body), 128, spaces.Discrete(3))
    policy = dataclasses.replace(policy, observation_shape=(2, 8, 8))
    frames = RNG.integers(0, 255, (40, 8, 8), np.uint8)
    subject = handmade.subject(policy, frames, [20, 20])
    subject = dataclasses.replace(
        subject,
        environment=None,
        seen=dataclasses.replace(subject.seen, frame_stack=2),
        features=(),
    )
    result = Saliency(images=12).run(subject, np.random.default_rng(0))
    assert result.features == result.actions == result.importance == ()
    assert result.states.shape == (12, 2, 8, 8) and result.states.dtype == np.uint8
    assert result.decision.shape == (12, 1, 2, 8, 8) and result.each.shape == (12, 0, 2, 8, 8)
    assert result.what_if is None
    assert "blur" in result.reliance.shifts


def test_without_gradients_only_methods_that_change_what_is_seen_are_used():
    policy = handmade.policy(handmade.linear(WEIGHT), 3, spaces.Discrete(2))
    result = run(dataclasses.replace(policy, differentiable=False))
    skipped = dict(result.faithfulness.skipped)
    assert {"gradient", "integrated gradients", "smoothgrad"} <= set(skipped)
    assert result.method in {"occlusion", "sarfa"} and result.sensitivity == ()
    assert "gradients" in skipped["gradient"]


@pytest.mark.usefixtures("integrated")
def test_where_no_method_applies_the_reasons_are_given():
    policy = handmade.policy(handmade.linear(WEIGHT), 3, spaces.Discrete(2))
    result = run(dataclasses.replace(policy, differentiable=False))
    assert isinstance(result, NotApplicable) and "integrated gradients: it needs" in result.reason


@pytest.mark.parametrize(
    "parameters",
    [
        {"states": 0},
        {"window": 0},
        {"episodes": 1},
        {"rhos": ()},
        {"rhos": (1.0,)},
        {"played": (0,)},
        {"reach": 0},
    ],
)
def test_parameters_that_make_no_sense_are_refused(parameters):
    with pytest.raises(ValueError, match="Saliency needs"):
        Saliency(**parameters)


def test_parameters_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Saliency().states = 5  # pyright: ignore[reportAttributeAccessIssue]


def test_the_winner_is_a_method_of_the_catalogue():
    assert isinstance(METHODS["integrated gradients"], IntegratedGradients)
