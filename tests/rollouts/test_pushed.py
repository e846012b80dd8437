import gymnasium
import numpy as np
import pytest

from policyscope.errors import EnvironmentMismatch
from policyscope.rollouts.environment import Environment

pytestmark = pytest.mark.filterwarnings("ignore:.*is out of date")
pytest.importorskip("mujoco")

FORCE = np.array([0.3, 0.0, -0.2])


def played(env, force=(), steps=15, seed=3):
    rng = np.random.default_rng(0)
    seen = [env.reset(seed=seed)[0]]
    motors = env.action_space.shape[0] - len(force)
    for _ in range(steps):
        action = np.concatenate([rng.uniform(-1, 1, motors), force]).astype(np.float32)
        seen.append(env.step(action)[0])
    return np.array(seen)


@pytest.mark.parametrize("id", ["Hopper-v4", "InvertedPendulum-v4"])
def test_a_body_that_is_not_pushed_moves_as_it_did(id):
    plain = played(gymnasium.make(id))
    pushed = Environment(id, pushed=True).simulator()
    np.testing.assert_array_equal(played(pushed, np.zeros(3)), plain)
    # nor does anything stay of an episode in which it was
    played(pushed, FORCE)
    assert not pushed.unwrapped.data.xfrc_applied.any()
    np.testing.assert_array_equal(played(pushed, np.zeros(3)), plain)


@pytest.mark.parametrize(("id", "body"), [("Hopper-v4", "torso"), ("InvertedPendulum-v4", "pole")])
def test_a_force_is_a_share_of_the_weight_at_the_body_in_the_world(id, body):
    import mujoco

    pushed = played(Environment(id, pushed=True).simulator(), FORCE)
    env = gymnasium.make(id)
    model, data = env.unwrapped.model, env.unwrapped.data
    number = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, body)
    total = sum(model.body_mass) * 9.81
    rng, seen = np.random.default_rng(0), [env.reset(seed=3)[0]]
    for _ in range(15):
        action = rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)
        data.xfrc_applied[number, :3] = total * FORCE.astype(np.float32)
        seen.append(env.step(action)[0])
    np.testing.assert_allclose(pushed, np.array(seen), rtol=1e-9, atol=1e-12)
    assert not np.allclose(pushed[1:], played(gymnasium.make(id))[1:])


def test_a_body_that_is_held_up_by_its_own_weight_hardly_falls():
    """Hopper in the air, and its speed after a step: a share of 1 is all of its weight."""
    env = Environment("Hopper-v4", pushed=True).simulator()
    fallen = []
    for share in (0.0, 1.0):
        env.reset(seed=0)
        simulator = env.unwrapped
        simulator.set_state(simulator.init_qpos + [0, 1, 0, 0, 0, 0], simulator.init_qvel)
        env.step(np.array([0, 0, 0, 0, 0, share], np.float32))
        fallen.append(float(simulator.data.qvel[1]))
    assert fallen[0] < -0.05 and abs(fallen[1]) < 0.1 * abs(fallen[0])


def test_what_is_done_and_pushed_is_one_action():
    space = Environment("Hopper-v4", pushed=True).spaces()[1]
    assert space.shape == (6,) and np.isinf(space.low[3:]).all()
    np.testing.assert_array_equal(space.high[:3], 1)


@pytest.mark.parametrize("id", ["CartPole-v1", "Pendulum-v1", "Reacher-v4"])
def test_where_there_is_no_body_it_says_so(id):
    described = Environment(id, pushed=True)
    with pytest.raises(EnvironmentMismatch, match="no body to push in .*: forces act on the torso"):
        described.simulator()
