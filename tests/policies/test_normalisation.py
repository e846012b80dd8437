"""Statistics of VecNormalize, read from its pickle, do what VecNormalize does."""

import pickle

import numpy as np
import pytest
import torch
from gymnasium import spaces
from originals import GRID, LEVERS, SENSORS, normalising
from stable_baselines3 import A2C

from policyscope.errors import CheckpointError, DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies.loading import load
from policyscope.policies.normalisation import applied, filter_inside, read_normaliser
from policyscope.policies.records import Record


@pytest.fixture
def path(tmp_path):
    return tmp_path / "statistics.pkl"


@pytest.mark.parametrize("name", ["PPO with levers, and ReLU", "DQN", "SAC", "TD3", "ARS, linear"])
@pytest.mark.parametrize(("clip", "epsilon"), [(10.0, 1e-8), (0.5, 0.5)])
def test_a_normalised_policy_acts_as_behind_vecnormalize(originals, path, name, clip, epsilon):
    original = originals[name]
    seen = original.model.observation_space, original.model.action_space
    environment = normalising(*seen, clip_obs=clip, epsilon=epsilon)
    environment.save(str(path))
    policy = load(original.path, normalisation=path).fitted_to(*seen, "it")
    observations = 3 * original.observations
    actions = policy.actions(policy.scores(torch.from_numpy(observations))[0])
    expected = original.actions(environment.normalize_obs(observations))
    np.testing.assert_allclose(actions, expected, rtol=1e-5, atol=1e-6)
    if not isinstance(seen[1], spaces.Discrete):
        assert not np.allclose(actions, original.actions(observations))


def test_what_was_applied_is_recorded(originals, path):
    environment = normalising(SENSORS)
    environment.save(str(path))
    policy = load(originals["DQN"].path, normalisation=path)
    assert policy.checkpoint.normaliser == "statistics.pkl"
    assert policy.scale is not None
    np.testing.assert_allclose(policy.scale, np.sqrt(environment.obs_rms.var + 1e-8))


def test_a_bare_state_dict_can_be_normalised(network, path, tmp_path):
    torch.save(network.state_dict(), tmp_path / "network.pth")
    environment = normalising(spaces.Box(-1, 1, (4,)))
    environment.save(str(path))
    policy = load(tmp_path / "network.pth", activation="tanh", normalisation=path)
    observations = np.random.default_rng(0).normal(0, 4, (50, 4)).astype(np.float32)
    torch.testing.assert_close(
        policy.scores(torch.from_numpy(observations))[0],
        network(torch.from_numpy(environment.normalize_obs(observations))),
    )


@pytest.mark.parametrize("protocol", range(6))
def test_statistics_are_read_from_a_pickle_of_any_protocol(path, protocol):
    environment = normalising(GRID)
    path.write_bytes(pickle.dumps(environment, protocol))
    normaliser = read_normaliser(path)
    np.testing.assert_array_equal(normaliser.mean, environment.obs_rms.mean)
    np.testing.assert_array_equal(normaliser.variance, environment.obs_rms.var)
    assert (normaliser.clip, normaliser.epsilon, normaliser.active) == (10, 1e-8, True)


def test_statistics_of_rewards_alone_leave_observations_as_they_are(originals, path):
    normalising(SENSORS, norm_obs=False).save(str(path))
    original = originals["DQN"]
    observations = torch.from_numpy(original.observations)
    policy = load(original.path, normalisation=path)
    torch.testing.assert_close(
        policy.scores(observations)[0], load(original.path).scores(observations)[0]
    )
    assert policy.checkpoint.notices == (
        "statistics.pkl normalised rewards only, so observations stay as they are.",
    )


def test_statistics_of_another_size_do_not_belong(originals, path):
    normalising(GRID).save(str(path))
    with pytest.raises(
        CheckpointError,
        match=r"statistics.pkl normalises observations of shape \(2, 3\), but the policy in "
        r"dqn.zip takes \(5,\); they do not belong together",
    ):
        load(originals["DQN"].path, normalisation=path)


@pytest.mark.parametrize("keys", [None, []])
def test_dictionaries_of_observations_do_not_fit_a_policy_of_arrays(path, keys):
    normalising(spaces.Dict({"a": SENSORS}), norm_obs_keys=keys).save(str(path))
    with pytest.raises(CheckpointError, match="a Dict of .*, and the policy takes arrays"):
        read_normaliser(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"mean": 3}, "holds a dict, not the VecNormalize of stable-baselines3; save yours with"),
        (spaces.Discrete(3), "holds a gymnasium.spaces.discrete.Discrete, not the VecNormalize"),
    ],
)
def test_another_pickle_is_called_what_it_is(path, content, words):
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(UnsupportedCheckpoint, match=words):
        read_normaliser(path)


