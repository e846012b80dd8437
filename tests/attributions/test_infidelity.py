from functools import partial

import glimpsing
import handmade
import numpy as np
import pytest
import torch
from captum import metrics

from policyscope.attributions import slopes
from policyscope.attributions.chance import Chance
from policyscope.attributions.gradient import Gradient
from policyscope.attributions.infidelity import (
    HIDDEN,
    NEIGHBOURS,
    RADIUS,
    hidden,
    infidelity,
    sensitivity,
)
from policyscope.attributions.integrated_gradients import IntegratedGradients
from policyscope.attributions.method import Reference
from policyscope.rollouts.seeds import generator


@pytest.fixture
def glimpses():
    seen = 4 * torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    return glimpsing.glimpses(glimpsing.network(4, 3), seen)


def explained(method, glimpses, reference):
    targets = glimpsing.each(glimpses)
    return targets, method.attribute(glimpses, targets, reference)


def test_infidelity_is_captums(glimpses):
    reference = glimpsing.reference(glimpses)
    targets, maps = explained(IntegratedGradients(), glimpses, reference)
    parts = hidden(glimpses, seed=5)

    def hide(inputs):
        part = parts.flatten(0, 1)
        return part.float(), torch.where(part, reference.baseline, inputs)

    expected = [
        metrics.infidelity(
            lambda seen, k=k: glimpses.policy.scores(seen)[0][:, k],
            hide,
            glimpses.seen,
            maps[:, k],
            n_perturb_samples=HIDDEN,
            normalize=True,
        )
        for k in range(3)
    ]
    found = infidelity(glimpses, targets, maps, reference, seed=5)
    np.testing.assert_allclose(found, torch.stack(expected).mean(0), rtol=1e-3, atol=1e-6)
    assert (found > 1e-4).all()


def test_sensitivity_is_captums(glimpses):
    reference = Reference(glimpses.seen.mean(0), torch.tensor([1.0, 2.0, 3.0, 0.0]))
    targets, maps = explained(Gradient(), glimpses, reference)
    draws = np.stack(
        [
            generator(5, "sensitivity", int(step)).uniform(-RADIUS, RADIUS, (NEIGHBOURS, 4))
            for step in glimpses.steps
        ]
    )
    steps = torch.from_numpy(draws).float().flatten(0, 1) * reference.unit

    def gradient(seen, score):
        if isinstance(seen, tuple):  # captum answers tuples with tuples
            return (gradient(seen[0], score),)
        target = torch.eye(3)[score].expand(len(seen), 1, 3)
        moments = glimpsing.of(glimpses.policy, seen)
        return Gradient().attribute(moments, target, reference)[:, 0]

    expected = [
        metrics.sensitivity_max(
            partial(gradient, score=score),
            glimpses.seen,
            perturb_func=lambda seen: seen + steps,
            n_perturb_samples=NEIGHBOURS,
        )
        for score in range(3)
    ]
    found = sensitivity(glimpses, Gradient(), targets, maps, reference, seed=5)
    np.testing.assert_allclose(found, torch.stack(expected).mean(0), rtol=1e-3)
    assert (found > 1e-3).all()


def test_contributions_to_a_sum_are_never_wrong_and_never_sensitive_in_slope():
    body = handmade.linear([[1, 2, 3, 4], [0, -1, 0, 5]])
    glimpses = glimpsing.glimpses(body, torch.randn(6, 4))
    reference = glimpsing.reference(glimpses)
    targets, maps = explained(IntegratedGradients(), glimpses, reference)
    np.testing.assert_allclose(infidelity(glimpses, targets, maps, reference, 0), 0, atol=1e-8)
    np.testing.assert_allclose(infidelity(glimpses, targets, 7 * maps, reference, 0), 0, atol=1e-8)
    _, slopes_ = explained(Gradient(), glimpses, reference)
    assert sensitivity(glimpses, Gradient(), targets, slopes_, reference, 0).tolist() == [0] * 6


def test_wrong_signs_are_as_bad_as_maps_that_say_nothing_and_chance_is_worse_than_a_method(
    glimpses,
):
    reference = glimpsing.reference(glimpses)
    targets, maps = explained(IntegratedGradients(), glimpses, reference)
    _, random = explained(Chance(), glimpses, reference)
    right, wrong, nothing, chance = (
        infidelity(glimpses, targets, each, reference, 0).mean()
        for each in (maps, -maps, torch.zeros_like(maps), random)
    )
    assert right < 0.2 * chance < 0.2 * nothing
    assert wrong > 0.9 * nothing


