import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from handmade import linear, policy

from policyscope.errors import EnvironmentMismatch
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.physics import Physics
from policyscope.rollouts.play import play

pytestmark = pytest.mark.filterwarnings("ignore:.*is out of date")


def stepped(env, steps=20):
    rng = np.random.default_rng(0)
    seen = [env.reset(seed=3)[0]]
    for _ in range(steps):
        seen.append(env.step(rng.uniform(-1, 1, env.action_space.shape))[0])
    env.close()
    return np.array(seen)


def test_physics_that_is_as_it_was_changes_nothing():
    pytest.importorskip("mujoco")
    plain = stepped(gymnasium.make("Hopper-v4"))
    np.testing.assert_array_equal(stepped(Environment("Hopper-v4").simulator()), plain)
    # computing its constants once more does not, either
    barely = Environment("Hopper-v4", physics=Physics(mass=1 + 1e-12)).simulator()
    np.testing.assert_allclose(stepped(barely, 3), plain[:4], atol=1e-6)


def test_a_body_is_as_if_it_had_been_built_of_denser_stuff():
    pytest.importorskip("mujoco")
    import mujoco

    changed = Environment("Hopper-v4", physics=Physics(mass=1.5)).simulator().unwrapped.model
    plain = gymnasium.make("Hopper-v4").unwrapped
    spec = mujoco.MjSpec.from_file(plain.fullpath)
    for geom in spec.geoms:
        geom.density *= 1.5
    built = spec.compile()
    for part in ("body_mass", "body_inertia", "body_subtreemass", "body_invweight0"):
        np.testing.assert_allclose(getattr(changed, part), getattr(built, part), rtol=1e-9)
    np.testing.assert_allclose(changed.dof_invweight0, built.dof_invweight0, rtol=1e-9)


def test_all_surfaces_grip_as_many_times_as_well():
    pytest.importorskip("mujoco")
    changed = Environment("Hopper-v4", physics=Physics(friction=0.5)).simulator().unwrapped.model
    plain = gymnasium.make("Hopper-v4").unwrapped.model
    np.testing.assert_array_equal(changed.geom_friction, 0.5 * plain.geom_friction)
    np.testing.assert_array_equal(changed.body_mass, plain.body_mass)


def test_everything_falls_as_many_times_as_fast():
    pytest.importorskip("mujoco")
    changed = Environment("Hopper-v4", physics=Physics(gravity=0.5)).simulator().unwrapped.model
    np.testing.assert_allclose(changed.opt.gravity, [0, 0, -4.905])
    plain = gymnasium.make("Hopper-v4").unwrapped.model
    np.testing.assert_array_equal(changed.body_mass, plain.body_mass)
    np.testing.assert_array_equal(changed.geom_friction, plain.geom_friction)


def test_gravity_of_classic_control_is_what_its_simulator_takes():
    def swung(env):
        env.reset(seed=3)
        return np.array([env.step(np.zeros(1, np.float32))[0] for _ in range(10)])

    moon = Environment("Pendulum-v1", physics=Physics(gravity=0.2))
    np.testing.assert_array_equal(
        swung(moon.simulator()), swung(gymnasium.make("Pendulum-v1", g=2))
    )


@pytest.mark.parametrize("lanes", [1, 3])
def test_a_pole_falls_later_on_the_moon(lanes):
    """Where it is played natively, gravity cannot be changed; so it is not."""
    still = policy(linear([[0.0] * 4, [1.0] * 4]), 4, spaces.Discrete(2))
    heights = []
    for gravity in (0.2, 1.0, 5.0):
        described = Environment("CartPole-v1", physics=Physics(gravity=gravity))
        rollouts = play(Greedy(still), described, 3, 0, lanes=lanes)
        heights.append(rollouts.lengths)
    assert (heights[0] >= heights[1]).all() and (heights[1] >= heights[2]).all()
    assert heights[0].sum() > heights[2].sum()


def test_only_gravity_of_classic_control_can_be_changed():
    for physics in (Physics(mass=2.0, gravity=2.0), Physics(friction=2.0)):
        with pytest.raises(EnvironmentMismatch, match="gravity there, and in CartPoleEnv"):
            Environment("CartPole-v1", physics=physics).simulator()
    with pytest.raises(EnvironmentMismatch, match="AcrobotEnv is not"):
        Environment("Acrobot-v1", physics=Physics(gravity=2.0)).simulator()


def test_a_heavier_body_moves_otherwise_and_the_same_seed_the_same():
    pytest.importorskip("mujoco")
    described = Environment("Hopper-v4", physics=Physics(mass=1.5, friction=0.5))
    sent = pickle.loads(pickle.dumps(described))
    assert sent == described
    first = stepped(sent.simulator())
    np.testing.assert_array_equal(first, stepped(described.simulator()))
    assert not np.array_equal(first[1:], stepped(Environment("Hopper-v4").simulator())[1:])


def test_where_mujoco_does_not_simulate_physics_cannot_be_changed():
    described = Environment("CartPole-v1", {"max_episode_steps": 60}, Physics(mass=2.0))
    with pytest.raises(EnvironmentMismatch, match="MuJoCo simulates, and CartPoleEnv is not"):
        described.simulator()


@pytest.mark.parametrize(
    "wrong",
    [
        {"mass": 0.0},
        {"mass": float("inf")},
        {"friction": -1.0},
        {"mass": float("nan")},
        {"gravity": -1.0},
    ],
)
def test_physics_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="Physics needs a mass above 0"):
        Physics(**wrong)
