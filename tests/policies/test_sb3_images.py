"""A `CnnPolicy` of stable-baselines3 becomes a policy that sees images as the library does."""

import numpy as np
import pytest
import sb3_contrib as contrib
import stable_baselines3 as sb3
import torch
from gymnasium import spaces
from originals import BUTTONS, LEVERS, Still, off_policy, on_policy, ppo, sized
from stable_baselines3.common.torch_layers import NatureCNN
from test_sb3_refusals import refusal
from zips import with_data

from policyscope.errors import DamagedCheckpoint
from policyscope.policies.loading import load

FRAMES = spaces.Box(0, 255, (4, 84, 84), np.uint8)
CAMERA = spaces.Box(0, 255, (3, 64, 64), np.uint8)
# as cameras give it; the library puts the channels first before it saves the space
CHANNELS_LAST = spaces.Box(0, 255, (40, 44, 3), np.uint8)

batches = {**on_policy, "batch_size": 8}

ALGORITHMS = {
    "PPO": (sb3.PPO, BUTTONS, batches),
    "A2C": (sb3.A2C, BUTTONS, on_policy),
    "TRPO": (contrib.TRPO, BUTTONS, batches),
    "DQN": (sb3.DQN, BUTTONS, off_policy),
    "QRDQN": (contrib.QRDQN, BUTTONS, off_policy),
    "SAC": (sb3.SAC, LEVERS, off_policy),
    "TD3": (sb3.TD3, LEVERS, off_policy),
    "RecurrentPPO": (contrib.RecurrentPPO, LEVERS, batches),
}


class Smaller(NatureCNN):
    """Convolutions of the same shapes that step differently."""


