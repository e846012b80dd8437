"""One view of every policy: scores, greedy actions, and a fit to an environment."""

import dataclasses

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor, nn

from policyscope.errors import EnvironmentMismatch
from policyscope.policies.policy import FeedForward, Policy, Scores, describe, outputs_needed
from policyscope.provenance import Checkpoint

CHECKPOINT = Checkpoint("mine.zip", "0" * 64, "by hand", None, None, "", 0, "", "", "")
FOUR = spaces.Box(-1, 1, (4,))


def policy(actions=None, outputs=3, **more) -> Policy:
    layer = nn.Linear(4, outputs or 3)
    return Policy(FeedForward(layer).eval(), outputs, CHECKPOINT, (4,), actions, **more)


SCORES = torch.tensor([[0.1, 0.9, -3.0, 2.0], [5.0, -5.0, 0.2, 0.1]])


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (spaces.Discrete(4), [3, 0]),
        (spaces.Discrete(4, start=-2), [1, -2]),
        (spaces.MultiDiscrete([2, 2]), [[1, 1], [0, 0]]),
        (spaces.MultiDiscrete([1, 3]), [[0, 2], [0, 1]]),
        (spaces.MultiDiscrete([2, 2], start=[5, 7]), [[6, 8], [5, 7]]),
        (spaces.MultiDiscrete([[2], [2]]), [[[1], [1]], [[0], [0]]]),
        (spaces.Box(-1, 1, (4,)), [[0.1, 0.9, -1, 1], [1, -1, 0.2, 0.1]]),
        (spaces.Box(-9, 0.5, (2, 2)), [[[0.1, 0.5], [-3, 0.5]], [[0.5, -5], [0.2, 0.1]]]),
    ],
)
def test_greedy_actions_are_what_the_environment_takes(actions, expected):
    chosen = policy(actions, 4).actions(SCORES)
    np.testing.assert_allclose(chosen, expected)
    assert chosen.dtype == actions.dtype
    assert all(actions.contains(row if row.ndim else np.int64(row)) for row in chosen)


def test_a_policy_that_was_not_fitted_cannot_act():
    with pytest.raises(EnvironmentMismatch, match=r"mine.zip does not say what its 4 outputs do"):
        policy(outputs=4).actions(SCORES)


@pytest.mark.parametrize(
    ("space", "needed", "words"),
    [
        (spaces.Discrete(4), 4, "4 discrete actions"),
        (spaces.MultiDiscrete([2, 3]), 5, "multi-discrete actions (2, 3)"),
        (spaces.Box(-1, 1, (2, 3)), 6, "2×3 float32 numbers in [-1, 1]"),
        (spaces.Box(np.array([-1, -2.0]), np.ones(2), dtype=np.float64), 2, "2 float64 numbers"),
        (spaces.Box(0, 1, ()), 1, "one float32 numbers in [0, 1]"),
        (None, None, ""),
    ],
)
def test_spaces_are_described_in_plain_words(space, needed, words):
    assert describe(space) == words
    assert needed is None or outputs_needed(space) == needed


def test_a_fit_fills_in_what_only_the_environment_knows():
    bare = dataclasses.replace(policy(outputs=3), observation_shape=None)
    fitted = bare.fitted_to(FOUR, spaces.Discrete(3), "it")
    assert fitted.observation_shape == (4,)
    assert fitted.action_space == spaces.Discrete(3)
    assert fitted.meaning is Scores.LOGITS
    continuous = bare.fitted_to(FOUR, spaces.Box(-1, 1, (3,)), "it")
    assert continuous.meaning is Scores.MEAN_ACTION


class Remembering(nn.Module):
    """Its scores are what it has seen so far, and it needs its memory to be of the right shape."""

    def forward(self, observations: Tensor, memory: tuple[Tensor, Tensor]):
        total, count = memory
        assert total.shape == observations.shape and count.shape == (len(total), 1, 2)
        return total + observations, (total + observations, count + 1)


def test_a_policy_with_memory_is_tried_with_the_memory_of_a_first_step():
    unknown = Policy(Remembering(), None, CHECKPOINT, memory_shapes=((4,), (1, 2)))
    assert unknown.fitted_to(FOUR, spaces.Discrete(4), "it").outputs == 4


