import dataclasses

import handmade
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from policyscope.errors import EnvironmentMismatch, RecordingError, UsageError
from policyscope.policies.policy import Scores
from policyscope.rollouts.fitting import fitted_to_recording
from policyscope.rollouts.recording import Recording

RNG = np.random.default_rng(0)
STATES = RNG.normal(size=(9, 3))
KNOWN = handmade.policy(handmade.linear(RNG.normal(size=(2, 3))), 3, spaces.Discrete(2))
UNKNOWN = dataclasses.replace(KNOWN, action_space=None, meaning=None, outputs=None)


def test_what_the_file_knows_is_kept():
    fitted, actions = fitted_to_recording(KNOWN, Recording(STATES))
    assert actions == fitted.action_space == spaces.Discrete(2)
    assert fitted.checkpoint.notices == ()


@pytest.mark.parametrize(
    ("meaning", "kind"),
    [
        (Scores.Q_VALUES, spaces.Discrete),
        (Scores.LOGITS, spaces.Discrete),
        (Scores.MEAN_ACTION, spaces.Box),
    ],
)
def test_the_meaning_of_the_outputs_tells_the_actions(meaning, kind):
    fitted, actions = fitted_to_recording(
        dataclasses.replace(UNKNOWN, meaning=meaning), Recording(STATES)
    )
    assert isinstance(actions, kind)
    assert fitted.meaning is meaning
    assert fitted.checkpoint.notices == ()


@pytest.mark.parametrize(
    ("actions", "kind"),
    [
        (RNG.integers(0, 2, 9), spaces.Discrete),
        (RNG.integers(0, 2, (9, 1)), spaces.Discrete),
        (RNG.normal(size=(9, 2)), spaces.Box),
    ],
)
def test_recorded_actions_tell_it(actions, kind):
    fitted, found = fitted_to_recording(UNKNOWN, Recording(STATES, actions=actions))
    assert isinstance(found, kind)
    assert fitted.outputs == 2
    assert fitted.checkpoint.notices == ()


@pytest.mark.parametrize(
    "actions", [None, np.full(9, 2), np.full(9, -1), RNG.normal(size=(9, 3)), RNG.normal(size=9)]
)
def test_what_nothing_tells_is_taken_as_numbers_and_said(actions):
    fitted, found = fitted_to_recording(UNKNOWN, Recording(STATES, actions=actions))
    assert found == spaces.Box(-np.inf, np.inf, (2,), np.float32)
    (notice,) = fitted.checkpoint.notices
    assert "Whether the 2 outputs of handmade are an action or scores" in notice


def test_a_person_tells_it_before_recorded_actions_do():
    recording = Recording(STATES, actions=RNG.normal(size=(9, 2)))
    fitted, found = fitted_to_recording(UNKNOWN, recording, "discrete")
    assert found == spaces.Discrete(2)
    assert fitted.checkpoint.notices == ()


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("both", "Actions are discrete or continuous, not 'both'"),
        ("continuous", "has discrete actions, so they cannot be taken as continuous"),
    ],
)
def test_a_kind_that_is_none_or_contradicts_the_file_is_refused(kind, sentence):
    with pytest.raises(UsageError, match=sentence):
        fitted_to_recording(KNOWN, Recording(STATES), kind)


def test_observations_of_another_shape_are_refused():
    with pytest.raises(RecordingError, match=r"shape \(3,\), but walk.csv holds \(2,\)"):
        fitted_to_recording(KNOWN, Recording(STATES[:, :2], file="walk.csv"))
    blind = dataclasses.replace(UNKNOWN, observation_shape=None)
    with pytest.raises(RecordingError, match=r"fails on observations of shape \(2,\), which walk"):
        fitted_to_recording(blind, Recording(STATES[:, :2], file="walk.csv"))


def test_images_with_their_channels_last_are_shown_as_the_policy_takes_them():
    rows = RNG.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
    body = nn.Sequential(nn.Flatten(), handmade.linear(RNG.normal(size=(2, 60))))
    policy = handmade.policy(body, 60, spaces.Discrete(2))
    policy = dataclasses.replace(policy, observation_shape=(3, 5, 4))
    fitted, _ = fitted_to_recording(policy, Recording(rows))
    first = np.ascontiguousarray(np.moveaxis(rows, 3, 1))
    ours, theirs = fitted.scores(torch.from_numpy(rows)), policy.scores(torch.from_numpy(first))
    assert torch.equal(ours[0], theirs[0])


def test_brightness_from_0_to_1_is_not_divided_by_255():
    policy = dataclasses.replace(KNOWN, takes_bytes=True)
    with pytest.raises(EnvironmentMismatch, match="divides its images by 255, but walk.npy gives"):
        fitted_to_recording(policy, Recording(STATES / STATES.max(), file="walk.npy"))


def test_images_are_shown_as_bytes():
    pixels = RNG.integers(0, 256, (6, 2, 2), dtype=np.uint8)
    policy = handmade.policy(handmade.linear(RNG.normal(size=(2, 4))), 4, spaces.Discrete(2))
    policy = dataclasses.replace(policy, observation_shape=(2, 2))
    fitted, _ = fitted_to_recording(policy, Recording(pixels))
    assert fitted.observation_shape == (2, 2)
