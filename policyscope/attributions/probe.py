"""Probe: is what counts in a state told by the policy's own features of it?

SGQN trains a network to draw the mask M_ρ from the features that the policy computes. Of a trained
policy a linear probe is asked instead: ridge regression from the input of the last linear layer to
the mask, fitted to half of the blocks of steps and asked about the other, both ways. Its answer is
the area under the ROC curve in each state, less that of the mean mask of the states it was fitted
to: 0 says that the salient part is always the same or cannot be told.

Reference: Bertoin et al. 2022, https://arxiv.org/abs/2209.09203 (their auxiliary task); the probe
is ours. Fitted by scikit-learn.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from policyscope.attributions.glimpses import Glimpses

_INPUT = {"addmm": 1, "mm": 0}
"""Which argument of a linear layer's product is what it is given."""


def told(
    glimpses: Glimpses, mask: Bool[Tensor, " state *seen"], blocks: Int[np.ndarray, " state"]
) -> Float[np.ndarray, " state"] | None:
    """Area under the ROC curve of each state's mask, less that of the mean mask.

    Args:
        glimpses: The states.
        mask: What counts there.
        blocks: The block of each; what was fitted to a block is not asked about it.

    Returns:
        None where there is no linear layer, only one block, or only one number to tell.
    """
    features, kinds = features_of(glimpses), np.unique(blocks)
    wanted = mask.flatten(1).numpy()
    if features is None or len(kinds) < 2 or wanted.shape[1] < 2:
        return None
    gains = np.empty(len(wanted))
    asked = np.isin(blocks, kinds[::2])
    for test in (asked, ~asked):
        probe = make_pipeline(StandardScaler(), Ridge())
        probe.fit(features[~test], wanted[~test].astype(np.float64))
        answers = probe.predict(features[test]).reshape(test.sum(), -1)
        mean = np.broadcast_to(wanted[~test].mean(0), answers.shape)
        gains[test] = _areas(wanted[test], answers) - _areas(wanted[test], mean)
    return gains


def features_of(glimpses: Glimpses) -> Float[np.ndarray, " state feature"] | None:
    """What the last linear layer is given, whatever format it came from; None without one."""
    given: list[Tensor] = []

    class Watching(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None):
            place = _INPUT.get(func.overloadpacket.__name__)
            if place is not None and len(args[place]) == len(glimpses):
                given[:] = [args[place]]
            return func(*args, **(kwargs or {}))

    with torch.no_grad(), Watching():
        glimpses.scores(torch.arange(len(glimpses)), glimpses.seen)
    return given[0].double().numpy() if given else None


def _areas(
    wanted: Bool[np.ndarray, " state number"], answers: Float[np.ndarray, " state number"]
) -> Float[np.ndarray, " state"]:
    """Area under the ROC curve of each row, from the ranks of those that are wanted."""
    ranks = stats.rankdata(answers, axis=1)
    inside = wanted.sum(1)
    outside = wanted.shape[1] - inside
    return ((ranks * wanted).sum(1) - inside * (inside + 1) / 2) / (inside * outside)
