import captum.attr
import glimpsing
import handmade
import numpy as np
import pytest
import torch
from torch import nn

from policyscope.attributions import parts
from policyscope.attributions.occlusion import Occlusion, patches

SEEN = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
WEIGHT = np.array([[1.0, -4.0, 0.5], [2.0, 3.0, 0.0]], np.float32)


def explained(glimpses, **parameters):
    return Occlusion(**parameters).attribute(
        glimpses, glimpsing.each(glimpses), glimpsing.reference(glimpses)
    )


def test_without_a_feature_a_linear_score_lacks_its_weight_times_its_distance():
    maps = explained(glimpsing.glimpses(handmade.linear(WEIGHT), SEEN))
    by_hand = WEIGHT * (SEEN - SEEN.mean(0))[:, None]
    np.testing.assert_allclose(maps, by_hand, rtol=1e-3, atol=1e-5)


def test_it_is_captums_ablation_of_features():
    glimpses = glimpsing.glimpses(glimpsing.network(3, 2, nn.ReLU), SEEN)
    theirs = captum.attr.FeatureAblation(lambda x: glimpses.policy.scores(x)[0])
    for action in range(2):
        by_captum = theirs.attribute(glimpses.seen, glimpses.seen.mean(0, keepdim=True), action)
        np.testing.assert_allclose(explained(glimpses)[:, action], by_captum, atol=1e-5)


@pytest.mark.parametrize("last", [False, True])
def test_patches_cover_all_frames_and_are_captums_too(last):
    glimpses = glimpsing.images(last=last)
    rows, columns = torch.arange(20) // 7, torch.arange(24) // 7
    numbers = rows[:, None] * 4 + columns
    numbers = numbers[..., None].expand(20, 24, 2) if last else numbers.expand(2, 20, 24)
    theirs = captum.attr.FeatureAblation(lambda x: glimpses.policy.scores(x)[0])
    baseline = glimpses.seen.mean(0, keepdim=True)
    by_captum = theirs.attribute(glimpses.seen, baseline, 1, feature_mask=numbers[None])
    np.testing.assert_allclose(explained(glimpses)[:, 1], by_captum, atol=1e-5)


def test_patches_are_a_partition_of_the_frame():
    masks = patches((1, 20, 24), 7)
    assert masks.shape == (3 * 4, 1, 20, 24)
    assert (masks.sum(0) == 1).all()
    assert masks[-1].sum() == 6 * 3


def test_each_moment_has_drops_of_its_own_through_time():
    glimpses = glimpsing.recurrent(3, 2, states=4, back=5)
    maps = explained(glimpses)
    every, baseline = torch.arange(4), glimpses.seen.mean(0)
    for time, number in ((0, 2), (4, 1)):
        seen = glimpses.seen.clone()
        seen[:, time, number] = baseline[time, number]
        drop = glimpses.scores(every, glimpses.seen) - glimpses.scores(every, seen)
        np.testing.assert_allclose(maps[:, :, time, number], drop, atol=1e-6)


def test_vectors_of_very_many_numbers_are_refused(monkeypatch):
    glimpses = glimpsing.glimpses(handmade.linear(WEIGHT), SEEN)
    monkeypatch.setattr(parts, "MOST", 2)
    assert Occlusion().obstacle(glimpses) == (
        "it changes numbers one by one, and the 3 of this vector are too many"
    )


def test_a_patch_without_size_is_refused():
    with pytest.raises(ValueError, match="patch ≥ 1"):
        Occlusion(patch=0)
