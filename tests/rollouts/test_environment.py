import os
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from players import differences
from wandering import registered

from policyscope.errors import EnvironmentMismatch
from policyscope.rollouts.actors import UniformRandom
from policyscope.rollouts.environment import UPGRADES, Environment
from policyscope.rollouts.lanes import CartPoleLanes, SeparateLanes
from policyscope.rollouts.perturbation import GaussianNoise
from policyscope.rollouts.play import play
from policyscope.rollouts.seeds import environment_seed


def lengths(environment, episodes=30):
    return play(UniformRandom(environment.spaces()[1]), environment, episodes).lengths


@pytest.mark.parametrize("old", UPGRADES)
def test_an_upgraded_id_is_one_that_gymnasium_does_not_play_and_its_successor_is(old):
    assert UPGRADES[old] in gymnasium.registry
    with pytest.warns() as warned, pytest.raises((gymnasium.error.Error, ImportError)):
        gymnasium.make(old)
        warned.clear()
    environment = Environment(old)
    assert environment.playable == UPGRADES[old]
    environment.spaces()


def test_ant_keeps_the_contact_forces_that_it_used_to_observe():
    assert Environment("Ant-v3").spaces()[0].shape == (111,)
    assert Environment("Ant-v4").spaces()[0].shape == (27,)


def test_an_unknown_id_suggests_near_misses():
    with pytest.raises(EnvironmentMismatch, match="'CartPol-v1'.*Did you mean CartPole-v1"):
        Environment("CartPol-v1")


def test_an_id_like_no_other_suggests_nothing():
    with pytest.raises(EnvironmentMismatch, match="name a registered gymnasium id") as raised:
        Environment("Zzyzx")
    assert "Did you mean" not in str(raised.value)


@pytest.mark.parametrize("id", ["CartPole-v1", "Pendulum-v1", "HalfCheetah-v4"])
def test_arguments_that_an_environment_does_not_take_are_refused_in_a_sentence(id):
    environment = Environment(id, {"gravitas": 3})
    for attempt in (environment.spaces, lambda: environment.lanes(2)):
        with pytest.raises(EnvironmentMismatch, match=f"{id} with {{'gravitas': 3}} cannot be"):
            attempt()


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(EnvironmentMismatch, match="cannot be made: .*no_such_module"):
        Environment("no_such_module:Thing-v0").spaces()


