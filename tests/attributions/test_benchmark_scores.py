import glimpsing
import handmade
import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from policyscope.attributions import slopes
from policyscope.attributions.benchmark_scores import (
    benchmark_scores,
    fidelity,
    instability,
    largest,
    noisy,
    signed,
)
from policyscope.attributions.chance import Chance
from policyscope.attributions.gradient import Gradient
from policyscope.attributions.method import Reference
from policyscope.attributions.parts import frame_shape

BODY = handmade.linear([[4, 3, 2, 1, -1], [0, 0, 0, 0, 0]])


def published(network, seen, actions, weights, disturbed, k=3):
    """The definitions, state by state."""
    scores = {"AIM": [], "AUM": [], "PGI": [], "PGU": []}

    def q(state):
        return network(torch.from_numpy(state)[None])[0].detach().numpy()

    for state, action, weight, noise in zip(seen, actions, weights, disturbed, strict=True):
        for sign, accuracy, gap in ((-1, "AIM", "PGI"), (1, "AUM", "PGU")):
            part = np.argsort(sign * weight, kind="stable")[:k]
            masked, perturbed = state.copy(), state.copy()
            masked[part], perturbed[part] = 0, noise[part]
            scores[accuracy].append(q(masked).argmax() == action)
            scores[gap].append(abs(q(state)[action] - q(perturbed)[action]))
    return scores


def published_instability(weights, weights_after, seen, disturbed):
    above = (weights - weights_after) / np.clip(weights, 0.001, None)
    below = (seen - disturbed) / np.clip(seen, 0.001, None)
    return np.linalg.norm(above, axis=1) / np.linalg.norm(below, axis=1)


def scored(glimpses, method, seed=0, reference=None):
    reference = reference or glimpsing.reference(glimpses)
    scores = glimpses.scores(torch.arange(len(glimpses)), glimpses.seen)
    targets = nn.functional.one_hot(scores.argmax(1), scores.shape[1])[:, None].float()
    maps = method.attribute(glimpses, targets, reference)
    return benchmark_scores(glimpses, method, targets, maps, reference, seed), maps


@given(seed=st.integers(0, 1000), features=st.integers(4, 9), ties=st.booleans())
def test_scores_are_the_published_ones(seed, features, ties):
    rng = np.random.default_rng(seed)
    network = glimpsing.network(features, 3)
    seen, disturbed, weights = rng.normal(size=(3, 12, features)).astype(np.float32)
    weights = weights.round() if ties else weights
    glimpses = glimpsing.glimpses(network, seen)
    actions = network(torch.from_numpy(seen)).argmax(1).numpy()
    found = fidelity(glimpses, torch.from_numpy(weights), torch.from_numpy(disturbed))
    expected = published(network, seen, actions, weights, disturbed)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-5, err_msg=name)


@given(seed=st.integers(0, 1000))
def test_instability_is_the_published_one(seed):
    parts = np.random.default_rng(seed).normal(size=(4, 12, 5))
    weights, after, seen, disturbed = (torch.from_numpy(part) for part in parts)
    found = instability((weights, after), (seen, disturbed))
    np.testing.assert_allclose(found, published_instability(*parts))


def test_scores_done_by_hand():
    glimpses = glimpsing.glimpses(BODY, [[1.0, -1.0, 1.0, 1.0, -2.0]])  # 6: the first action
    attributions = torch.tensor([[4.0, -3.0, 2.0, 1.0, 2.0]])
    disturbed = glimpses.seen + torch.tensor([[1.0, 10.0, 100.0, 1000.0, 10000.0]])
    found = fidelity(glimpses, attributions, disturbed)
    # without 0, 2, 4 it is −2; without 1, 2, 3 it is 6; ties go to the first
    assert {name: value.tolist() for name, value in found.items()} == {
        "AIM": [0],
        "AUM": [1],
        "PGI": [abs(4 + 200 - 10000)],
        "PGU": [30 + 200 + 1000],
    }


def test_the_sign_counts():
    attributions = torch.tensor([[-9.0, 5.0, 4.0, 3.0, 0.0]])
    assert largest(attributions, None).tolist() == [[False, True, True, True, False]]
    assert largest(-attributions, None).tolist() == [[True, False, False, True, True]]


