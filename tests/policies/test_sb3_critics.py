"""What a zip of stable-baselines3 says a state is worth is what the library's own critic says."""

import io

import numpy as np
import pytest
import sb3_contrib as contrib
import stable_baselines3 as sb3
import torch
from gymnasium import spaces
from originals import BUTTONS, LEVERS, MODELS, SENSORS, Still, normalising, off_policy, on_policy
from test_recurrent import VARIANTS as RECURRENT
from test_sb3_dicts import SEEING
from test_sb3_images import CAMERA, CHANNELS_LAST, images, randomised
from zips import with_member

from policyscope.policies.loading import load
from policyscope.policies.policy import Scores

batches = {**on_policy, "batch_size": 8}


@torch.no_grad()
def said(model, observations) -> torch.Tensor:
    """The library's value of each observation; of critics of actions, as they are learnt from."""
    match model:
        case sb3.DQN():
            return model.q_net(observations).amax(1)
        case contrib.QRDQN():
            return model.quantile_net(observations).mean(1).amax(1)
        case contrib.TQC():
            return model.critic(observations, scaled(model, observations)).mean((1, 2))
        case sb3.SAC() | sb3.TD3():
            answers = model.critic(observations, scaled(model, observations))
            return torch.cat(answers, 1).min(1).values
    return model.policy.predict_values(observations).flatten()


def scaled(model, observations) -> torch.Tensor:
    """The greedy action between -1 and 1, as replay buffers of the library keep it."""
    if isinstance(model, sb3.TD3):
        return model.actor(observations)
    return model.actor(observations, deterministic=True)


def compared(model, path, observations, rtol=1e-5):
    values = load(path).values(observations)
    assert values is not None
    expected = said(model, observations)
    assert expected.std() > 0.01
    torch.testing.assert_close(values, expected, rtol=rtol, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("name", [name for name in MODELS if not name.startswith("ARS")])
def test_values_are_the_library_s(originals, name):
    original = originals[name]
    compared(original.model, original.path, torch.from_numpy(original.observations))


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("ARS")])
def test_what_was_trained_without_a_critic_has_none(originals, name):
    policy = load(originals[name].path)
    assert policy.critic is None and policy.valuing() is None
    assert policy.values(torch.from_numpy(originals[name].observations)) is None


SEERS = {
    "PPO": (sb3.PPO, BUTTONS, batches),
    "PPO, not shared": (
        sb3.PPO, LEVERS, {**batches, "policy_kwargs": {"share_features_extractor": False}},
    ),
    "A2C": (sb3.A2C, BUTTONS, on_policy),
    "QRDQN": (contrib.QRDQN, BUTTONS, off_policy),
    "SAC": (sb3.SAC, LEVERS, off_policy),
    "SAC, shared": (
        sb3.SAC, LEVERS, {**off_policy, "policy_kwargs": {"share_features_extractor": True}},
    ),
    "TD3": (sb3.TD3, LEVERS, off_policy),
    "TQC": (contrib.TQC, LEVERS, off_policy),
}  # fmt: skip


@pytest.mark.parametrize("name", SEERS)
def test_values_of_images_are_the_library_s(name, tmp_path):
    algorithm, actions, more = SEERS[name]
    model = randomised(algorithm("CnnPolicy", Still(CAMERA, actions), **more))
    model.save(tmp_path / "model.zip")
    seen = torch.from_numpy(images(CAMERA.shape))
    compared(model, tmp_path / "model.zip", seen, rtol=1e-4)


@pytest.mark.parametrize("name", SEERS)
def test_values_of_dicts_are_the_library_s(name, tmp_path):
    algorithm, actions, more = SEERS[name]
    model = randomised(algorithm("MultiInputPolicy", Still(SEEING, actions), **more))
    model.save(tmp_path / "model.zip")
    rows = [SEEING.sample() for _ in range(20)]
    flat = np.stack([spaces.flatten(SEEING, row) for row in rows])
    fitted = load(tmp_path / "model.zip").fitted_to(SEEING, actions, "it")
    batch = {
        key: np.stack([np.moveaxis(r[key], 2, 0) if key == "camera" else r[key] for r in rows])
        for key in SEEING
    }
    expected = said(model, model.policy.obs_to_tensor(batch)[0])
    torch.testing.assert_close(
        fitted.values(torch.from_numpy(flat).float()), expected, rtol=1e-4, atol=1e-4
    )


def test_critics_see_what_the_environment_gives_rearranged(tmp_path):
    model = randomised(sb3.PPO("CnnPolicy", Still(CHANNELS_LAST, LEVERS), **batches))
    model.save(tmp_path / "model.zip")
    seen = torch.from_numpy(images((3, 40, 44)))
    fitted = load(tmp_path / "model.zip").fitted_to(CHANNELS_LAST, LEVERS, "it")
    values = fitted.values(seen.permute(0, 2, 3, 1))
    torch.testing.assert_close(values, said(model, seen), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["A2C", "SAC", "DQN"])