def test_an_id_may_name_the_module_that_registers_it(tmp_path, monkeypatch):
    (tmp_path / "my_cars.py").write_text(
        "import gymnasium\n"
        "gymnasium.register('MyCar-v0', max_episode_steps=7,\n"
        "    entry_point='gymnasium.envs.classic_control.mountain_car:MountainCarEnv')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert lengths(Environment("my_cars:MyCar-v0"), 3).tolist() == [7, 7, 7]
    gymnasium.registry.pop("MyCar-v0")


@pytest.mark.parametrize(
    ("environment", "kind"),
    [
        (Environment("CartPole-v1"), CartPoleLanes),
        (Environment("CartPole-v0"), CartPoleLanes),
        (Environment("CartPole-v1", {"max_episode_steps": 60}), CartPoleLanes),
        (Environment("CartPole-v1", {"sutton_barto_reward": True}), CartPoleLanes),
        # which the native simulator takes to mean something else, or not at all
        (Environment("CartPole-v1", {"max_episode_steps": -1}), SeparateLanes),
        (Environment("CartPole-v1", {"max_episode_steps": None}), SeparateLanes),
        (Environment("CartPole-v1", {"render_mode": "rgb_array"}), SeparateLanes),
        (Environment("Acrobot-v1"), SeparateLanes),
    ],
    ids=str,
)
def test_cartpole_is_played_natively_where_its_arguments_mean_the_same(environment, kind):
    lanes = environment.lanes(2)
    lanes.close()
    assert type(lanes) is kind


def test_a_time_limit_is_kept_natively():
    assert lengths(Environment("CartPole-v1", {"max_episode_steps": 9})).tolist() == [9] * 30


def test_cartpole_v0_ends_after_200_steps(examples):
    from policyscope.policies.loading import load
    from policyscope.rollouts.actors import Greedy

    environment = Environment("CartPole-v0")
    policy = load(examples / "cartpole_ppo.zip").fitted_to(*environment.spaces(), "CartPole-v0")
    assert play(Greedy(policy), environment, 5).lengths.tolist() == [200] * 5


SILENT = """
import sys
from policyscope.rollouts.environment import Environment
Environment("Acrobot-v1").lanes(2).close()
assert "mujoco" not in sys.modules
Environment("HalfCheetah-v4").spaces()
Environment("HalfCheetah-v4").lanes(3).close()
"""


def test_mujoco_is_imported_only_where_needed_and_says_nothing_of_deprecated_models(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", SILENT],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (ran.stdout, ran.stderr) == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_other_warnings_of_mujoco_are_heard_and_its_handler_is_restored(tmp_path, monkeypatch):
    mujoco = pytest.importorskip("mujoco")
    from policyscope.rollouts.quiet import quiet

    def mine(message):
        del message

    model = mujoco.MjModel.from_xml_string(
        "<mujoco><worldbody><body><joint/><geom size='1'/></body></worldbody></mujoco>"
    )
    data = mujoco.MjData(model)
    data.qpos[0] = float("nan")
    monkeypatch.chdir(tmp_path)
    mujoco.set_mju_user_warning(mine)
    try:
        with pytest.warns(RuntimeWarning, match="MuJoCo: .*QPOS"), quiet():
            mujoco.mj_checkPos(model, data)
        assert mujoco.get_mju_user_warning() is mine
    finally:
        mujoco.set_mju_user_warning(None)
    assert list(tmp_path.iterdir()) == []


MIXED = gymnasium.spaces.Dict(
    eye=gymnasium.spaces.Box(0, 255, (2, 2, 3), np.uint8),
    gear=gymnasium.spaces.Discrete(3, start=1),
    speed=gymnasium.spaces.Box(-1, 1, (2,)),
)


def test_observations_that_are_no_arrays_reach_everyone_as_vectors():
    push = gymnasium.spaces.Discrete(2)
    with registered(MIXED, push) as id:
        environment = Environment(id)
        assert environment.spaces() == (MIXED, push)
        runs = [play(UniformRandom(push), environment, 7, lanes=lanes) for lanes in (1, 3)]
        single = gymnasium.make(id)
    assert differences(*runs) == []
    observations = runs[0].observations
    assert observations.dtype == np.float32
    first, _ = single.reset(seed=environment_seed(0, 0))
    second = single.step(0)[0]
    expected = [gymnasium.spaces.flatten(MIXED, part) for part in (first, second)]
    np.testing.assert_array_equal(observations[:2], np.array(expected, np.float32))
    assert observations[:, :12].max() > 1  # images keep their units


def test_noise_reaches_what_was_discrete():
    push = gymnasium.spaces.Discrete(2)
    with registered(gymnasium.spaces.Discrete(3), push) as id:
        noise = GaussianNoise(0.1)
        rollouts = play(UniformRandom(push), Environment(id), 2, perturbation=noise)
    change = np.abs(rollouts.shown - rollouts.observations)
    assert (0 < change).all() and change.max() < 1


@pytest.mark.parametrize(("id", "features"), [("Blackjack-v1", 32 + 11 + 2), ("FrozenLake-v1", 16)])
def test_gymnasium_s_own_tables_and_cards_are_played(id, features):
    environment = Environment(id)
    rollouts = play(UniformRandom(environment.spaces()[1]), environment, 5)
    assert rollouts.observations.shape[1] == features
    assert set(np.unique(rollouts.observations)) == {0, 1}


def test_observations_without_a_fixed_length_are_refused_in_a_sentence():
    push = gymnasium.spaces.Discrete(2)
    with registered(gymnasium.spaces.Sequence(push), push) as id:
        with pytest.raises(EnvironmentMismatch, match="observes Sequence.* wrapper first"):
            Environment(id).lanes(2)