@pytest.mark.parametrize(("features", "count"), [(1, 1), (2, 1), (3, 2), (4, 3), (9, 3)])
def test_at_least_one_feature_is_left_out_where_there_are_two(features, count):
    part = largest(torch.rand(6, features), None)
    assert (part.sum(1) == count).all()


def test_pixels_are_those_of_all_frames_and_set_to_zero():
    glimpses = glimpsing.images(states=3)
    attributions = torch.rand(glimpses.seen.shape)
    part = largest(attributions, frame_shape(glimpses))
    assert (part.flatten(2).sum(2) == 50).all() and (part == part[:, :1]).all()
    for values, chosen in zip(attributions.sum(1), part[:, 0], strict=True):
        assert values[chosen].min() >= values[~chosen].max()
    scores, maps = scored(glimpses, Gradient())
    assert set(scores) == {"AIM", "AUM", "PGI", "PGU"}
    masked = glimpses.seen.masked_fill(largest(maps[:, 0], frame_shape(glimpses)), 0)
    before, after = (glimpses.scores(torch.arange(3), s) for s in (glimpses.seen, masked))
    gap = (before - after).gather(1, before.argmax(1, keepdim=True))[:, 0].abs()
    np.testing.assert_allclose(scores["PGI"], gap, rtol=1e-3)


@pytest.mark.parametrize("shape", [(3, 20, 24), (20, 24, 3), (5, 3, 20, 24), (5, 20, 24, 3)])
def test_channels_frames_and_times_share_their_pixels(shape):
    frame = (20, 24, 1) if shape[-1] == 3 else (1, 20, 24)
    part = largest(torch.rand(2, *shape), frame)
    others = [axis + 1 for axis, size in enumerate(shape) if size < 20]
    assert torch.equal(part.all(others[0]), part.any(others[0]))
    assert (part.sum(list(range(1, part.ndim))) == 50 * np.prod(shape) / (20 * 24)).all()


def test_noise_is_half_a_usual_change_and_each_states_own():
    glimpses = glimpsing.glimpses(BODY, torch.zeros(2000, 5))
    unit = torch.tensor([1.0, 2.0, 0.0, 0.1, 10.0])
    disturbed = noisy(glimpses, Reference(torch.zeros(5), unit), seed=3)
    # 2000 draws: relative error of a deviation 1.6 %, so 10 % is more than six of its deviations
    np.testing.assert_allclose(disturbed.std(0), 0.5 * unit, rtol=0.1)
    order = np.array([7, 1999, 0])
    assert torch.equal(noisy(glimpses[order], Reference(torch.zeros(5), unit), 3), disturbed[order])
    assert not torch.equal(noisy(glimpses, Reference(torch.zeros(5), unit), 4), disturbed)


def test_maps_of_the_disturbed_states_are_of_the_same_action():
    glimpses = glimpsing.glimpses(glimpsing.network(4, 3), torch.randn(30, 4))
    reference = glimpsing.reference(glimpses, 3.0)
    found, maps = scored(glimpses, Gradient(), reference=reference)
    disturbed = noisy(glimpses, reference, 0)
    leaf = disturbed.clone().requires_grad_()
    chosen = glimpses.scores(torch.arange(30), glimpses.seen).argmax(1)
    after = glimpses.scores(torch.arange(30), leaf).gather(1, chosen[:, None]).sum()
    (gradient,) = torch.autograd.grad(after, leaf)
    expected = published_instability(
        maps[:, 0].double().numpy(),
        (3 * gradient).double().numpy(),
        glimpses.seen.double().numpy(),
        disturbed.double().numpy(),
    )
    np.testing.assert_allclose(found["RIS"], expected, rtol=1e-3)


def test_neither_order_nor_company_nor_batches_matter(monkeypatch):
    glimpses = glimpsing.glimpses(glimpsing.network(5, 3), torch.randn(9, 5))
    reference = glimpsing.reference(glimpses)
    whole, _ = scored(glimpses, Gradient(), reference=reference)
    order = np.array([5, 0, 8, 2])
    monkeypatch.setattr(slopes, "ROWS", 2)
    some, _ = scored(glimpses[order], Gradient(), reference=reference)
    for name, values in some.items():
        assert values.dtype == np.float64
        np.testing.assert_allclose(values, whole[name][order], rtol=1e-3, atol=1e-6)


