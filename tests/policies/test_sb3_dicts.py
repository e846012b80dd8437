"""A `MultiInputPolicy` of stable-baselines3 acts on flat vectors as the library does on Dicts."""

from collections import OrderedDict

import numpy as np
import pytest
import sb3_contrib as contrib
import stable_baselines3 as sb3
import torch
from gymnasium import spaces
from originals import (
    BUTTONS,
    GRID,
    LEVERS,
    SENSORS,
    Still,
    normalising,
    off_policy,
    on_policy,
    sized,
)
from stable_baselines3.common.torch_layers import CombinedExtractor
from test_sb3_images import randomised
from test_sb3_refusals import refusal
from wandering import Wandering, registered
from zips import with_data

from policyscope.errors import (
    CheckpointError,
    DamagedCheckpoint,
    EnvironmentMismatch,
    UnsupportedCheckpoint,
)
from policyscope.policies.loading import load
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.play import play
from policyscope.rollouts.seeds import environment_seed

GOAL = spaces.Box(-3, 3, (2,))
REACHING = spaces.Dict({"observation": SENSORS, "achieved_goal": GOAL, "desired_goal": GOAL})
MIXED = spaces.Dict(
    {
        "camera": spaces.Box(0, 255, (40, 44, 3), np.uint8),  # which the library transposes
        "gear": spaces.Discrete(4),
        "grid": GRID,
        "knobs": spaces.MultiDiscrete([2, 3]),
        "lamps": spaces.MultiBinary(3),
        "tiny": spaces.Box(0, 9, (2, 3, 4), np.uint8),  # no brightness, so no image
    }
)
# what is left where sb3-contrib's LSTM stumbles over knobs, and unscaled images over tiny ones
SEEING = spaces.Dict({key: MIXED[key] for key in ("camera", "gear", "grid", "lamps")})
batches = {**on_policy, "batch_size": 8}

ALGORITHMS = {
    "PPO": (sb3.PPO, LEVERS, batches),
    "A2C": (sb3.A2C, BUTTONS, on_policy),
    "TRPO": (contrib.TRPO, BUTTONS, batches),
    "DQN": (sb3.DQN, BUTTONS, off_policy),
    "QR-DQN": (contrib.QRDQN, BUTTONS, off_policy),
    "SAC": (sb3.SAC, LEVERS, off_policy),
    "TD3": (sb3.TD3, LEVERS, off_policy),
    "DDPG": (sb3.DDPG, LEVERS, off_policy),
    "TQC": (contrib.TQC, LEVERS, off_policy),
}
SPACES = {"goals": REACHING, "mixed": MIXED}


def predicted(model, observations, actions, episodes):
    """What the library does in the episodes of `play`, one observation at a time."""
    chosen = []
    for episode in range(episodes):
        env = Wandering(observations, actions)
        state, begins, ended = None, True, False
        observation, _ = env.reset(seed=environment_seed(0, episode))
        while not ended:
            action, state = model.predict(observation, state, np.array([begins]), True)
            chosen.append(action)
            observation, _, ended, _, _ = env.step(action)
            begins = False
    return np.array(chosen)


def played(model, path, observations, actions, rtol=1e-5):
    """The loaded policy's rollouts, whose actions are held against the library's."""
    episodes = 9
    randomised(model).save(path)
    expected = predicted(model, observations, actions, episodes)
    assert len(np.unique(expected.reshape(len(expected), -1), axis=0)) > 1
    with registered(observations, actions) as id:
        policy = load(path).fitted_to(*Environment(id).spaces(), id)
        rollouts = play(Greedy(policy), Environment(id), episodes, lanes=4)
    np.testing.assert_allclose(rollouts.actions, expected, rtol, atol=1e-5)
    return policy, rollouts


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("name", ALGORITHMS)
def test_actions_in_a_dict_are_the_library_s(name, space, tmp_path):
    algorithm, actions, more = ALGORITHMS[name]
    model = algorithm("MultiInputPolicy", Still(SPACES[space], actions), **more)
    policy, rollouts = played(model, tmp_path / "model.zip", SPACES[space], actions)
    assert policy.checkpoint.algorithm == name
    assert rollouts.observations.shape[1:] == policy.observation_shape
    assert rollouts.observations.shape[1] == spaces.flatdim(SPACES[space])


