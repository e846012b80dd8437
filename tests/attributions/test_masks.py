import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from policyscope.attributions.masks import MASKS, frame_size, left, salient


@given(features=st.integers(1, 30), rho=st.floats(0.01, 0.99), seed=st.integers(0, 1000))
def test_so_many_numbers_are_salient_as_are_left_over_and_the_largest(features, rho, seed):
    importance = torch.rand(5, features, generator=torch.Generator().manual_seed(seed))
    part = salient(importance, rho)
    count = min(max(round((1 - rho) * features), 1), max(features - 1, 1))
    assert (part.sum(1) == count).all()
    if features > 1:
        for row, chosen in zip(importance, part, strict=True):
            assert row[chosen].min() >= row[~chosen].max()


def test_equal_importance_lets_in_no_more_than_asked_for():
    assert salient(torch.zeros(3, 10), 0.8).sum(1).tolist() == [2, 2, 2]


@pytest.mark.parametrize("channels_last", [False, True])
def test_images_have_a_mask_for_each_frame(channels_last):
    importance = torch.rand(2, 4, 8, 8)
    importance[:, 0] += 100  # one frame is not salient at the expense of the others
    given = importance.movedim(1, -1) if channels_last else importance
    part = salient(given, 0.75)
    assert part.shape == given.shape
    part = part.movedim(-1, 1) if channels_last else part
    assert (part.flatten(2).sum(2) == 16).all()
    assert torch.equal(part[:, 1], salient(importance[:, 1], 0.75))
    assert frame_size(given) == 64


def test_time_and_features_compete_for_one_mask():
    importance = torch.arange(24.0).reshape(1, 6, 4)
    part = salient(importance, 0.75)
    assert part.sum() == 6 and part[0, 5].all() and part[0, 4].tolist() == [0, 0, 1, 1]


def test_what_is_removed_is_all_but_what_is_left():
    importance, chance = torch.rand(4, 10), torch.rand(4, 10)
    parts = {mask: left(mask, importance, chance, 0.7) for mask in MASKS}
    assert torch.equal(parts["removed"], ~parts["salient"])
    assert torch.equal(parts["random_removed"], ~parts["random"])
    assert torch.equal(parts["salient"], salient(importance, 0.7))
    assert torch.equal(parts["random"], salient(chance, 0.7))
