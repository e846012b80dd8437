import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyscope.rollouts.seeds import AHEAD, Generators, generator


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=12),
    st.integers(1, 5),
    st.sampled_from([(), (3,), (2, AHEAD)]),
)
def test_numbers_drawn_ahead_are_those_that_each_episode_would_draw_alone(lengths, lanes, shape):
    generators = Generators(4, "noise")
    found = [[] for _ in lengths]
    waiting = list(range(len(lengths)))
    playing = [waiting.pop(0) for _ in range(min(lanes, len(waiting)))]
    while playing:
        drawn = generators.standard_normal(np.array(playing), shape)
        for episode, numbers in zip(playing, drawn, strict=True):
            found[episode].append(numbers)
        ended = [len(found[episode]) == lengths[episode] for episode in playing]
        following = [
            (waiting.pop(0) if waiting else None) if over else episode
            for episode, over in zip(playing, ended, strict=True)
        ]
        playing = [episode for episode in following if episode is not None]
    for episode, length in enumerate(lengths):
        alone = generator(4, "noise", episode).standard_normal((length, *shape))
        np.testing.assert_array_equal(np.stack(found[episode]), alone)


@pytest.mark.parametrize("steps", [AHEAD // 4 - 1, AHEAD // 4, AHEAD // 4 + 1, 3 * AHEAD])
def test_numbers_go_on_where_what_was_drawn_ahead_ends(steps):
    generators = Generators(0, "noise")
    found = [generators.standard_normal(np.array([7]), (4,))[0] for _ in range(steps)]
    alone = generator(0, "noise", 7).standard_normal((steps, 4))
    np.testing.assert_array_equal(found, alone)


def test_what_belongs_to_episodes_that_ended_is_forgotten():
    generators = Generators(0, "noise")
    for episode in range(50):
        generators.standard_normal(np.array([episode, episode + 1]), (4,))
    assert len(generators._made) == 2 and generators._ahead.shape == (2, AHEAD)
