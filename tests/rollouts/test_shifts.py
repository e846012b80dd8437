import handmade
import numpy as np
import pytest
from gymnasium import spaces

from policyscope import registry
from policyscope.rollouts.perturbation import GaussianNoise, Shift, as_observations
from policyscope.rollouts.seeds import Generators

SHIFTS = registry.everything(registry.PERTURBATIONS)[0]
NATURAL = ["blur", "brightness_and_contrast", "compression", "perspective", "rotation"]
ATTACKS = ["carlini_wagner", "deepfool", "elastic_net", "nesterov"]
ANYONE = handmade.policy(handmade.linear([[1.0]]), 1, spaces.Discrete(1))
RNG = np.random.default_rng(0)


def shown(name, observations):
    perturbation = SHIFTS[name](ANYONE, observations, np.ones(observations.shape[1:]))
    episodes = np.arange(len(observations))
    return perturbation.perturb(observations, episodes, Generators(0, "test"))


def a_square(*shape):
    frames = np.zeros((2, *shape), np.uint8)
    frames[..., 30:40, 50:60] = 200
    return frames


def test_all_kinds_of_the_paper_are_registered():
    assert {*NATURAL, *ATTACKS, "observation_noise"} <= set(SHIFTS)
    assert all(isinstance(shift, Shift) for shift in SHIFTS.values())


@pytest.mark.parametrize("name", NATURAL)
def test_it_changes_frames_a_little_and_leaves_the_original_alone(name):
    frames = a_square(84, 84)
    before = frames.copy()
    after = shown(name, frames)
    assert after.dtype == np.uint8 and after.shape == frames.shape
    np.testing.assert_array_equal(frames, before)
    np.testing.assert_array_equal(after[0], after[1])
    change = np.abs(after.astype(int) - before).mean()
    assert 0 < change < 20
    # the square is still where it was
    rows, columns = (places.mean() for places in np.nonzero(after[0] > 100))
    assert abs(rows - 34.5) < 3 and abs(columns - 54.5) < 3


@pytest.mark.parametrize("name", NATURAL)
def test_channels_are_changed_one_by_one_wherever_they_stand(name):
    frame = RNG.integers(0, 255, (2, 3, 60, 84), np.uint8)
    first = shown(name, frame)
    last = shown(name, np.moveaxis(frame, 1, 3))
    np.testing.assert_array_equal(np.moveaxis(last, 3, 1), first)
    np.testing.assert_array_equal(shown(name, frame[:, 1]), first[:, 1])


@pytest.mark.parametrize("name", NATURAL)
@pytest.mark.parametrize(
    "observations",
    [np.zeros((2, 17), "f4"), np.zeros((2, 84, 84), "f4"), np.zeros((2, 9, 9, 9), "u1")],
    ids=["vectors", "images of real numbers", "volumes"],
)
def test_it_makes_no_sense_of_anything_but_images(name, observations):
    assert SHIFTS[name](ANYONE, observations, np.ones(observations.shape[1:])) is None


def test_brightness_and_contrast_by_hand():
    frame = np.array([[[0, 100, 255]]], np.uint8).repeat(5, 1)
    np.testing.assert_array_equal(shown("brightness_and_contrast", frame)[0, 0], [10, 130, 255])


def test_rotation_turns_about_the_centre():
    frame = np.zeros((1, 41, 41), np.uint8)
    frame[0, 20, :] = 255
    after = shown("rotation", frame)[0]
    assert after[20, 20] > 200
    right, left = after[:, 38].argmax(), after[:, 2].argmax()
    assert np.degrees(np.arctan2(left - right, 36)) == pytest.approx(3, abs=1)


def test_perspective_leaves_the_lower_corners_and_draws_the_upper_ones_in():
    frame = np.full((1, 100, 100), 255, np.uint8)
    after = shown("perspective", frame)[0] > 0
    assert after[99].mean() > 0.98
    assert after[0].mean() == pytest.approx(1 / 1.1, abs=0.02)


def test_noise_is_a_tenth_of_each_features_unit():
    observations = np.zeros((4000, 2))
    perturbation = SHIFTS["observation_noise"](ANYONE, observations, np.array([1.0, 30.0]))
    after = perturbation.perturb(observations, np.arange(4000), Generators(0, "test"))
    np.testing.assert_allclose(after.std(0), [0.1, 3.0], rtol=0.05)


def test_pixels_stay_pixels():
    frames = np.array([[0, 128, 255]], np.uint8)
    values = frames + np.array([[-3.0, 0.6, 9.0]])
    np.testing.assert_array_equal(as_observations(values, frames.dtype), [[0, 129, 255]])
    noisy = GaussianNoise(50.0).perturb(frames, np.arange(1), Generators(0, "noise"))
    assert noisy.dtype == np.uint8 and abs(int(noisy[0, 1]) - 128) < 128
