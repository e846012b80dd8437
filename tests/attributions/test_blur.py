import dataclasses

import glimpsing
import numpy as np
import pytest
import torch
from gymnasium import spaces
from scipy.ndimage import gaussian_filter
from torch import nn

from policyscope.attributions.blur import Blur
from policyscope.attributions.spots import blurred, spots
from policyscope.policies.modules import Frames


def test_a_spot_is_one_in_its_middle_and_a_gaussian_of_five_pixels_around_it():
    masks = spots((1, 20, 25))
    assert masks.shape == (4 * 5, 1, 20, 25)
    spot = masks[5 + 2, 0]
    assert spot[7, 12] == 1
    np.testing.assert_allclose(spot[7, 17], np.exp(-0.5), rtol=1e-6)
    delta = np.zeros((101, 101))
    delta[50, 50] = 1
    filtered = gaussian_filter(delta, 5.0)
    np.testing.assert_allclose(
        spot[5:12, 10:17], (filtered / filtered.max())[48:55, 48:55], atol=1e-3
    )


@pytest.mark.parametrize("last", [False, True])
def test_frames_are_blurred_and_not_mixed(last):
    glimpses = glimpsing.images(last=last)
    frame = (20, 24, 1) if last else (1, 20, 24)
    frames = np.moveaxis(glimpses.seen.numpy(), -1, 1) if last else glimpses.seen.numpy()
    soft = blurred(glimpses, frame).numpy()
    soft = np.moveaxis(soft, -1, 1) if last else soft
    np.testing.assert_allclose(soft[3, 1], gaussian_filter(frames[3, 1], 3.0), rtol=1e-5)


class Corner(nn.Module):
    """Two scores of the pixel in row 2, column 2 of the last frame."""

    def forward(self, x):
        return x[:, 1, 2, 2, None] * torch.tensor([[2.0, -1.0]])


def test_half_the_squared_change_of_all_scores_is_told_where_it_happens():
    glimpses = glimpsing.images(outputs=2)
    network = Frames(Corner()).eval()
    policy = dataclasses.replace(glimpses.policy, network=network, action_space=spaces.Discrete(2))
    glimpses = dataclasses.replace(glimpses, policy=policy)
    arguments = glimpses, glimpsing.each(glimpses), glimpsing.reference(glimpses)
    maps = Blur().attribute(*arguments)
    # that pixel is as good as the first spot's middle
    change = (glimpses.seen - blurred(glimpses, (1, 20, 24)))[:, 1, 2, 2] / 255
    np.testing.assert_allclose(maps[:, 0, 0, 2, 2], 5 / 2 * change**2, rtol=0.03)
    assert torch.equal(maps[:, 0], maps[:, 1]) and torch.equal(maps[:, :, 0], maps[:, :, 1])
    assert (maps[:, 0, 0].flatten(1).amax(1) < 1.03 * maps[:, 0, 0, 2, 2]).all()
    assert (maps[:, 0, 0, 19, 23] < 1e-3 * maps[:, 0, 0, 2, 2]).all()


def test_vectors_are_refused_even_when_nobody_asked_whether_they_would_be():
    glimpses = glimpsing.glimpses(glimpsing.network(3, 2), np.ones((2, 3)))
    assert "this policy sees vectors" in (Blur().obstacle(glimpses) or "")
    with pytest.raises(ValueError, match="this policy sees vectors"):
        Blur().attribute(glimpses, glimpsing.each(glimpses), glimpsing.reference(glimpses))
