"""Randomisation: do maps change when the network's weights do?

Layer by layer, from the scores back to what is seen, weights are put in random order, and those of
the layers before stay shuffled. A map that is about the policy cannot survive that; one that looks
the same is about the observation. How much is left of a map is Spearman's correlation of |m| before
and after, of all numbers of a state: 1 says that nothing changed, 0 that nothing is left.

Adebayo et al. draw new weights; here each tensor keeps its own numbers, so that their sizes stay
what training made them. Layers come in the order in which the network holds them: that of their use
where it was rebuilt, but a program may hold them in another. Of a program without parameters they
are the matrices and kernels among its constants.

Reference: Adebayo et al. 2018, https://arxiv.org/abs/1810.03292
"""

from collections.abc import Iterator
from copy import deepcopy

import numpy as np
import torch
from jaxtyping import Float
from scipy import stats
from torch import Tensor, nn


def cascades(network: nn.Module, rng: np.random.Generator) -> Iterator[nn.Module]:
    """Copies of a network with one more layer shuffled each, the last one with all of them.

    Args:
        network: Is left as it is. There are no copies where `unshuffled` says why.
        rng: Draws the orders.
    """
    for place in reversed(range(len(_layers(network)))):
        with torch.inference_mode(False), torch.no_grad():
            network = deepcopy(network)
            for weights in _layers(network)[place]:
                order = torch.from_numpy(rng.permutation(weights.numel()))
                weights.copy_(weights.flatten()[order].reshape(weights.shape))
        yield network


def unshuffled(network: nn.Module) -> str | None:
    """Why a network cannot be shuffled, or None where it can."""
    return None if _layers(network) else "its weights are not in reach"


def resemblance(
    maps: Float[Tensor, " state *map"], others: Float[Tensor, " state *map"]
) -> Float[np.ndarray, " state"]:
    """Spearman's correlation of the magnitudes in each state; NaN counts as 0.

    1 where both are all equal, so that nothing changed, and 0 where only one of them is.
    """
    ranks = [stats.rankdata(np.abs(_rows(each)), axis=1) for each in (maps, others)]
    first, second = (each - each.mean(1, keepdims=True) for each in ranks)
    sizes = np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=1)
    products = sizes[0] * sizes[1]
    flat = ((sizes[0] == 0) & (sizes[1] == 0)).astype(np.float64)
    return np.divide((first * second).sum(1), products, out=flat, where=products > 0)


def _rows(maps: Tensor) -> Float[np.ndarray, " state number"]:
    return maps.flatten(1).double().nan_to_num(nan=0.0).numpy()


def _layers(network: nn.Module) -> list[list[Tensor]]:
    """Weights layer by layer, as they are held."""
    layers: list[list[Tensor]] = [[*m.parameters(recurse=False)] for m in network.modules()]
    if not any(layers):
        layers = [[constant] for constant in network.buffers() if _is_matrix(constant)]
    return [layer for layer in layers if layer]


def _is_matrix(constant: Tensor) -> bool:
    return constant.is_floating_point() and sum(size > 1 for size in constant.shape) > 1