def test_a_missing_normaliser_is_a_sentence(originals, path):
    with pytest.raises(CheckpointError, match="no normalisation file .*statistics.pkl"):
        load(originals["DQN"].path, normalisation=path)


NO_NUMBERS = [None, "text", {}, [1.0], np.full(5, np.nan), np.array(["a"] * 5), [10**400] * 5]


@pytest.mark.parametrize(
    ("attribute", "bad"),
    [(name, bad) for name in ("mean", "var") for bad in NO_NUMBERS] + [("var", np.full(5, -1.0))],
)
def test_statistics_that_are_no_numbers_are_damage(path, attribute, bad):
    environment = normalising(SENSORS)
    setattr(environment.obs_rms, attribute, bad)
    environment.save(str(path))
    with pytest.raises(DamagedCheckpoint, match=r"statistics.pkl holds statistics"):
        read_normaliser(path)


@pytest.mark.parametrize("bad", [np.nan, 0.0, -1.0, "ten", None, np.zeros(3), 10**400])
def test_a_clip_that_is_no_limit_is_damage(path, bad):
    environment = normalising(SENSORS)
    environment.clip_obs = bad
    environment.save(str(path))
    with pytest.raises(DamagedCheckpoint):
        read_normaliser(path)


def test_a_variance_of_nothing_needs_an_epsilon(path):
    environment = normalising(SENSORS, epsilon=0.0)
    environment.save(str(path))
    assert read_normaliser(path).epsilon == 0
    environment.obs_rms.var[0] = 0
    environment.save(str(path))
    with pytest.raises(DamagedCheckpoint):
        read_normaliser(path)


def test_a_zip_trained_behind_vecnormalize_says_so(tmp_path, path):
    environment = normalising(SENSORS, LEVERS)
    model = A2C("MlpPolicy", environment, n_steps=2, device="cpu", seed=1)
    model.learn(4)
    model.save(tmp_path / "model.zip")
    (notice,) = load(tmp_path / "model.zip").checkpoint.notices
    assert "was trained behind a VecNormalize" in notice
    environment.save(str(path))
    assert load(tmp_path / "model.zip", normalisation=path).checkpoint.notices == ()


@pytest.mark.parametrize(
    "name", ["model.vecnormalize.pkl", "vecnormalize.pkl", "vec_normalize.pkl"]
)
def test_statistics_that_lie_beside_a_checkpoint_are_noticed(originals, tmp_path, name):
    checkpoint = tmp_path / "model.zip"
    checkpoint.write_bytes(originals["DQN"].path.read_bytes())
    assert load(checkpoint).checkpoint.notices == ()
    normalising(SENSORS).save(str(tmp_path / name))
    assert load(checkpoint).checkpoint.notices == (
        f"{name} lies beside the checkpoint and was not used: give it with --normalisation.",
    )
    assert load(checkpoint, normalisation=tmp_path / name).checkpoint.notices == ()


def zfilter(mean, squares, count, clip=10.0):
    """The records of a training run's environment, with the filter of its observations."""
    statistics = Record("run.RunningStat", state={"_n": count, "_M": mean, "_S": squares})
    found = Record("run.ZFilter", state={"rs": statistics, "clip": clip})
    return {"envs": [Record("run.Env", state={"state_filter": found})]}


def test_a_filter_inside_is_the_running_mean_and_deviation_of_what_was_seen():
    seen = np.random.default_rng(0).normal([1.0, -2.0], [3.0, 0.5], (500, 2))
    mean = seen.mean(0)
    found = filter_inside(zfilter(mean, ((seen - mean) ** 2).sum(0), 500), 2, "run.model")
    assert found is not None
    np.testing.assert_allclose(found.mean, mean)
    np.testing.assert_allclose(found.scale, seen.std(0, ddof=1))
    assert (found.clip, found.file) == (10.0, "ZFilter inside run.model")


@pytest.mark.parametrize(
    "content",
    [
        {"envs": []},
        zfilter(np.zeros(3), np.ones(3), 10),
        zfilter(np.zeros(2), np.ones(2), 1),
        zfilter(np.zeros(2), np.array([1.0, np.nan]), 10),
        zfilter(np.zeros(2), np.ones(2), "many"),
    ],
)
def test_what_is_no_filter_of_these_observations_is_left_alone(content):
    assert filter_inside(content, 2, "run.model") is None


def test_a_policy_with_a_filter_takes_no_other(originals, tmp_path):
    normalising(SENSORS).save(str(tmp_path / "vecnormalize.pkl"))
    policy = load(originals["DQN"].path, normalisation=tmp_path / "vecnormalize.pkl")
    with pytest.raises(CheckpointError, match="brings its own normaliser"):
        applied(policy, read_normaliser(tmp_path / "vecnormalize.pkl"))
