import handmade
import numpy as np
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from policyscope.policies.flips import action_changes, flip_distances

REACH = 10.0


def distances(weight, states, steps, reach=REACH, actions=None, bias=None):
    actions = actions or spaces.Discrete(len(weight))
    policy = handmade.policy(handmade.linear(weight, bias), states.shape[1], actions)
    return flip_distances(policy, torch.from_numpy(states), torch.from_numpy(steps), reach).numpy()


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), actions=st.integers(2, 5))
def test_linear_decisions_flip_where_the_nearest_boundary_is_crossed(seed, actions):
    rng = np.random.default_rng(seed)
    weight, states = rng.standard_normal((actions, 3)), rng.standard_normal((20, 3))
    steps = rng.standard_normal((20, 3))
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    found = distances(weight, states.astype("f4"), steps)
    logits, slopes = states @ weight.T, steps @ weight.T
    for row in range(20):
        best = logits[row].argmax()
        closing = slopes[row] - slopes[row, best]
        gaps = logits[row, best] - logits[row]
        times = [g / c for g, c in zip(gaps, closing, strict=True) if c > 1e-9]
        exact = min(times, default=np.inf)
        if exact > REACH:
            assert found[row] > REACH * (1 - 1e-3)
        else:
            # once on the geometric grid, and halved 12 times
            assert exact - 1e-4 <= found[row] <= exact * (1 + 1e-3) + 1e-3


def test_a_decision_that_never_changes_is_infinitely_far():
    assert np.isinf(distances([[1.0], [0.0]], np.ones((1, 1), "f4"), np.ones((1, 1)))).all()


def test_any_group_of_a_multi_discrete_action_counts():
    weight = np.array([[0.0], [1.0], [0.0], [1.0]])
    found = distances(
        weight,
        np.zeros((1, 1), "f4"),
        np.ones((1, 1)),
        actions=spaces.MultiDiscrete([2, 2]),
        bias=[1.0, 0.0, 3.0, 0.0],
    )
    np.testing.assert_allclose(found, 1.0, rtol=1e-3)


def test_changes_are_counted_for_discrete_and_measured_for_continuous_actions():
    states = torch.tensor([[1.0], [-1.0]])
    moved = torch.tensor([[-1.0], [-3.0]])
    body = nn.Linear(1, 1, bias=False)
    nn.init.constant_(body.weight, 0.5)
    discrete = handmade.policy(handmade.linear([[1.0], [-1.0]]), 1, spaces.Discrete(2))
    assert action_changes(discrete, states)(moved).tolist() == [1, 0]
    box = handmade.policy(handmade.linear([[0.5]]), 1, spaces.Box(-1, 3, (1,)))
    # 0.5 → −0.5, and −0.5 → −1.5 clipped to −1, in half ranges of 2
    assert action_changes(box, states)(moved).tolist() == [0.5, 0.25]