@pytest.mark.parametrize("space", [REACHING, SEEING], ids=["goals", "seeing"])
def test_a_recurrent_policy_remembers_what_it_saw_in_dicts(space, tmp_path):
    model = contrib.RecurrentPPO("MultiInputLstmPolicy", Still(space, LEVERS), **batches)
    played(model, tmp_path / "model.zip", space, LEVERS)


VARIANTS = {
    "unscaled images": {"normalize_images": False},
    "wide convolutions": sized(features_extractor_kwargs={"cnn_output_dim": 20}),
    "networks of their own": {"share_features_extractor": False},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_of_the_extractor_are_the_library_s(name, tmp_path):
    more = {**batches, "policy_kwargs": VARIANTS[name]}
    model = sb3.PPO("MultiInputPolicy", Still(SEEING, LEVERS), **more)
    # sums of numbers up to 255 are rounded more coarsely
    played(model, tmp_path / "model.zip", SEEING, LEVERS, rtol=2e-4)


@pytest.mark.parametrize(
    "observations",
    [spaces.Discrete(5), spaces.MultiDiscrete([2, 4, 3]), spaces.MultiBinary(4)],
    ids=str,
)
def test_discrete_observations_are_one_hot_as_in_the_library(observations, tmp_path):
    model = sb3.PPO("MlpPolicy", Still(observations, LEVERS), **batches)
    policy, _ = played(model, tmp_path / "model.zip", observations, LEVERS)
    assert policy.observation_shape == (spaces.flatdim(observations),)


def test_images_alone_may_have_their_channels_last(tmp_path):
    model = sb3.PPO("CnnPolicy", Still(MIXED["camera"], LEVERS), **batches)
    policy, rollouts = played(model, tmp_path / "model.zip", MIXED["camera"], LEVERS)
    assert rollouts.observations.shape[1:] == policy.observation_shape == (40, 44, 3)
    assert rollouts.observations.dtype == np.uint8


def test_parts_may_come_in_another_order_than_in_training(tmp_path):
    backwards = spaces.Dict(OrderedDict(reversed(MIXED.spaces.items())))
    assert list(backwards) == list(reversed(list(MIXED)))
    model = sb3.PPO("MultiInputPolicy", Still(backwards, LEVERS), **batches)
    played(model, tmp_path / "model.zip", MIXED, LEVERS)
    played(model, tmp_path / "model.zip", backwards, LEVERS)


def test_a_policy_that_was_fitted_fits_again(tmp_path):
    model = sb3.PPO("MultiInputPolicy", Still(MIXED, LEVERS), **batches)
    model.save(tmp_path / "model.zip")
    once = load(tmp_path / "model.zip").fitted_to(MIXED, LEVERS, "it")
    assert once.fitted_to(MIXED, LEVERS, "it").network is once.network


def test_what_a_file_says_of_a_dict(tmp_path):
    model = sb3.DQN("MultiInputPolicy", Still(MIXED, BUTTONS), **off_policy)
    model.save(tmp_path / "model.zip")
    checkpoint = load(tmp_path / "model.zip").checkpoint
    assert checkpoint.observations == (
        "camera (3, 40, 44) uint8, gear (4,) one-hot, grid (2, 3) float32, knobs (5,) one-hot, "
        "lamps (3,) bits, tiny (2, 3, 4) uint8"
    )
    assert checkpoint.architecture == (
        "camera 3×40×44 NatureCNN + gear 4 + grid 2×3 + knobs 5 + lamps 3 + tiny 2×3×4 → "
        "298 → 64 → 64 → 3, ReLU"
    )
    assert checkpoint.parameters == sum(p.numel() for p in model.q_net.parameters())


def test_scores_have_a_gradient_with_respect_to_every_part(tmp_path):
    model = randomised(sb3.PPO("MultiInputPolicy", Still(MIXED, LEVERS), **batches))
    model.save(tmp_path / "model.zip")
    policy = load(tmp_path / "model.zip").fitted_to(MIXED, LEVERS, "it")
    flat = spaces.flatten_space(MIXED)
    seen = torch.from_numpy(flat.sample()[None]).float().requires_grad_()
    policy.scores(seen)[0].sum().backward()
    assert seen.grad is not None
    *_, small = seen.grad[0].split([40 * 44 * 3, 4 + 6 + 5 + 3 + 24])
    assert (small != 0).all()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (spaces.Dict({**REACHING.spaces, "more": GOAL}), "gives achieved_goal .*, more"),
        (
            spaces.Dict({**REACHING.spaces, "desired_goal": SENSORS}),
            r"gives .* desired_goal \(5,\)",
        ),
        (spaces.Tuple([SENSORS, GOAL]), r"takes observations of shape \(9,\), but it gives \(7,\)"),
        (spaces.Sequence(GOAL), "is no vector of a fixed length"),
    ],
)
def test_another_dict_does_not_fit(given, words, tmp_path):
    sb3.A2C("MultiInputPolicy", Still(REACHING, BUTTONS), **on_policy).save(tmp_path / "model.zip")
    with pytest.raises(EnvironmentMismatch, match=words):
        load(tmp_path / "model.zip").fitted_to(given, BUTTONS, "it")


