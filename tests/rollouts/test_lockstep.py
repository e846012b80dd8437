import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policyscope.rollouts.environment import Environment
from policyscope.rollouts.lockstep import Lockstep, places_in_batches

cases = st.tuples(
    st.lists(st.integers(0, 90), unique=True, max_size=60).map(sorted),
    st.integers(1, 20),
    st.integers(1, 9),
)


class Recorder:
    """A function of batches that gives back what it is given, and keeps it."""

    def __init__(self):
        self.batches = []

    def __call__(self, numbers, features):
        self.batches.append(numbers.tolist())
        return features, numbers


def batches_of(playing):
    """What a function is given of the episodes' numbers plus one, and what comes back."""
    recorder = Recorder()
    numbers = torch.from_numpy(playing.episodes) + 1
    features = torch.stack([numbers.double(), -numbers.double()], 1)
    back, again = playing.in_fixed_batches(recorder, (numbers, features))
    assert torch.equal(again, numbers)
    assert torch.equal(back, features)
    return recorder.batches


def rows_playing(playing, batch):
    """How many lanes want each row."""
    return np.bincount(playing.episodes % batch, minlength=batch)


@settings(max_examples=200, deadline=None)
@given(cases, st.data())
def test_lanes_play_every_episode_once_as_a_naive_model_says(case, data):
    episodes, lanes, batch = case
    playing = Lockstep(episodes, lanes, batch)
    # the model: which lane plays what, and what has not been played
    model = dict(zip(playing.lanes.tolist(), playing.episodes.tolist(), strict=True))
    assert len(model) == min(lanes, len(episodes))
    waiting = sorted(set(episodes) - set(model.values()))
    played = []
    while model:
        before = list(model)
        done = data.draw(st.lists(st.booleans(), min_size=len(before), max_size=len(before)))
        if not any(done):
            done[0] = True
        previous = playing.episodes.copy()
        begun, kept = playing.finish(np.array(done))
        now = dict(zip(playing.lanes.tolist(), playing.episodes.tolist(), strict=True))
        assert [before[i] for i in kept] == list(now)
        ended = [lane for lane, end in zip(before, done, strict=True) if end]
        assert list(now) == [x for x in before if x not in ended[len(waiting) :]]
        assert [list(now)[i] for i in begun] == ended[: len(waiting)]
        for lane in ended:
            played.append(model.pop(lane))
            if waiting:
                new = now[lane]
                own_row = [e for e in waiting if e % batch == played[-1] % batch]
                assert new == min(own_row) if own_row else new in waiting
                waiting.remove(new)
                model[lane] = new
        assert {lane: model[lane] for lane in now} == now
        unchanged = np.setdiff1d(np.arange(len(now)), begun)
        assert (playing.episodes[unchanged] == previous[kept[unchanged]]).all()
        model = now
    assert sorted(played) == episodes


@settings(max_examples=200, deadline=None)
@given(cases, st.data())
def test_episode_i_always_stands_in_row_i_modulo_the_batch(case, data):
    episodes, lanes, batch = case
    playing = Lockstep(episodes, lanes, batch)
    while len(playing.lanes):
        batches = batches_of(playing)
        assert {len(rows) for rows in batches} == {batch}
        standing = [
            (row, number - 1) for rows in batches for row, number in enumerate(rows) if number
        ]
        assert sorted(episode for _, episode in standing) == sorted(playing.episodes.tolist())
        assert all(row == episode % batch for row, episode in standing)
        assert len(batches) == rows_playing(playing, batch).max()
        done = [*data.draw(st.lists(st.booleans(), max_size=len(playing.lanes) - 1)), True]
        playing.finish(np.resize(done, len(playing.lanes)))


@pytest.mark.parametrize("lanes", [1, 31, 32, 33, 64, 100])
def test_while_every_row_has_episodes_waiting_there_are_as_few_batches_as_lanes_allow(lanes):
    playing = Lockstep(range(4000), lanes, 32)
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert len(batches_of(playing)) == -(-lanes // 32)
        playing.finish(rng.random(lanes) < 0.3)


def test_places_are_unique_and_fill_the_first_batches_first():
    episodes = np.array([5, 1, 9, 0, 13])
    assert places_in_batches(episodes, 4).tolist() == [1, 5, 9, 0, 13]


@pytest.mark.parametrize("lanes", [8, 32])
def test_batches_lie_in_aligned_memory_however_the_observations_lie(lanes):
    # the rounding of a product may depend on where its rows begin
    unaligned = torch.zeros(lanes * 4 + 1)[1:].reshape(lanes, 4)
    assert unaligned.data_ptr() % 64
    addresses = []

    def note(rows):
        addresses.append(rows.data_ptr() % 64)
        return (rows,)

    Lockstep(range(lanes), lanes, 32).in_fixed_batches(note, (unaligned,))
    assert addresses == [0]


@pytest.mark.parametrize("id", ["CartPole-v1", "Pendulum-v1"])
def test_the_rows_of_a_batch_begin_where_alignment_is_kept(id):
    assert Environment(id).batch * 4 % 64 == 0
