"""The convolutions of stable-baselines3's `NatureCNN`, rebuilt from its tensors.

Three layers of 32, 64 and 64 filters, of sizes 8, 4 and 3 at strides 4, 2 and 1, and a linear one
of any width, with ReLU after each. Strides leave no trace in the weights, so this is only for
files that name the class; the width that the linear layer takes must agree with them.

Source: Mnih et al. 2015, https://doi.org/10.1038/nature14236; the class in
https://stable-baselines3.readthedocs.io/en/master/guide/custom_policy.html
"""

import math
from collections.abc import Mapping

from torch import Tensor, nn

from policyscope.errors import DamagedCheckpoint
from policyscope.policies.filling import filled

_LAYERS = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
"""Filters, size and stride of each."""
_LARGEST = 2**31
"""More numbers than an image has, and few enough for torch to count."""


class Pixels(nn.Module):
    """From brightness between 0 and 255 to numbers between 0 and 1."""

    def forward(self, images: Tensor) -> Tensor:
        """The images, scaled."""
        return images / 255


def nature_cnn(
    tensors: Mapping[str, Tensor], prefix: str, shape: tuple[int, ...]
) -> tuple[list[nn.Module], int]:
    """The layers below a prefix, for flattened images of a shape, and how many features come out.

    Args:
        tensors: Names to tensors, as in a state dict.
        prefix: For example `q_net.features_extractor`.
        shape: Channels, height and width.

    Raises:
        DamagedCheckpoint: If the tensors are not those of a NatureCNN for such images.
    """
    if len(shape) != 3 or min(shape) < 1 or math.prod(shape) > _LARGEST:
        raise DamagedCheckpoint(f"Convolutions cannot see observations of shape {shape}.")
    channels, *sides = shape
    modules: list[nn.Module] = [nn.Unflatten(1, shape)]
    for position, (filters, kernel, stride) in enumerate(_LAYERS):
        layer = nn.Conv2d(channels, filters, kernel, stride, device="meta")
        # an activation follows each layer, and counts
        modules += [filled(layer, tensors, f"{prefix}.cnn.{2 * position}"), nn.ReLU()]
        channels, sides = filters, [(side - kernel) // stride + 1 for side in sides]
    if min(sides) < 1:
        raise DamagedCheckpoint(f"Images of shape {shape} are too small for these convolutions.")
    bias = tensors.get(f"{prefix}.linear.0.bias")
    features = 0 if bias is None else bias.numel()
    linear = nn.Linear(channels * sides[0] * sides[1], max(features, 1), device="meta")
    modules += [nn.Flatten(), filled(linear, tensors, f"{prefix}.linear.0"), nn.ReLU()]
    return modules, features