# as gym and gymnasium printed them: 0.17, 0.18 to 0.21, 0.22 on; Python before and since 3.12
PRINTED = {
    "shape alone": "OrderedDict([('achieved_goal', Box(2,)), ('desired_goal', Box(2,)), "
    "('observation', Box(5,))])",
    "bounds as arrays": "OrderedDict([('achieved_goal', Box([-3. -3.], [3. 3.], (2,), float32)), "
    "('desired_goal', Box([-3. -3.], [3. 3.], (2,), float32)), ('observation', "
    "Box([-inf -inf -inf\n -inf -inf], [inf inf inf\n inf inf], (5,), float32))])",
    "bounds as numbers": "OrderedDict([('achieved_goal', Box(-3.0, 3.0, (2,), float32)), "
    "('desired_goal', Box(-3.0, 3.0, (2,), float32)), ('observation', Box(-inf, inf, (5,), "
    "float32))])",
    "braces": "OrderedDict({'achieved_goal': Box(-3.0, 3.0, (2,), float32), "
    "'desired_goal': Box(-3.0, 3.0, (2,), float32), 'observation': Box(-inf, inf, (5,), float32)})",
}


@pytest.mark.parametrize("name", PRINTED)
def test_spaces_are_read_as_older_versions_printed_them(name, tmp_path):
    path = tmp_path / "model.zip"
    sb3.A2C("MultiInputPolicy", Still(REACHING, BUTTONS), **on_policy).save(path)
    space = {":type:": "<class 'gym.spaces.dict.Dict'>", "spaces": PRINTED[name]}
    path.write_bytes(with_data(path, observation_space=space))
    assert load(path).parts == {"achieved_goal": (2,), "desired_goal": (2,), "observation": (5,)}


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("Mine(a=3)", UnsupportedCheckpoint, r"its text does not tell \(Mine\(a=3\)\)"),
        ("{'a': Box(0, 1, (9,), float32), ?}", UnsupportedCheckpoint, "does not tell"),
        ("{'a': Dict('b': Box(0, 1, (9,), float32))}", UnsupportedCheckpoint, "does not tell"),
        ("{'a': Text(1, 9)}", UnsupportedCheckpoint, "observes a Text space; only arrays"),
        ("{'a': Box(3, 64, 64)}", DamagedCheckpoint, "incompletely .*64, 64. is not enough"),
        ("{'a': Box(0, 1, x, float32)}", DamagedCheckpoint, "incompletely"),
        ("{'a': Discrete()}", DamagedCheckpoint, "incompletely"),
        ("{'a': Discrete(1e999)}", DamagedCheckpoint, "incompletely"),
        ("{'a': Box(0, 1, (9, 9999999999), float32)}", DamagedCheckpoint, "mixes"),
        ("{'a': Box(0, 1, (10,), float32)}", DamagedCheckpoint, "mixes"),
        ("{}", UnsupportedCheckpoint, "does not tell"),
        (None, DamagedCheckpoint, "incompletely"),
    ],
)
def test_a_text_that_does_not_tell_the_space_is_one_sentence(text, error, words, tmp_path):
    path = tmp_path / "model.zip"
    sb3.A2C("MultiInputPolicy", Still(REACHING, BUTTONS), **on_policy).save(path)
    space = {":type:": "<class 'gymnasium.spaces.dict.Dict'>"}
    path.write_bytes(
        with_data(path, observation_space=space | ({} if text is None else {"spaces": text}))
    )
    with pytest.raises(error, match=words):
        load(path)