def test_the_right_attributions_beat_chance_and_their_negatives_lose_to_it():
    seen = np.random.default_rng(0).normal(size=(400, 12)).astype(np.float32)
    body = handmade.linear([[3.0] * 3 + [0.1] * 9, [0.0] * 12])
    glimpses = glimpsing.glimpses(body, seen)
    pulls = glimpses.seen * body.weight[0]
    pulls = torch.where(pulls.sum(1, keepdim=True) > 0, pulls, -pulls)
    weights = body.weight[0].expand(400, -1)
    disturbed = noisy(glimpses, glimpsing.reference(glimpses), 0)
    chance = torch.from_numpy(np.random.default_rng(1).normal(size=seen.shape))
    signs, against, sizes, random = (
        {name: values.mean() for name, values in fidelity(glimpses, maps, disturbed).items()}
        for maps in (pulls, -pulls, weights, chance)
    )
    assert signs["AIM"] < random["AIM"] < against["AIM"]
    assert signs["AUM"] > random["AUM"] > against["AUM"]
    # what pulls the other way is small in sign but not in size, so noise on it counts
    assert sizes["PGI"] > random["PGI"] and sizes["PGU"] < random["PGU"]
    assert signs["PGU"] > sizes["PGU"]


def test_continuous_actions_are_compared_in_half_ranges_by_magnitudes():
    space = spaces.Box(-4, 4, (2,))
    policy = handmade.policy(handmade.linear([[1, 0, 0], [0, 1, 0]]), 3, space)
    glimpses = glimpsing.of(policy, torch.tensor([[1.0, 2.0, 3.0]]))
    maps = torch.tensor([[[-1.0, 0, 0], [0, -2, 0]]])
    assert signed(glimpses, maps).tolist() == [[1, 2, 0]]
    found = fidelity(glimpses, signed(glimpses, maps), glimpses.seen + 4)
    np.testing.assert_allclose(found["PGI"], [2**0.5])
    np.testing.assert_allclose(found["AIM"], np.exp([-(5**0.5) / 4]))
    np.testing.assert_allclose(found["PGU"], [1])


def test_groups_of_actions_are_summed():
    space = spaces.MultiDiscrete([2, 2])
    body = handmade.linear([[1, 0], [-1, 0], [0, 1], [0, -1]])
    glimpses = glimpsing.of(handmade.policy(body, 2, space), torch.tensor([[-1.0, -2.0]]))
    maps = torch.tensor([[[1.0, 0], [0, 2.0]]])
    assert signed(glimpses, maps).tolist() == [[1, 2]]
    found = fidelity(glimpses, signed(glimpses, maps), glimpses.seen + 3)
    assert found["PGI"].tolist() == [3] and found["AIM"].tolist() == [0]


def test_time_and_memory_are_scored():
    glimpses = glimpsing.recurrent(3, 4, states=6, back=5)
    found, _ = scored(glimpses, Gradient())
    assert set(found) == {"AIM", "AUM", "PGI", "PGU", "RIS"}
    assert all(values.shape == (6,) and np.isfinite(values).all() for values in found.values())


@pytest.mark.parametrize("value", [0.0, torch.nan])
def test_maps_that_say_nothing_have_finite_scores(value):
    glimpses = glimpsing.glimpses(BODY, torch.randn(4, 5))
    maps = torch.full((4, 5), value)
    found = fidelity(glimpses, maps, glimpses.seen + 1)
    same = fidelity(glimpses, torch.zeros(4, 5), glimpses.seen + 1)
    for name, values in found.items():
        np.testing.assert_array_equal(values, same[name])
    assert instability((maps, maps), (glimpses.seen, glimpses.seen + 1)).tolist() == [0] * 4


def test_what_never_changes_makes_nothing_unstable():
    glimpses = glimpsing.glimpses(BODY, torch.randn(4, 5))
    found, _ = scored(glimpses, Chance(), reference=glimpsing.reference(glimpses, 0.0))
    for name in ("PGI", "PGU", "RIS"):
        assert found[name].tolist() == [0] * 4