def test_a_fit_keeps_what_the_file_said():
    q_values = policy(spaces.Discrete(3), meaning=Scores.Q_VALUES)
    assert q_values.fitted_to(FOUR, spaces.Discrete(3), "it").meaning is Scores.Q_VALUES


@pytest.mark.parametrize(
    ("actions", "observations", "given", "words"),
    [
        (
            None,
            spaces.Box(-1, 1, (5,)),
            spaces.Discrete(3),
            r"takes .* shape \(4,\), but it gives \(5,\)",
        ),
        (
            None,
            FOUR,
            spaces.Discrete(4),
            "chooses among 3 outputs, but it takes 4 discrete actions",
        ),
        (
            spaces.Discrete(3),
            FOUR,
            spaces.Box(-1, 1, (3,)),
            "3 discrete actions, but it takes 3 float",
        ),
        (
            spaces.Box(-1, 1, (3,)),
            FOUR,
            spaces.Discrete(3),
            "3 float32 .*, but it takes 3 discrete",
        ),
        (
            spaces.MultiDiscrete([1, 2]),
            FOUR,
            spaces.MultiDiscrete([2, 1]),
            r"\(1, 2\), .* \(2, 1\)",
        ),
    ],
)
def test_a_policy_does_not_fit_another_environment(actions, observations, given, words):
    with pytest.raises(EnvironmentMismatch, match=f"mine.zip.*{words}.*name the environment that"):
        policy(actions).fitted_to(observations, given, "it")


def test_images_are_not_divided_by_255_twice():
    bytes_, actions = policy(outputs=3, takes_bytes=True), spaces.Discrete(3)
    with pytest.raises(EnvironmentMismatch, match=r"mine.zip divides .* it gives numbers up to 1;"):
        bytes_.fitted_to(FOUR, actions, "it")
    assert bytes_.fitted_to(spaces.Box(0, 255, (4,)), actions, "it").takes_bytes
    assert policy(outputs=3).fitted_to(FOUR, actions, "it").action_space == actions


@pytest.mark.parametrize(
    ("observations", "actions", "words"),
    [
        (spaces.Sequence(FOUR), spaces.Discrete(3), "it observes Sequence.*no vector of a fixed"),
        (FOUR, spaces.MultiBinary(3), r"it takes actions MultiBinary\(3\), and only discrete"),
    ],
)
def test_other_spaces_are_refused_by_name(observations, actions, words):
    with pytest.raises(EnvironmentMismatch, match=words):
        policy().fitted_to(observations, actions, "it")


def test_a_policy_without_memory_begins_and_stays_without():
    assert policy().initial_memory(5) == ()
    scores, memory = policy().scores(torch.zeros(5, 4))
    assert scores.shape == (5, 3)
    assert memory == ()


def test_memory_begins_with_zeros_for_each_lane():
    first, second = policy(memory_shapes=((7,), (2, 3))).initial_memory(5)
    assert torch.equal(first, torch.zeros(5, 7))
    assert torch.equal(second, torch.zeros(5, 2, 3))


def test_observations_of_any_shape_and_type_are_flattened():
    layer = nn.Linear(6, 2)
    rows = torch.arange(12, dtype=torch.uint8).reshape(2, 2, 3)
    scores, _ = FeedForward(layer)(rows, ())
    torch.testing.assert_close(scores, layer(rows.float().reshape(2, 6)))


def test_a_discrete_observation_is_seen_one_hot():
    fitted = policy().fitted_to(spaces.Discrete(4), spaces.Discrete(3), "it")
    assert (fitted.observation_shape, fitted.parts) == ((4,), {})


def test_channels_that_come_last_are_put_first_with_their_scale():
    channels_first, rows, scale = (2, 3, 4), torch.rand(5, 2, 3, 4), torch.rand(2, 3, 4)
    layer = FeedForward(nn.Linear(24, 3))
    taking = Policy(layer.eval(), 3, CHECKPOINT, channels_first, scale=scale)
    fitted = taking.fitted_to(spaces.Box(0, 1, (3, 4, 2)), spaces.Discrete(3), "it")
    seen = rows.permute(0, 2, 3, 1)
    torch.testing.assert_close(fitted.scores(seen)[0], taking.scores(rows)[0], rtol=0, atol=0)
    assert fitted.observation_shape == (3, 4, 2)
    assert fitted.scale is not None
    assert torch.equal(fitted.scale, scale.permute(1, 2, 0))