class Mine(CombinedExtractor):
    """Does something else to the same parts."""


def test_an_extractor_of_somebody_s_own_is_named(tmp_path):
    more = {"features_extractor_class": Mine}
    model = sb3.A2C("MultiInputPolicy", Still(REACHING, BUTTONS), policy_kwargs=more, **on_policy)
    assert "Mine'>, whose code is not in the file" in refusal(model, tmp_path)


@pytest.mark.parametrize("keys", [None, ["desired_goal", "observation"]], ids=["all", "two"])
def test_a_normaliser_of_a_dict_is_applied_part_by_part(keys, tmp_path):
    environment = normalising(REACHING, LEVERS, norm_obs_keys=keys, clip_obs=1.5)
    rng = np.random.default_rng(2)
    for statistics in environment.obs_rms.values():
        statistics.mean = rng.normal(0, 2, statistics.mean.shape)
        statistics.var = rng.uniform(0.01, 4, statistics.var.shape)
    model = randomised(sb3.PPO("MultiInputPolicy", environment, **batches))
    model.save(tmp_path / "model.zip")
    environment.save(tmp_path / "vecnormalize.pkl")
    policy = load(tmp_path / "model.zip", normalisation=tmp_path / "vecnormalize.pkl")
    fitted = policy.fitted_to(REACHING, LEVERS, "it")
    rows = [REACHING.sample() for _ in range(50)]
    seen = {key: np.stack([row[key] for row in rows]) for key in REACHING}
    expected, _ = model.predict(environment.normalize_obs(seen), deterministic=True)
    flat = torch.from_numpy(np.stack([spaces.flatten(REACHING, row) for row in rows]))
    chosen = fitted.actions(fitted.scores(flat)[0])
    np.testing.assert_allclose(chosen, expected, rtol=1e-5, atol=1e-5)
    assert len(np.unique(expected, axis=0)) > 40
    assert fitted.scale is not None and fitted.scale.shape == (9,)


def test_a_normaliser_of_another_dict_is_refused(tmp_path):
    sb3.PPO("MultiInputPolicy", Still(REACHING, LEVERS), **batches).save(tmp_path / "model.zip")
    normalising(spaces.Dict(observation=GOAL)).save(tmp_path / "vecnormalize.pkl")
    with pytest.raises(
        CheckpointError, match=r"a Dict of observation \(2,\), and .* achieved_goal"
    ):
        load(tmp_path / "model.zip", normalisation=tmp_path / "vecnormalize.pkl")


def test_masks_are_said_to_be_missing_whatever_is_normalised(tmp_path):
    path, statistics = tmp_path / "model.zip", tmp_path / "vecnormalize.pkl"
    environment = normalising(SENSORS)
    contrib.MaskablePPO("MlpPolicy", environment, **batches).save(path)
    environment.save(statistics)
    for checkpoint in (load(path).checkpoint, load(path, normalisation=statistics).checkpoint):
        assert checkpoint.algorithm == "MaskablePPO"
        (notice, *_) = [n for n in checkpoint.notices if "--normalisation" not in n]
        assert "masks of invalid actions, which are not applied" in notice
