"""What a policy sees of an environment: arrays as they are, everything else as one flat vector.

Dict, Tuple, Discrete, MultiDiscrete and MultiBinary observations are flattened as gymnasium does
it: part after part in the order of the space, discrete ones one-hot, images in their own units,
from 0 to 255. This is decided once, where an environment is made and where a policy is fitted to
it, so that perturbations, rollouts and analyzers only ever see arrays of numbers.

Source: https://gymnasium.farama.org/api/spaces/utils/
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from gymnasium import Space, spaces
from torch import Tensor

from policyscope.errors import EnvironmentMismatch

Parts = Mapping[str, tuple[int, ...]]
"""Shape of each part of an observation, by its key; of one that is an array, under no name."""


def flattened(observations: Space, environment: str) -> spaces.Box:
    """The arrays that a policy sees: a Box itself, or the vectors of any other space, as floats.

    Raises:
        EnvironmentMismatch: If observations have no fixed length.
    """
    if isinstance(observations, spaces.Box):
        return observations
    try:
        flat = spaces.flatten_space(observations)
    except (NotImplementedError, ValueError):
        flat = None
    if not isinstance(flat, spaces.Box):
        raise EnvironmentMismatch(
            f"{environment} observes {observations}, which is no vector of a fixed length; turn it "
            "into arrays with a gymnasium wrapper first."
        )
    # noise and attacks would be rounded away in a one-hot vector of integers
    kind = np.result_type(np.float32, *_arrays(observations)).type
    return spaces.Box(flat.low.astype(kind), flat.high.astype(kind), dtype=kind)


def _arrays(space: Space) -> Iterator[np.dtype]:
    """Types of the arrays in a space; zeros and ones fit any."""
    match space:
        case spaces.Dict():
            for part in space.spaces.values():
                yield from _arrays(part)
        case spaces.Tuple():
            for part in space.spaces:
                yield from _arrays(part)
        case spaces.Box(dtype=dtype):
            yield np.dtype(dtype)


def parts_of(observations: Space) -> Parts:
    """Shape of each part of a Dict, in the order of its flat vector; discrete ones are one-hot."""
    # gymnasium's Dict is a typing.Mapping, at which beartype would stumble in the signature
    if not isinstance(observations, spaces.Dict):
        return {}
    return {
        key: part.shape if isinstance(part, spaces.Box) else (spaces.flatdim(part),)
        for key, part in observations.spaces.items()
    }


def arrangement(given: Parts, taken: Parts) -> Tensor | None:
    """Where each number that a network takes stands in what an environment gives.

    Parts may come in another order, and images with their channels last where the network takes
    them first. None where something else differs.
    """
    if given.keys() != taken.keys():
        return None
    numbers = torch.arange(sum(int(np.prod(shape)) for shape in given.values()))
    blocks = numbers.split([int(np.prod(shape)) for shape in given.values()])
    places = {name: block for name, block in zip(given, blocks, strict=True)}
    ordered = []
    for name, shape in taken.items():
        block = places[name].reshape(given[name])
        if block.shape != shape and block.ndim == 3:
            block = block.permute(2, 0, 1)
        if block.shape != shape:
            return None
        ordered.append(block.flatten())
    return torch.cat(ordered)
