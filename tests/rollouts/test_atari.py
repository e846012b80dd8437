"""Atari on the native vector environment, against gymnasium's wrappers."""

from dataclasses import dataclass, field
from typing import ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import AtariPreprocessing

from policyscope.errors import EnvironmentMismatch
from policyscope.rollouts.actors import UniformRandom
from policyscope.rollouts.atari import AtariLanes
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.play import play

pytest.importorskip("ale_py")
PONG = Environment("PongNoFrameskip-v4", {"noop_max": 0})
ACTIONS = np.random.default_rng(0).integers(6, size=400)


@pytest.mark.parametrize("game", ["Pong", "Breakout", "Seaquest"])
@pytest.mark.parametrize("seed", [3, 2**30])
def test_frames_rewards_and_ends_are_those_of_gymnasiums_wrappers(game, seed):
    pytest.importorskip("cv2")
    id = f"{game}NoFrameskip-v4"
    reference = AtariPreprocessing(gymnasium.make(id), noop_max=0, frame_skip=4, screen_size=84)
    lanes, all_lanes = AtariLanes(2, id, {"noop_max": 0}), np.arange(2)
    frame, _ = reference.reset(seed=seed)
    np.testing.assert_array_equal(lanes.reset(all_lanes, [seed, seed + 1])[0], frame)
    for action in ACTIONS % reference.action_space.n:
        frame, reward, terminated, truncated, _ = reference.step(action)
        frames, rewards, ends, cuts = lanes.step(all_lanes, np.array([action, 0]))
        np.testing.assert_array_equal(frames[0], frame)
        assert (rewards[0], ends[0], cuts[0]) == (reward, terminated, truncated)
        if terminated or truncated:
            break
    lanes.close()
    reference.close()


@dataclass
class Spy:
    """Plays at random and remembers what it saw."""

    actor: UniformRandom
    seen: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    purpose: ClassVar[str] = "spy"

    def initial_memory(self, lanes):
        return self.actor.initial_memory(lanes)

    def act(self, observations, memory, playing, generators):
        self.seen.append((playing.episodes.copy(), observations.copy()))
        return self.actor.act(observations, memory, playing, generators)


@pytest.fixture(scope="module")
def played():
    spy = Spy(UniformRandom(PONG.spaces()[1]))
    return spy, play(spy, PONG, 3, seed=1, lanes=2)


def test_frames_are_stored_once_and_stacked_as_the_policy_saw_them(played):
    spy, rollouts = played
    assert rollouts.observations.shape == (rollouts.lengths.sum(), 84, 84)
    assert rollouts.observations.dtype == np.uint8
    first = np.cumsum(rollouts.lengths) - rollouts.lengths
    time = np.zeros(3, int)
    for episodes, stacks in spy.seen:
        np.testing.assert_array_equal(rollouts.inputs(first[episodes] + time[episodes]), stacks)
        time[episodes] += 1
    np.testing.assert_array_equal(time, rollouts.lengths)


def test_an_episode_begins_with_empty_frames(played):
    _, rollouts = played
    first = np.cumsum(rollouts.lengths) - rollouts.lengths
    for age, empty in ((0, 3), (1, 2), (3, 0)):
        stacks = rollouts.inputs(first + age)
        assert not stacks[:, :empty].any()
        assert stacks[:, empty:].any(axis=(2, 3)).all()


def test_episodes_are_the_same_on_any_number_of_lanes(played):
    _, rollouts = played
    again = play(Spy(UniformRandom(PONG.spaces()[1])), PONG, 3, seed=1, lanes=3)
    for name in ("lengths", "observations", "actions", "rewards", "terminated", "truncated"):
        np.testing.assert_array_equal(getattr(again, name), getattr(rollouts, name))


def test_full_game_returns_are_reported(played):
    _, rollouts = played
    assert rollouts.terminated.all()
    assert (-21 <= rollouts.returns).all() and (rollouts.returns < -15).all()


@dataclass(frozen=True)
class Blackout:
    """Shows nothing but a number that grows with time."""

    purpose: ClassVar[str] = "blackout"

    def perturb(self, observations, episodes, generators):
        return np.full_like(observations, 7)


def test_a_perturbation_meets_single_frames_before_they_are_stacked():
    spy = Spy(UniformRandom(PONG.spaces()[1]))
    rollouts = play(spy, PONG, 1, perturbation=Blackout())
    assert spy.seen[0][1][0].max(axis=(1, 2)).tolist() == [0, 0, 0, 7]
    assert spy.seen[5][1][0].min() == 7
    assert (rollouts.shown == 7).all()
    assert (rollouts.observations != 7).any()


def test_options_reach_the_simulator():
    small = Environment("ALE/Pong-v5", {"img_height": 42, "img_width": 42, "stack_num": 2})
    observations, actions = small.spaces()
    assert observations.shape == (2, 42, 42)
    assert actions.n == 6


def test_a_game_may_be_cut_off():
    short = Environment("PongNoFrameskip-v4", {"max_num_frames_per_episode": 48, "noop_max": 0})
    rollouts = play(UniformRandom(short.spaces()[1]), short, 3)
    assert rollouts.lengths.tolist() == [12] * 3
    assert rollouts.truncated.all() and not rollouts.terminated.any()


def test_v5_has_sticky_actions_and_v4_has_none():
    # sticky actions are chance: other seeds, same actions, other frames
    def frames(id):
        lanes = AtariLanes(2, id, {"noop_max": 0})
        lanes.reset(np.arange(2), [1, 2])
        shown = [lanes.step(np.arange(2), np.full(2, a))[0] for a in ACTIONS[:60]]
        return np.stack(shown, 1)

    one, other = frames("PongNoFrameskip-v4")
    np.testing.assert_array_equal(one, other)
    one, other = frames("ALE/Pong-v5")
    assert (one != other).any()


def test_an_unknown_option_is_one_sentence():
    with pytest.raises(EnvironmentMismatch, match=r"no argument 'frame_skip'.*mean frameskip"):
        Environment("ALE/Pong-v5", {"frame_skip": 2}).spaces()
