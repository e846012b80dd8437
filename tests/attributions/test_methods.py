"""Promises that every method of attribution keeps."""

import dataclasses
from dataclasses import replace

import glimpsing
import numpy as np
import pytest
import torch
from torch import nn

from policyscope.attributions import slopes
from policyscope.attributions.catalogue import METHODS
from policyscope.attributions.chance import Chance
from policyscope.attributions.method import Method
from policyscope.policies.policy import FeedForward

SEEN = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
EVERY = {**METHODS, "chance": Chance()}


def vectors(activation=nn.ReLU):
    return glimpsing.glimpses(glimpsing.network(4, 3, activation), SEEN)


def valued():
    """What a critic of the same states says."""
    glimpses = vectors()
    body = glimpsing.network(4, 1, nn.ReLU)
    policy = replace(
        glimpses.policy, outputs=1, action_space=None, network=FeedForward(body).eval()
    )
    return replace(glimpses, policy=policy)


SUBJECTS = {
    "vectors": vectors,
    "smooth": lambda: vectors(nn.Tanh),
    "images": lambda: glimpsing.images(states=9),
    "images with channels last": lambda: glimpsing.images(states=9, last=True),
    "a value": lambda: valued(),
    "memory": lambda: glimpsing.recurrent(4, 3, states=9, back=3),
    "memory behind ReLU": lambda: glimpsing.recurrent(4, 3, states=9, back=3, relu=True),
}


VECTORS = {"vectors", "smooth", "a value", "memory", "memory behind ReLU"}
REFUSED = {
    "blur": VECTORS,
    "deeplift": {"memory", "memory behind ReLU"},
    "guided backpropagation": {"smooth", "memory"},
    "sarfa": {"a value"},
}
"""What each method says that it cannot explain."""
CASES = [(m, s) for m in EVERY for s in SUBJECTS if s not in REFUSED.get(m, ())]


@pytest.fixture(params=CASES, ids=" of ".join)
def case(request):
    """A method, and moments that it can explain."""
    name, subject = request.param
    return EVERY[name], SUBJECTS[subject]()


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("name", EVERY)
def test_what_cannot_be_explained_is_refused_with_a_reason(name, subject):
    reason = EVERY[name].obstacle(SUBJECTS[subject]())
    assert (reason is not None) == (subject in REFUSED.get(name, ())), reason


def explained(method, glimpses, reference):
    return method.attribute(glimpses, glimpsing.each(glimpses), reference)


def test_maps_have_the_shape_of_what_was_seen_and_are_finite(case):
    method, glimpses = case
    maps = explained(method, glimpses, glimpsing.reference(glimpses))
    assert maps.shape == (9, glimpses.policy.outputs, *glimpses.seen.shape[1:])
    assert maps.isfinite().all() and not maps.requires_grad
    assert isinstance(method, Method)


def test_neither_order_nor_company_of_states_matters(case):
    method, glimpses = case
    reference = glimpsing.reference(glimpses)
    whole = explained(method, glimpses, reference)
    order = np.array([5, 0, 8, 2])
    some = explained(method, glimpses[order], reference)
    np.testing.assert_allclose(some, whole[order], rtol=1e-3, atol=1e-5)


def test_batches_do_not_matter(case, monkeypatch):
    method, glimpses = case
    reference = glimpsing.reference(glimpses)
    whole = explained(method, glimpses, reference)
    monkeypatch.setattr(slopes, "ROWS", 5)
    np.testing.assert_allclose(explained(method, glimpses, reference), whole, rtol=1e-3, atol=1e-5)


def test_a_policy_that_ignores_everything_gets_maps_of_zeros(case):
    method, glimpses = case
    if isinstance(method, Chance):
        return
    for parameter in glimpses.policy.network.parameters():
        parameter.zero_()
    assert (explained(method, glimpses, glimpsing.reference(glimpses)) == 0).all()


def marks_of(module):
    """What hooks leave behind."""
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
    return [*vars(module), *map(len, hooks)]


def test_neither_the_policy_nor_anybodys_randomness_is_touched(case):
    method, glimpses = case
    network = glimpses.policy.network
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    marks = [marks_of(module) for module in network.modules()]
    drawn, drawn_too = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    seen = glimpses.seen.clone()
    method.obstacle(glimpses)
    explained(method, glimpses, glimpsing.reference(glimpses))
    assert torch.equal(torch.get_rng_state(), drawn)
    np.testing.assert_array_equal(np.random.get_state()[1], drawn_too)  # noqa: NPY002
    assert torch.equal(glimpses.seen, seen)
    assert all(torch.equal(tensor, before[n]) for n, tensor in network.state_dict().items())
    assert marks == [marks_of(module) for module in network.modules()]
    assert not network.training and not any(p.requires_grad for p in network.parameters())


def test_it_works_inside_inference_mode(case):
    method, glimpses = case
    reference = glimpsing.reference(glimpses)
    with torch.inference_mode():
        inside = explained(method, glimpses, reference)
    np.testing.assert_allclose(inside, explained(method, glimpses, reference), atol=1e-6)


@pytest.mark.parametrize("name", EVERY)
def test_parameters_are_plain_and_frozen(name):
    method = EVERY[name]
    fields = dataclasses.fields(method)
    assert all(isinstance(getattr(method, f.name), int | float | str) for f in fields)
    with pytest.raises(dataclasses.FrozenInstanceError):
        method.nodes = 3


@pytest.mark.parametrize("name", EVERY)
def test_a_policy_without_gradients_is_refused_by_those_that_need_them(name):
    glimpses = vectors()
    blind = replace(glimpses, policy=replace(glimpses.policy, differentiable=False))
    refused = EVERY[name].obstacle(blind) is not None
    assert refused == (name not in ("occlusion", "sarfa", "blur", "chance")) or name == "blur"


def test_chance_depends_on_its_seed_and_the_step():
    glimpses = vectors()
    reference = glimpsing.reference(glimpses)
    one, other = (explained(Chance(seed), glimpses, reference) for seed in (0, 1))
    assert not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])
    assert torch.equal(explained(Chance(0), glimpses, reference), one)
