import pickle
from copy import deepcopy

import glimpsing
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import nn

from policyscope.attributions.gradient import Gradient
from policyscope.attributions.integrated_gradients import IntegratedGradients
from policyscope.attributions.randomisation import cascades, resemblance, unshuffled


def rng():
    return np.random.default_rng(0)


def three_layers():
    return glimpsing.network(4, 3)


def test_layers_are_shuffled_one_after_the_other_from_the_scores_back():
    network = three_layers()
    before = network.state_dict()
    copies = list(cascades(network, rng()))
    assert len(copies) == 3
    layers = ["4", "2", "0"]
    for done, copy in enumerate(copies, 1):
        for name, weights in copy.state_dict().items():
            if name.endswith("weight"):
                same = torch.equal(weights, before[name])
                assert same == (name.split(".")[0] not in layers[:done]), (done, name)


def test_a_shuffled_layer_stays_so_and_keeps_its_numbers():
    network = three_layers()
    first, second, third = (copy.state_dict() for copy in cascades(network, rng()))
    assert torch.equal(first["4.weight"], third["4.weight"])
    assert torch.equal(second["2.weight"], third["2.weight"])
    for name, weights in network.state_dict().items():
        assert weights.shape == third[name].shape
        assert torch.equal(weights.flatten().sort()[0], third[name].flatten().sort()[0])


def test_the_network_itself_is_left_alone_and_copies_answer_and_have_gradients():
    glimpses = glimpsing.glimpses(three_layers(), torch.randn(5, 4))
    network = glimpses.policy.network
    before = deepcopy(network.state_dict())
    with torch.inference_mode():
        copies = list(cascades(network, rng()))
    for copy in copies:
        moments = glimpses.through(copy)
        maps = Gradient().attribute(
            moments, glimpsing.each(glimpses), glimpsing.reference(glimpses)
        )
        assert maps.isfinite().all() and (maps != 0).any()
        assert not any(p.requires_grad for p in copy.parameters()) and not copy.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_orders_come_from_the_generator_alone():
    once, again = (list(cascades(three_layers(), rng()))[-1] for _ in range(2))
    other = list(cascades(three_layers(), np.random.default_rng(1)))[-1]
    assert torch.equal(once[0].weight, again[0].weight)
    assert not torch.equal(once[0].weight, other[0].weight)


def test_recurrent_layers_are_shuffled():
    glimpses = glimpsing.recurrent(3, 4, states=6, back=5)
    *_, last = cascades(glimpses.policy.network, rng())
    every = torch.arange(6)
    assert not torch.allclose(
        glimpses.through(last).scores(every, glimpses.seen), glimpses.scores(every, glimpses.seen)
    )


def test_of_constants_only_matrices_and_kernels_are_weights():
    class Program(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.arange(4.0))
            self.register_buffer("scale", torch.arange(1.0, 5)[None])
            self.register_buffer("indices", torch.arange(6).reshape(2, 3))
            self.register_buffer("weight", torch.arange(12.0).reshape(3, 4))

        def forward(self, observations, memory):
            return ((observations - self.mean) / self.scale) @ self.weight.T, memory

    program = Program()
    (copy,) = cascades(program, rng())
    changed = {
        n
        for n, value in copy.state_dict().items()
        if not torch.equal(value, program.state_dict()[n])
    }
    assert changed == {"weight"}


def test_normalisation_is_not_shuffled_with_parameters():
    network = nn.Sequential(nn.BatchNorm1d(4, affine=False), nn.Linear(4, 4)).eval()
    network[0].running_mean.copy_(torch.arange(4.0))
    (copy,) = cascades(network, rng())
    assert torch.equal(copy[0].running_mean, torch.arange(4.0))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_compiled_program_is_shuffled_too():
    network = torch.jit.script(three_layers())
    *_, last = cascades(network, rng())
    seen = torch.randn(5, 4)
    assert not torch.allclose(last(seen), network(seen))
    assert torch.equal(network(seen), three_layers()(seen))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_network_without_weights_in_reach_says_so():
    for network in (nn.Flatten(), torch.jit.freeze(torch.jit.script(three_layers()))):
        assert unshuffled(network) == "its weights are not in reach"
        assert list(cascades(network, rng())) == []
    assert unshuffled(three_layers()) is None


def test_maps_of_the_policy_do_not_survive_and_maps_of_the_observation_do():
    glimpses = glimpsing.glimpses(glimpsing.network(20, 3), torch.randn(50, 20))
    targets, reference = glimpsing.each(glimpses)[:, :1], glimpsing.reference(glimpses)
    *_, last = cascades(glimpses.policy.network, rng())

    def left(explain):
        return resemblance(explain(glimpses), explain(glimpses.through(last))).mean()

    def integrated(moments):
        return IntegratedGradients().attribute(moments, targets, reference)

    assert left(lambda moments: moments.seen.abs()) == 1
    assert left(integrated) < 0.5


@given(st.integers(0, 10_000), st.integers(2, 12), st.booleans())
def test_resemblance_is_spearmans(seed, numbers, ties):
    draws = torch.randn(2, 4, numbers, generator=torch.Generator().manual_seed(seed))
    first, second = draws.round() if ties else draws
    found = resemblance(first, second)
    for i, value in enumerate(found):
        a, b = first[i].abs().numpy(), second[i].abs().numpy()
        if np.ptp(a) > 0 and np.ptp(b) > 0:
            np.testing.assert_allclose(value, stats.spearmanr(a, b).statistic, atol=1e-12)
        else:
            assert value == (np.ptp(a) == np.ptp(b))


def test_resemblance_is_of_magnitudes_in_each_state_and_what_is_not_a_number_counts_as_zero():
    maps = torch.tensor([[[1.0, -2.0, 3.0]], [[torch.nan, 1.0, 2.0]]])
    others = torch.tensor([[[-10.0, 20.0, 30.0]], [[0.0, 2.0, 1.0]]])
    np.testing.assert_allclose(resemblance(maps, others), [1, 0.5])


def test_copies_can_be_sent_to_another_process():
    *_, last = cascades(three_layers(), rng())
    again = pickle.loads(pickle.dumps(last))
    assert torch.equal(again(torch.ones(1, 4)), last(torch.ones(1, 4)))
