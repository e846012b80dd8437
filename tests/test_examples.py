"""What the examples register is what they say, and their checkpoints earn what is claimed."""

import re
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from policyscope import Environment, Greedy, load, play

HIDDEN = "hidden_velocities:CartPoleHiddenVelocity-v1"
PONG = "baby_a3c_pong:BabyA3CPong-v4"
PUBLISHED = Path(__file__).parents[2] / "shared" / "checkpoints"


@pytest.fixture(autouse=True)
def on_the_path(monkeypatch, examples):
    monkeypatch.syspath_prepend(examples)


def actor(path, environment: Environment, **hints) -> Greedy:
    return Greedy(load(path, **hints).fitted_to(*environment.spaces(), environment.id))


def test_hidden_velocities_are_the_only_difference_to_cartpole():
    hidden, whole = gymnasium.make(HIDDEN), gymnasium.make("CartPole-v1")
    (seen, _), (state, _) = hidden.reset(seed=3), whole.reset(seed=3)
    steps, ended = 0, False
    while not ended:
        assert_allclose(seen, state[[0, 2]] / [2.4, 12 * np.pi / 180], rtol=1e-6)
        assert seen in hidden.observation_space
        action = int(state[2] + state[3] > 0)
        seen, *rest = hidden.step(action)
        state, *same = whole.step(action)
        assert rest == same
        steps, ended = steps + 1, any(rest[1:3])
    assert steps > 50
    assert hidden.spec.max_episode_steps == whole.spec.max_episode_steps


def test_a_policy_that_remembers_balances_without_seeing_velocities(examples):
    path, environment = examples / "cartpole_recurrent.zip", Environment(HIDDEN)
    assert path.stat().st_size <= 300_000
    greedy = actor(path, environment)
    assert greedy.policy.memory_shapes != ()
    returns = play(greedy, environment, 50).returns
    assert returns.mean() >= 400


def test_whole_episodes_are_those_of_the_library(examples):
    from sb3_contrib import RecurrentPPO

    path, environment = examples / "cartpole_recurrent.zip", Environment(HIDDEN)
    library = RecurrentPPO.load(path, device="cpu")
    greedy = actor(path, environment)
    rollouts = play(greedy, environment, 4, lanes=3)
    ends = rollouts.lengths.cumsum()[:-1]
    episodes = zip(
        np.split(rollouts.observations, ends), np.split(rollouts.actions, ends), strict=True
    )
    for observations, actions in episodes:
        state, memory = None, greedy.policy.initial_memory(1)
        for step, (observation, action) in enumerate(zip(observations, actions, strict=True)):
            begun = np.array([step == 0])
            scores, memory = greedy.policy.scores(torch.from_numpy(observation[None]), memory)
            if state is not None:
                expected = distribution(library, observation, state)
                assert_allclose(scores.log_softmax(1), expected, atol=1e-5)
            chosen, state = library.predict(observation[None], state, begun, deterministic=True)
            assert chosen == action


def distribution(library, observation: np.ndarray, state) -> torch.Tensor:
    """The logarithms of the probabilities with which the library would sample."""
    before = tuple(torch.from_numpy(part) for part in state)
    found, _ = library.policy.get_distribution(
        torch.from_numpy(observation[None]), before, torch.zeros(1)
    )
    return found.distribution.logits.detach()


def test_pong_is_seen_as_baby_a3c_saw_it():
    images = pytest.importorskip("PIL.Image", reason="pillow resized frames for baby-a3c")
    import baby_a3c_pong

    game = gymnasium.make(PONG)
    assert game.reset(seed=0)[0] in game.observation_space
    for _ in range(60):
        seen, *_ = game.step(2)
        grey = game.unwrapped.ale.getScreenRGB()[35:195].mean(2)
        low, high = grey.min(), grey.max()
        stretched = ((grey - low) * (255 / (high - low)) + 0.5).astype(np.uint8)
        expected = images.fromarray(stretched).resize((80, 80), images.Resampling.BILINEAR)
        # torch and pillow round the same numbers, at most by one differently
        assert abs(seen[0].astype(int) - np.asarray(expected)).max() <= 1
    assert (baby_a3c_pong.seen(np.full((210, 160, 3), 90, np.uint8)) == 0).all()


@pytest.mark.slow
def test_a_published_policy_that_remembers_wins_at_pong():
    if not PUBLISHED.is_dir():
        pytest.skip("the folder of published checkpoints is not beside the repository")
    environment = Environment(PONG)
    greedy = actor(PUBLISHED / "a3c-gru-PongDeterministic-v4.tar", environment, activation="elu")
    # without sticky actions nothing is random, so one game tells all
    assert play(greedy, environment, 1).returns.tolist() == [21]


@pytest.mark.slow
def test_the_shipped_atari_policy_wins_at_pong(examples):
    path, environment = examples / "pong_ppo.cleanrl_model", Environment("PongNoFrameskip-v4")
    assert path.stat().st_size <= 2_000_000
    assert play(actor(path, environment), environment, 4).returns.mean() > 0


SHIPPED = {
    "cartpole_dqn.zip": "CartPole-v1",
    "cartpole_ppo.zip": "CartPole-v1",
    "cartpole_smoothed.zip": "CartPole-v1",
    "cartpole_c51.cleanrl_model": "CartPole-v1",
    "pendulum_sac.zip": "Pendulum-v1",
    "pendulum_td3.cleanrl_model": "Pendulum-v1",
}
HUNDRED = np.arange(100)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_checkpoint_scores_what_its_script_says(name, examples):
    script = (examples / f"train_{name.partition('.')[0]}.py").read_text()
    said = re.search(r"scores\s+(-?[\d.]+) \+- ([\d.]+)\s+\(.* seeds 1000 to 1099", script)
    assert said is not None
    environment = Environment(SHIPPED[name])
    policy = actor(examples / name, environment).policy
    lanes, returns, playing = environment.lanes(100), np.zeros(100), HUNDRED
    seen = lanes.reset(HUNDRED, range(1000, 1100))
    while len(playing):
        with torch.inference_mode():
            chosen = policy.actions(policy.scores(torch.from_numpy(seen))[0])
        seen, rewards, terminated, truncated = lanes.step(playing, chosen)
        returns[playing] += rewards
        going = ~(terminated | truncated)
        seen, playing = seen[going], playing[going]
    lanes.close()
    assert [returns.mean(), returns.std()] == pytest.approx([float(s) for s in said.groups()], 1e-3)


def test_shipped_checkpoints_are_small(examples):
    assert all((examples / name).stat().st_size <= 150_000 for name in SHIPPED)
