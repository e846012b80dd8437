"""Spots: soft round places in the frames of an image that are blurred, on a grid.

    s'(x, y) = s · (1 − M) + blurred(s) · M        M Gaussian about (x, y), 1 in its middle

with a standard deviation of 5 pixels for M and 3 for the blur, and spots in the middles of as many
equal cells as make it 5 pixels from one to the next, or hardly less.

Reference: Greydanus, Koul, Dodge, Fern 2018, https://arxiv.org/abs/1711.00138
"""

import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn.functional import interpolate

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps
from policyscope.attributions.parts import Masks, observation_shape

RADIUS, BLUR, STRIDE = 5.0, 3.0, 5


def spots(frame: tuple[int, ...]) -> Masks:
    """A mask for each spot, row by row."""
    height, width = (n for n in frame if n > 1)
    rows, columns = (_bumps(side) for side in (height, width))
    return torch.einsum("iy,jx->ijyx", rows, columns).reshape(-1, *frame)


def blurred(glimpses: Glimpses, frame: tuple[int, ...]) -> Float[Tensor, " state *seen"]:
    """What was seen, with every frame blurred."""
    sizes = [BLUR if n > 1 else 0.0 for n in frame]
    before = glimpses.seen.ndim - len(frame)
    seen = glimpses.seen.float().numpy()
    return torch.from_numpy(gaussian_filter(seen, [0.0] * before + sizes))


def over_frames(
    credits: Float[Tensor, " state target time part"], frame: tuple[int, ...], glimpses: Glimpses
) -> Maps:
    """The credit of spots, interpolated between them over all frames."""
    height, width = (n for n in frame if n > 1)
    grid = (len(_bumps(height)), len(_bumps(width)))
    between = interpolate(
        credits.reshape(-1, 1, *grid), size=(height, width), mode="bilinear", align_corners=False
    )
    maps = between.reshape(*credits.shape[:3], *frame)
    maps = maps.expand(*credits.shape[:3], *observation_shape(glimpses))
    return maps if glimpses.memory else maps[:, :, 0]


def _bumps(side: int) -> Float[Tensor, " spot pixel"]:
    """Along one side."""
    count = -(-side // STRIDE)
    middles = (torch.arange(count) + 0.5) * side / count - 0.5
    return torch.exp(-((torch.arange(side) - middles[:, None]) ** 2) / (2 * RADIUS**2))
