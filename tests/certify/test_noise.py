import numpy as np
import pytest
from policyscope_certify.noise import SmoothingNoise, deviations_of

from policyscope import Environment, load
from policyscope.analyzers.subject import Subject
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.play import play, returns_of
from policyscope.rollouts.seeds import Generators, environment_seed, generator

LIMITED = Environment("CartPole-v1", {"max_episode_steps": 60})


@pytest.fixture(scope="module")
def policy(examples):
    return load(examples / "cartpole_ppo.zip").fitted_to(*LIMITED.spaces(), LIMITED.id)


def test_every_new_observation_gets_one_draw_and_that_of_the_reset_too(policy):
    played = play(Greedy(policy), LIMITED, 7, seed=3, perturbation=SmoothingNoise(0.2), lanes=3)
    for episode, first in enumerate(played.first_steps):
        length = played.lengths[episode]
        drawn = generator(3, "smoothing noise", episode).standard_normal((length, 4))
        steps = slice(first, first + length)
        expected = (played.observations[steps] + 0.2 * drawn).astype(np.float32)
        np.testing.assert_array_equal(played.shown[steps], expected)


def test_returns_are_those_of_the_library_behind_a_wrapper_that_adds_noise(policy, examples):
    import gymnasium
    from stable_baselines3 import PPO

    library = PPO.load(examples / "cartpole_ppo.zip", device="cpu")
    expected = []
    for episode in range(6):
        env = gymnasium.make("CartPole-v1", max_episode_steps=60)
        rng = generator(1, "smoothing noise", episode)
        noisy = gymnasium.wrappers.TransformObservation(
            env,
            lambda seen, rng=rng: (seen + 0.4 * rng.standard_normal(4)).astype(np.float32),
            env.observation_space,
        )
        seen, _ = noisy.reset(seed=environment_seed(1, episode))
        total, ended = 0.0, False
        while not ended:
            action, _ = library.predict(seen, deterministic=True)
            seen, reward, terminated, truncated, _ = noisy.step(action)
            total, ended = total + float(reward), terminated or truncated
        expected.append(total)
    found = returns_of(Greedy(policy), LIMITED, 6, 1, perturbation=SmoothingNoise(0.4))
    assert found.tolist() == expected
    assert len(set(expected)) > 2


def test_pixels_are_neither_clipped_nor_rounded():
    frames = np.zeros((2, 84, 84), np.uint8)
    frames[1] = 255
    noise = SmoothingNoise(0.1 * 255)
    shown = noise.perturb(frames, np.arange(2), Generators(0, noise.purpose))
    assert shown.dtype == np.float32
    added = shown - frames
    assert added.std() == pytest.approx(25.5, rel=0.02) and abs(added.mean()) < 0.5
    assert (shown[0] < 0).mean() == pytest.approx(0.5, abs=0.03)
    assert (shown[1] > 255).mean() == pytest.approx(0.5, abs=0.03)
    assert not (shown == shown.round()).all(axis=(1, 2)).any()


def test_a_noisy_frame_stays_the_same_for_as_long_as_it_is_in_the_stack(examples):
    environment = Environment("PongNoFrameskip-v4")
    path = examples / "pong_ppo.cleanrl_model"
    policy = load(path).fitted_to(*environment.spaces(), environment.id)
    seen = []

    class Watching(Greedy):
        def act(self, observations, *rest):
            seen.append(observations.copy())
            if len(seen) == 8:
                raise InterruptedError
            return super().act(observations, *rest)

    with pytest.raises(InterruptedError):
        returns_of(Watching(policy), environment, 1, perturbation=SmoothingNoise(10.0))
    assert seen[0].dtype == np.float32 and (seen[0][0, :-1] == 0).all()
    assert seen[0][0, -1].std() > 5  # the frame of the reset
    for before, after in zip(seen, seen[1:], strict=False):
        np.testing.assert_array_equal(after[0, :-1], before[0, 1:])


def test_a_deviation_is_that_of_the_normaliser_or_of_what_was_seen_or_a_whole_pixel(examples):
    subject = Subject.observed(load(examples / "cartpole_ppo.zip"), LIMITED, 3, 0)
    seen = subject.rollouts.observations
    np.testing.assert_allclose(deviations_of(subject), seen.astype(float).std(0), rtol=1e-6)
    seen[:, 2] = 0.1
    assert deviations_of(subject)[2] == 1.0