def test_neither_order_nor_company_nor_batches_matter(glimpses, monkeypatch):
    reference = glimpsing.reference(glimpses)
    targets, maps = explained(Gradient(), glimpses, reference)
    whole = infidelity(glimpses, targets, maps, reference, 0)
    wholly = sensitivity(glimpses, Gradient(), targets, maps, reference, 0)
    order = np.array([5, 0, 8, 2])
    monkeypatch.setattr(slopes, "ROWS", 2)
    some, chosen = glimpses[order], (targets[order], maps[order], reference, 0)
    np.testing.assert_allclose(infidelity(some, *chosen), whole[order], rtol=1e-4)
    found = sensitivity(some, Gradient(), *chosen)
    np.testing.assert_allclose(found, wholly[order], rtol=1e-3)
    assert whole.dtype == wholly.dtype == np.float64


def test_nobodys_randomness_is_touched(glimpses):
    reference = glimpsing.reference(glimpses)
    targets, maps = explained(Gradient(), glimpses, reference)
    drawn, drawn_too = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    one = infidelity(glimpses, targets, maps, reference, 0)
    sensitivity(glimpses, Gradient(), targets, maps, reference, 0)
    assert torch.equal(torch.get_rng_state(), drawn)
    np.testing.assert_array_equal(np.random.get_state()[1], drawn_too)  # noqa: NPY002
    assert not np.array_equal(infidelity(glimpses, targets, maps, reference, 1), one)


def test_of_images_a_rectangle_is_hidden_in_all_frames():
    glimpses = glimpsing.images(states=20)
    parts = hidden(glimpses, seed=0)
    assert parts.shape == (20, HIDDEN, *glimpses.seen.shape[1:])
    assert (parts == parts[:, :, :1]).all()
    frame = parts[:, :, 0]
    rows, columns = frame.any(3), frame.any(2)
    assert torch.equal(frame, rows[..., None] & columns[:, :, None])
    for side in (rows, columns):  # without gaps, and never empty
        edges = (side[..., 1:] != side[..., :-1]).sum(2) + side[..., 0] + side[..., -1]
        assert (edges == 2).all()
    reference = glimpsing.reference(glimpses)
    targets, maps = explained(IntegratedGradients(), glimpses, reference)
    found = infidelity(glimpses, targets, maps, reference, 0)
    nothing = infidelity(glimpses, targets, torch.zeros_like(maps), reference, 0)
    assert found.mean() < 0.2 * nothing.mean()


def test_half_of_a_vector_is_hidden_through_time_and_memory():
    glimpses = glimpsing.recurrent(3, 4, states=6, back=5)
    parts = hidden(glimpses, seed=0)
    assert parts.shape == (6, HIDDEN, 5, 3)
    # 2880 fair draws: five of their deviations
    assert abs(parts.float().mean() - 0.5) < 5 * 0.5 / 2880**0.5
    reference = glimpsing.reference(glimpses)
    targets, maps = explained(IntegratedGradients(), glimpses, reference)
    assert np.isfinite(infidelity(glimpses, targets, maps, reference, 0)).all()


@pytest.mark.parametrize("value", [0.0, torch.nan])
def test_maps_that_say_nothing_leave_all_of_the_change(glimpses, value):
    reference = glimpsing.reference(glimpses)
    targets, maps = explained(Gradient(), glimpses, reference)
    said = infidelity(glimpses, targets, torch.full_like(maps, value), reference, 0)
    every, total = torch.arange(9), 0
    for part in hidden(glimpses, 0).unbind(1):
        there = glimpses.scores(every, torch.where(part, reference.baseline, glimpses.seen))
        total = total + (glimpses.scores(every, glimpses.seen) - there).square().mean(1)
    np.testing.assert_allclose(said, total / HIDDEN, rtol=1e-4)


def test_one_number_that_never_changes():
    glimpses = glimpsing.glimpses(handmade.linear([[1.0], [0.0]]), torch.ones(3, 1))
    reference = glimpsing.reference(glimpses, 0.0)
    targets, maps = explained(IntegratedGradients(), glimpses, reference)
    assert infidelity(glimpses, targets, maps, reference, 0).tolist() == [0, 0, 0]
    method = IntegratedGradients()
    assert sensitivity(glimpses, method, targets, maps, reference, 0).tolist() == [0, 0, 0]
