import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyscope.errors import RecordingError
from policyscope.rollouts.recording import Recording, assembled

STATES = np.arange(12.0).reshape(6, 2)


def of(**columns):
    return assembled({"observations": STATES, **columns}, "walk.npz", None)


def test_episodes_that_were_recorded_side_by_side_are_gathered():
    recording = of(episode=np.array([7, 3, 7, 3, 3, 7]), actions=np.arange(6))
    np.testing.assert_array_equal(recording.observations, STATES[[0, 2, 5, 1, 3, 4]])
    assert recording.actions is not None and recording.lengths is not None
    assert recording.actions.tolist() == [0, 2, 5, 1, 3, 4]
    assert recording.lengths.tolist() == [3, 3]


@given(st.lists(st.integers(-3, 3), min_size=4, max_size=40))
@settings(deadline=None)
def test_gathering_keeps_the_order_of_steps_and_of_first_appearance(ids):
    steps = np.arange(len(ids), dtype=float)[:, None]
    recording = assembled({"observations": steps, "episode": np.array(ids)}, "f", None)
    naive = [i for id in dict.fromkeys(ids) for i in range(len(ids)) if ids[i] == id]
    assert recording.observations[:, 0].tolist() == naive
    assert recording.visited.lengths.tolist() == [ids.count(id) for id in dict.fromkeys(ids)]


@pytest.mark.parametrize(
    ("columns", "lengths"),
    [
        ({"terminals": [0, 0, 1, 0, 0, 1]}, [3, 3]),
        ({"terminals": [0, 0, 1, 0, 0, 0]}, [3, 3]),
        ({"terminals": [0, 1, 0, 0, 0, 0], "timeouts": [0, 0, 0, 1, 0, 0]}, [2, 2, 2]),
        ({"dones": [[0], [0], [0], [0], [1], [0]]}, [5, 1]),
        ({"terminations": [0] * 6, "truncations": [1] * 6}, [1] * 6),
        ({"terminals": [0] * 6}, [6]),
        ({"episode_starts": [1, 0, 0, 0, 1, 0]}, [4, 2]),
        ({"episode_starts": [0, 0, 0, 0, 1, 0], "terminals": [1] * 6}, [4, 2]),
        ({"episode": [1, 1, 2, 2, 2, 2], "terminals": [1] * 6}, [2, 4]),
    ],
)
def test_episodes_end_where_the_recorded_names_say(columns, lengths):
    recording = of(**{name: np.array(values) for name, values in columns.items()})
    assert recording.lengths is not None
    assert recording.lengths.tolist() == lengths
    np.testing.assert_array_equal(recording.observations, STATES)


def test_where_nothing_says_where_episodes_begin_there_is_one_and_a_notice():
    recording = of()
    assert recording.lengths is None
    assert recording.visited.lengths.tolist() == [6]
    (notice,) = recording.notices
    assert "does not say where episodes begin" in notice
    assert "2 blocks of about 3 consecutive steps" in notice


def test_one_whole_episode_is_said_to_be_one_and_several_need_no_notice():
    (notice,) = of(episode=np.zeros(6)).notices
    assert "holds one episode" in notice
    assert of(episode=np.array([0, 0, 0, 1, 1, 1])).notices == ()


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        ("<f4", "float32"),
        (">f4", "float32"),
        (">f8", "float64"),
        ("f2", "float64"),
        ("longdouble", "float64"),
        ("i8", "float64"),
        ("?", "float64"),
        ("u1", "uint8"),
        ("u2", "float64"),
    ],
)
def test_numbers_become_what_a_policy_can_be_shown(dtype, kept):
    recording = Recording(STATES.astype(dtype))
    assert recording.observations.dtype == kept
    np.testing.assert_array_equal(recording.observations, STATES.astype(dtype).astype(float))
    assert recording.observations.flags.writeable and recording.observations.flags.c_contiguous


def test_units_are_told_from_names():
    recording = of(features=np.array(["angle (rad)", "torque"]))
    assert [(f.name, f.unit) for f in recording.named] == [("angle", "rad"), ("torque", "")]
    assert [f.name for f in of().named] == ["feature 0", "feature 1"]


def with_nan(row, column):
    states = STATES.copy()
    states[row, column] = np.nan
    return states


IMAGES = np.zeros((5, 3, 4, 4))
IMAGES[2, 1, 0, 3] = np.inf
BAD = {
    "nan": ({"observations": with_nan(4, 1)}, "1 times, first at step 4, feature 'feature 1'"),
    "infinite pixel": ({"observations": IMAGES}, "first at step 2, place (1, 0, 3)"),
    "text": ({"observations": np.array([["a"]] * 6)}, "of type <U1; only numbers"),
    "complex": ({"observations": STATES * 1j}, "of type complex128; only numbers"),
    "nothing": ({"observations": STATES[:0]}, "holds 0 observations of one episode"),
    "too few": ({"observations": STATES[:3]}, "holds 3 observations of one episode"),
    "one number": ({"observations": np.array(3.0)}, "no array named observations"),
    "other length": ({"terminals": np.zeros(5)}, "terminals of shape (5,); it needs one value"),
    "other actions": ({"actions": np.zeros((7, 2))}, "6 observations and 7 actions"),
    "no episode": ({"episode": np.array([0, 0, np.nan, 1, 1, 1])}, "steps without an episode"),
    "too many names": ({"features": np.array(["a", "b", "c"])}, "names 3 features"),
    "same names": ({"features": np.array(["a (m)", "a (s)"])}, "two features named 'a'"),
    "escape": ({"features": np.array(["a", "\x1b[2J"])}, r"a feature named '\x1b[2J'"),
    "long name": ({"features": np.array(["a", "b" * 200])}, "at most 80 characters"),
    "no name": ({"features": np.array(["a", " "])}, "a feature named ' '"),
}


@pytest.mark.parametrize(("columns", "sentence"), BAD.values(), ids=BAD)
def test_what_cannot_be_a_recording_is_refused_in_a_sentence(columns, sentence):
    with pytest.raises(RecordingError, match=re.escape(sentence)) as caught:
        of(**columns)
    assert str(caught.value).startswith("walk.npz ")


@pytest.mark.parametrize("lengths", [[3, 2], [6, 0], [3, 4], [-1, 7]])
def test_lengths_that_do_not_add_up_are_refused(lengths):
    with pytest.raises(RecordingError, match="do not add up to its 6 steps"):
        Recording(STATES, np.array(lengths))
