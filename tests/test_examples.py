"""What the examples register is what they say, and their checkpoints earn what is claimed."""

from pathlib import Path

import gymnasium
import numpy as np
import pytest

from policyscope import Environment, Greedy, load, play

PONG = "baby_a3c_pong:BabyA3CPong-v4"
PUBLISHED = Path(__file__).parents[2] / "shared" / "checkpoints"


@pytest.fixture(autouse=True)
def on_the_path(monkeypatch, examples):
    monkeypatch.syspath_prepend(examples)


def actor(path, environment: Environment, **hints) -> Greedy:
    return Greedy(load(path, **hints).fitted_to(*environment.spaces(), environment.id))


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
