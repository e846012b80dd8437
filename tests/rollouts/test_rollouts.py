import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.seeds import Generators, environment_seed, generator

lengths = st.lists(st.integers(1, 12), min_size=1, max_size=20)
rewards = arrays.arrays(np.float64, 240, elements=st.floats(-1e6, 1e6))


def rollouts_of(lengths, rewards):
    steps = sum(lengths)
    nothing = np.zeros((steps, 1))
    ends = np.ones(len(lengths), bool)
    return Rollouts(0, np.array(lengths), nothing, nothing, nothing, rewards[:steps], ends, ~ends)


@settings(deadline=None)
@given(lengths, rewards)
def test_returns_are_the_sums_of_each_episodes_rewards(lengths, rewards):
    naive, place = [], 0
    for length in lengths:
        naive.append(sum(rewards[place : place + length]))
        place += length
    np.testing.assert_allclose(rollouts_of(lengths, rewards).returns, naive, atol=1e-6)


@settings(deadline=None)
@given(lengths)
def test_every_step_knows_its_episode(lengths):
    naive = [episode for episode, length in enumerate(lengths) for _ in range(length)]
    assert rollouts_of(lengths, np.zeros(240)).episode_of_step.tolist() == naive


def test_generators_go_on_where_their_last_draw_left_them():
    generators = Generators(1, "noise")
    drawn = [generators.of(4).random() for _ in range(3)]
    generators.of(5).random()
    drawn.append(generators.of(4).random())
    assert drawn == generator(1, "noise", 4).random(4).tolist()


def test_every_triple_of_seed_and_purpose_and_episode_draws_its_own_numbers():
    triples = [(s, p, e) for s in (0, 1) for p in ("", "noise", "attack") for e in range(40)]
    assert len({generator(*triple).integers(2**63) for triple in triples}) == len(triples)


def test_environment_seeds_are_spread_over_31_bits():
    seeds = [environment_seed(seed, episode) for seed in range(10) for episode in range(100)]
    assert len(set(seeds)) == len(seeds)
    assert 0 <= min(seeds) < 2**24 and 2**31 - 2**24 < max(seeds) < 2**31


def test_seeds_stay_what_they_were_in_reports_of_the_past():
    episodes = [(0, 0), (0, 1), (7, 0)]
    assert [environment_seed(*e) for e in episodes] == [877996330, 591393905, 1843704467]
    assert generator(3, "gaussian noise", 2).integers(1000, size=3).tolist() == [501, 611, 820]