def randomised(model):
    """The model with random weights that neither fade nor explode, and biases."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            fan = parameter[0].numel() if parameter.ndim > 1 else 8
            draw = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(draw * 1.6 / fan**0.5)
    return model


def images(shape, number=40) -> np.ndarray:
    """Noise of different brightness, coarseness and contrast."""
    rng = np.random.default_rng(11)
    channels, *sides = shape
    coarse = rng.uniform(0, 255, (number, channels, *(-(-side // 16) for side in sides)))
    fine = rng.uniform(0, 255, (number, channels, *sides))
    blocks = coarse.repeat(16, 2).repeat(16, 3)[..., : sides[0], : sides[1]]
    share, brightness = rng.uniform(0, 1, (2, number, 1, 1, 1))
    return ((share * blocks + (1 - share) * fine) * brightness).astype(np.uint8)


def compared(model, tmp_path):
    """Greedy actions of the loaded policy, and of the library."""
    randomised(model).save(tmp_path / "model.zip")
    policy = load(tmp_path / "model.zip").fitted_to(
        model.observation_space, model.action_space, "the environment it was made for"
    )
    seen = images(model.observation_space.shape)
    memory = policy.initial_memory(len(seen))
    scores, _ = policy.scores(torch.from_numpy(seen), memory)
    return policy.actions(scores), model.predict(seen, deterministic=True)[0]


@pytest.mark.parametrize("observations", [FRAMES, CAMERA], ids=str)
@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_greedy_action_in_images_is_the_library_s(name, observations, tmp_path):
    algorithm, actions, more = ALGORITHMS[name]
    policy = "CnnLstmPolicy" if name == "RecurrentPPO" else "CnnPolicy"
    model = algorithm(policy, Still(observations, actions), **more)
    chosen, expected = compared(model, tmp_path)
    np.testing.assert_allclose(chosen, expected, rtol=1e-4, atol=1e-5)
    assert len(np.unique(expected.reshape(len(expected), -1), axis=0)) > 1


VARIANTS = {
    "not shared": {"share_features_extractor": False},
    "narrow, with layers": sized(features_extractor_kwargs={"features_dim": 20}),
    "named": {"features_extractor_class": NatureCNN},
    "unscaled": {"normalize_images": False},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_of_the_network_are_the_library_s(name, tmp_path):
    model = sb3.PPO("CnnPolicy", Still(CAMERA, LEVERS), policy_kwargs=VARIANTS[name], **batches)
    chosen, expected = compared(model, tmp_path)
    np.testing.assert_allclose(chosen, expected, rtol=1e-4, atol=1e-5)


def test_channels_that_come_last_are_first_in_the_file(tmp_path):
    model = sb3.PPO("CnnPolicy", Still(CHANNELS_LAST, LEVERS), **batches)
    chosen, expected = compared(model, tmp_path)
    np.testing.assert_allclose(chosen, expected, rtol=1e-4, atol=1e-5)
    assert load(tmp_path / "model.zip").observation_shape == (3, 40, 44)


@pytest.mark.parametrize("scaled", [True, False])
def test_a_multilayer_perceptron_sees_images_scaled(scaled, tmp_path):
    small = spaces.Box(0, 255, (3, 20, 18), np.uint8)
    model = ppo(Still(small, LEVERS), policy_kwargs={"normalize_images": scaled})
    chosen, expected = compared(model, tmp_path)
    np.testing.assert_allclose(chosen, expected, rtol=1e-4, atol=1e-5)


def test_bytes_that_are_no_brightness_stay_as_they_are(tmp_path):
    model = ppo(Still(spaces.Box(0, 9, (3, 20, 18), np.uint8), LEVERS))
    chosen, expected = compared(model, tmp_path)
    np.testing.assert_allclose(chosen, expected, rtol=1e-4, atol=1e-5)


def test_scores_of_dqn_are_its_q_values_on_images(tmp_path):
    model = randomised(sb3.DQN("CnnPolicy", Still(FRAMES, BUTTONS), **off_policy))
    model.save(tmp_path / "model.zip")
    policy = load(tmp_path / "model.zip")
    seen = torch.from_numpy(images(FRAMES.shape))
    torch.testing.assert_close(policy.scores(seen)[0], model.q_net(seen), rtol=1e-4, atol=1e-5)
    assert policy.checkpoint.architecture == "4×84×84 → NatureCNN → 512 → 3"
    assert policy.checkpoint.parameters == sum(p.numel() for p in model.q_net.parameters())


def test_scores_have_a_gradient_with_respect_to_pixels(tmp_path):
    model = randomised(sb3.DQN("CnnPolicy", Still(CAMERA, BUTTONS), **off_policy))
    model.save(tmp_path / "model.zip")
    seen = torch.from_numpy(images(CAMERA.shape, 2)).float().requires_grad_()
    load(tmp_path / "model.zip").scores(seen)[0].sum().backward()
    assert seen.grad is not None
    assert seen.grad.abs().sum() > 0


def test_images_that_are_scaled_already_are_not_scaled_again(tmp_path):
    bright = spaces.Box(0, 1, (1, 36, 36))
    more = {"normalize_images": False, "features_extractor_kwargs": {"normalized_image": True}}
    model = randomised(sb3.PPO("CnnPolicy", Still(bright, LEVERS), policy_kwargs=more, **batches))
    model.save(tmp_path / "model.zip")
    seen = images(bright.shape).astype(np.float32) / 255
    policy = load(tmp_path / "model.zip")
    chosen = policy.actions(policy.scores(torch.from_numpy(seen))[0])
    np.testing.assert_allclose(chosen, model.predict(seen, deterministic=True)[0], 1e-4, 1e-5)


def test_other_convolutions_are_named(tmp_path):
    more = {"features_extractor_class": Smaller}
    model = sb3.DQN("CnnPolicy", Still(CAMERA, BUTTONS), policy_kwargs=more, **off_policy)
    assert "Smaller'>, whose code is not in the file" in refusal(model, tmp_path)


def test_convolutions_of_a_policy_class_of_its_own_are_not_guessed(tmp_path):
    class Mine(sb3.common.policies.ActorCriticCnnPolicy):
        pass

    model = sb3.PPO(Mine, Still(CAMERA, BUTTONS), **batches)
    assert "of a class of its own, whose code is not in the file" in refusal(model, tmp_path)


def space(shape: str) -> dict[str, str]:
    """The text of an image space."""
    kind = "<class 'gymnasium.spaces.box.Box'>"
    return {":type:": kind, "dtype": "uint8", "_shape": shape, "low": "[0]", "high": "[255]"}


@pytest.mark.parametrize(
    "shape",
    ["[3, 80, 64]", "[4, 64, 64]", "[3, 8, 8]", "[3, 0, 64]", f"[3, {10**19}, 64]", "[3, 4096]"],
)
def test_images_of_another_shape_do_not_fit(shape, tmp_path):
    path = tmp_path / "model.zip"
    sb3.A2C("CnnPolicy", Still(CAMERA, BUTTONS), **on_policy).save(path)
    path.write_bytes(with_data(path, observation_space=space(shape)))
    with pytest.raises(DamagedCheckpoint):
        load(path)


def test_bounds_that_are_missing_are_not_guessed(tmp_path):
    path = tmp_path / "model.zip"
    sb3.A2C("CnnPolicy", Still(CAMERA, BUTTONS), **on_policy).save(path)
    path.write_bytes(with_data(path, observation_space=space("[3, 64, 64]") | {"low": ""}))
    with pytest.raises(DamagedCheckpoint, match="what bounds its images have"):
        load(path)