def test_critics_are_behind_the_normaliser(originals, name, tmp_path):
    original = originals[name]
    environment = normalising(SENSORS, original.model.action_space)
    environment.save(str(tmp_path / "statistics.pkl"))
    policy = load(original.path, normalisation=tmp_path / "statistics.pkl")
    normal = environment.normalize_obs(original.observations).astype(np.float32)
    values = policy.values(torch.from_numpy(original.observations))
    expected = said(original.model, torch.from_numpy(normal))
    torch.testing.assert_close(values, expected, rtol=1e-4, atol=1e-4)


def test_a_masked_policy_has_its_critic(tmp_path):
    model = contrib.MaskablePPO("MlpPolicy", Still(SENSORS, BUTTONS), **batches)
    randomised(model).save(tmp_path / "model.zip")
    compared(model, tmp_path / "model.zip", torch.randn(20, 5))


@pytest.mark.parametrize(
    "name", ["a critic that shares the memory", "a critic without memory", "buttons"]
)
def test_values_of_a_policy_with_memory_are_the_library_s(name, tmp_path):
    model = randomised(RECURRENT[name]())
    model.save(tmp_path / "model.zip")
    policy = load(tmp_path / "model.zip")
    if name == "buttons":  # its critic remembers on its own
        assert policy.critic is None
        return
    valuing, lanes = policy.valuing(), 7
    assert valuing is not None and valuing.memory_shapes == policy.memory_shapes
    memory = policy.initial_memory(lanes)
    for step in range(4):
        seen = torch.randn(lanes, 5, generator=torch.Generator().manual_seed(step))
        state = tuple(part.transpose(0, 1) for part in memory)
        with torch.no_grad():
            expected = model.policy.predict_values(seen, state, torch.zeros(lanes))
        torch.testing.assert_close(valuing.scores(seen, memory)[0], expected, rtol=1e-4, atol=1e-5)
        _, memory = policy.scores(seen, memory)
    assert expected.std() > 0.01


SPOILT = {
    "of another shape": lambda t: torch.ones(3, 3),
    "of another width": lambda t: torch.cat([t, t]),
    "for other observations": lambda t: torch.cat([t, t], -1),
    "empty": lambda t: t[:0],
    "NaN": lambda t: t * torch.nan,
    "complex": lambda t: t.to(torch.complex64),
    "convolutions": lambda t: t[..., None, None],
    "a number": lambda t: torch.tensor(1.0),
}
CRITICS = {
    "PPO": ("mlp_extractor.value_net.0.weight", "value_net.weight", "value_net.bias"),
    "SAC": ("critic.qf0.0.weight", "critic.qf1.4.weight", "critic.qf0.2.bias"),
    "TD3": ("critic.qf0.0.weight", "critic.qf0.4.weight"),
}


@pytest.mark.parametrize("spoil", SPOILT)
@pytest.mark.parametrize(("name", "tensor"), [(n, t) for n, ts in CRITICS.items() for t in ts])
def test_a_spoilt_critic_is_left_out_and_the_policy_acts_as_before(
    originals, name, tensor, spoil, tmp_path
):
    original, path = originals[name], tmp_path / "spoilt.zip"
    tensors = original.model.policy.state_dict()
    tensors[tensor] = SPOILT[spoil](tensors[tensor])
    policy = rewritten(original.path, tensors, path)
    observations = torch.from_numpy(original.observations)
    assert policy.critic is None
    expected = load(original.path).scores(observations)[0]
    torch.testing.assert_close(policy.scores(observations)[0], expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", CRITICS)
def test_a_policy_without_the_tensors_of_its_critic_acts_as_before(originals, name, tmp_path):
    original = originals[name]
    tensors = original.model.policy.state_dict()
    kept = {n: t for n, t in tensors.items() if not n.startswith(("mlp_extractor.v", "critic."))}
    policy = rewritten(original.path, kept, tmp_path / "bare.zip")
    assert policy.critic is None
    assert policy.outputs == load(original.path).outputs


def test_a_critic_that_gives_two_values_is_left_out(originals, tmp_path):
    original = originals["PPO"]
    tensors = original.model.policy.state_dict()
    both = {n: torch.cat([t, t]) for n, t in tensors.items() if n.startswith("value_net.")}
    assert rewritten(original.path, tensors | both, tmp_path / "two.zip").critic is None


def rewritten(source, tensors, path):
    weights = io.BytesIO()
    torch.save(tensors, weights)
    path.write_bytes(with_member(source, "policy.pth", weights.getvalue()))
    return load(path)


def test_values_have_a_gradient_and_are_a_policy_of_one_score(originals):
    valuing = load(originals["PPO"].path).valuing()
    assert valuing is not None
    assert (valuing.outputs, valuing.meaning, valuing.action_space) == (1, Scores.VALUE, None)
    seen = torch.from_numpy(originals["PPO"].observations).requires_grad_()
    scores, memory = valuing.scores(seen)
    assert (scores.shape, memory) == ((300, 1), ())
    scores.sum().backward()
    assert seen.grad is not None and (seen.grad != 0).any(1).all()
    again = valuing.valuing()
    assert again is not None
    assert torch.equal(again.scores(seen)[0], scores)
