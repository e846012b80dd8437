import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from policyscope import statistics
from policyscope.rollouts.visited import Visited


def visited(*lengths, frame_stack=None):
    steps = np.arange(sum(lengths), dtype=np.float64)[:, None]
    return Visited(np.array(lengths), steps, frame_stack)


def test_several_episodes_are_the_blocks():
    several = visited(3, 1, 5)
    assert several.blocks.tolist() == [3, 1, 5]
    np.testing.assert_array_equal(several.block_of_step, several.episode_of_step)


@settings(deadline=None)
@given(st.integers(1, 5000))
def test_a_single_episode_is_split_into_about_as_many_blocks_as_steps_in_each(steps):
    blocks = visited(steps).blocks
    root = int(np.sqrt(steps))
    assert blocks.sum() == steps
    assert len(blocks) == root
    assert set(blocks.tolist()) <= {root, root + 1, root + 2}


def test_states_that_are_an_episode_each_are_put_into_blocks_and_none_is_left_out():
    alone = visited(*[1] * 10)
    assert alone.blocks.tolist() == [4, 3, 3]
    assert alone.first(2) is alone
    assert visited(2, 1, 3).first(2).lengths.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("lengths", "unit"),
    [
        ([2, 1], "episodes"),
        ([9], "blocks of consecutive steps"),
        ([1, 1, 1, 1], "blocks of independent states"),
    ],
)
def test_what_a_block_is_is_said(lengths, unit):
    assert visited(*lengths).unit == unit


def test_blocks_are_of_consecutive_steps():
    assert visited(10).block_of_step.tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("frame_stack", [None, 3])
def test_frames_of_another_episode_are_never_seen(frame_stack):
    seen = visited(2, 3, frame_stack=frame_stack).inputs(np.array([4, 2, 1]))
    expected = [[2, 3, 4], [0, 0, 2], [0, 0, 1]] if frame_stack else [4, 2, 1]
    np.testing.assert_array_equal(seen[..., 0], expected)


@pytest.mark.slow
@pytest.mark.parametrize(("correlation", "least"), [(0.0, 0.88), (0.9, 0.84)])
def test_blocks_of_correlated_steps_keep_most_of_what_an_interval_promises(correlation, least):
    # 300 intervals of 95%: 0.94 and 0.91 hold the mean, four standard errors above the least;
    # single states in place of blocks: 0.95 and 0.36
    rng, held, steps = np.random.default_rng(0), 0, 2000
    for _ in range(300):
        noise = rng.normal(size=steps)
        noise[0] /= np.sqrt(1 - correlation**2)
        series = signal.lfilter([1], [1, -correlation], noise)
        block = visited(steps).block_of_step
        sums = np.column_stack([np.bincount(block, series), np.bincount(block)])
        (mean,) = statistics.bootstrap(sums, lambda s: s[:1] / s[1:], rng, resamples=400)
        held += mean.low <= 0 <= mean.high
    assert held / 300 >= least
