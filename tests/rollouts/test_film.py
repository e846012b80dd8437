"""A film has a frame for every step, and is written whole or not at all."""

import gymnasium
import numpy as np
import pytest
from evidence import brittle, kept
from gymnasium import spaces
from PIL import Image
from players import chaotic
from wandering import STEPS, registered

from policyscope.errors import EnvironmentMismatch, UsageError
from policyscope.rollouts.actors import UniformRandom
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.film import STRIP, WIDTH, _camera, film, require_writable
from policyscope.rollouts.perturbation import GaussianNoise
from policyscope.rollouts.play import play

CARTPOLE = Environment("CartPole-v1")


@pytest.fixture(autouse=True)
def no_screen(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def filmed(environment, path, **options):
    actor = UniformRandom(environment.spaces()[1])
    rollouts = play(actor, environment, 1, 3, **options)
    return rollouts, film(kept(rollouts, 0), rollouts, environment, path)


def test_a_gif_has_a_frame_for_each_state_and_moves(tmp_path):
    path = tmp_path / "out.gif"
    rollouts = play(chaotic(CARTPOLE), CARTPOLE, 1, 3, perturbation=GaussianNoise(0.1))
    count = film(kept(rollouts, 0), rollouts, CARTPOLE, path)
    assert count == len(rollouts.rewards) + 1
    with Image.open(path) as opened:
        assert opened.n_frames == count
        assert opened.width == WIDTH
        assert opened.info["duration"] == 20
        first = np.asarray(opened.convert("RGB"))
        opened.seek(count - 1)
        last = np.asarray(opened.convert("RGB"))
    assert (first[:-STRIP] != last[:-STRIP]).any()
    red = np.array([213, 94, 0])
    assert np.abs(last[-1, : WIDTH // 2] - red).max() <= 4  # every step was attacked
    assert [p.name for p in tmp_path.iterdir()] == ["out.gif"]


def test_an_untouched_episode_has_no_red_in_its_strip(tmp_path):
    _, count = filmed(CARTPOLE, tmp_path / "out.gif")
    with Image.open(tmp_path / "out.gif") as opened:
        strip = np.asarray(opened.convert("RGB"))[-1].astype(int)
    assert np.ptp(strip, axis=1).max() <= 20
    assert count > 5


def test_images_are_shown_beside_what_the_policy_was_shown(tmp_path):
    low, high = np.zeros((24, 24), np.uint8), np.full((24, 24), 255, np.uint8)
    with registered(spaces.Box(low, high, dtype=np.uint8), spaces.Discrete(2)) as id:
        rollouts, count = filmed(Environment(id), tmp_path / "o.gif", perturbation=Blackening())
    assert count == STEPS
    with Image.open(tmp_path / "o.gif") as opened:
        assert (opened.n_frames, opened.width) == (STEPS, WIDTH)
        frame = np.asarray(opened.convert("L"))[:-STRIP]
    assert frame[:, : WIDTH // 2].std() > 30
    assert frame[:, WIDTH // 2 :].max() <= 8
    assert rollouts.observations.max() > 100


class Blackening:
    """Shows nothing but black."""

    purpose = "blackening"

    def perturb(self, observations, episodes, generators):
        return np.zeros_like(observations)


def test_an_mp4_can_be_read_back(tmp_path):
    cv2 = pytest.importorskip("cv2")
    _, count = filmed(CARTPOLE, tmp_path / "out.mp4")
    reader = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    frames = 0
    while reader.read()[0]:
        frames += 1
    assert frames == count


def test_what_draws_nothing_is_a_sentence_and_leaves_nothing(tmp_path):
    with brittle() as id, pytest.raises(EnvironmentMismatch, match="draws no pictures"):
        filmed(Environment(id), tmp_path / "out.gif")
    assert list(tmp_path.iterdir()) == []


def test_a_renderer_that_fails_leaves_the_older_film(tmp_path, monkeypatch):
    (tmp_path / "out.gif").write_text("older")

    def fail(self):
        raise OSError("no screen")

    kind = type(gymnasium.make("CartPole-v1").unwrapped)
    monkeypatch.setattr(kind, "render", fail)
    with pytest.raises(EnvironmentMismatch, match="no screen.*MUJOCO_GL=egl"):
        filmed(CARTPOLE, tmp_path / "out.gif")
    assert (tmp_path / "out.gif").read_text() == "older"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_film_of_another_episode_is_refused(tmp_path):
    rollouts = play(UniformRandom(CARTPOLE.spaces()[1]), CARTPOLE, 1, 3)
    rollouts.rewards[2] = 7
    with pytest.raises(EnvironmentMismatch, match="another way in step 2"):
        film(kept(rollouts, 0), rollouts, CARTPOLE, tmp_path / "out.gif")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("out.avi", ".gif or .mp4 file"),
        ("no/out.gif", "folder that exists"),
        (".gif", "not '.gif'"),
    ],
)
def test_a_place_where_no_film_can_be_is_refused(tmp_path, name, said):
    with pytest.raises(UsageError, match=said):
        require_writable(tmp_path / name)


def test_without_an_encoder_an_mp4_is_refused_and_a_gif_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr("policyscope.rollouts.film.find_spec", lambda name: None)
    require_writable(tmp_path / "out.gif")
    with pytest.raises(UsageError, match=r"pip install opencv-python-headless, or ask for a \.gif"):
        require_writable(tmp_path / "out.mp4")


@pytest.mark.parametrize(
    ("id", "camera"),
    [("HalfCheetah-v4", {"camera_name": "track"}), ("Hopper-v4", {}), ("CartPole-v1", {})],
)
def test_a_robot_that_runs_away_is_followed(id, camera):
    simulator = Environment(id).simulator()
    assert _camera(simulator) == camera
    simulator.close()
