"""Adversaries as shifts: what a policy sees when it is attacked in every step.

The kinds are those of RA-NLD's experiments, which state no strength; ours are no longer than the
noise beside which they are read, a tenth of each feature's unit, and 8 of 255 on images:

| shift | budget of a step | effort |
|---|---|---|
| Carlini-Wagner | l2, ε √d for d features that may be moved | three steps of Adam, one price |
| DeepFool | linf, ε | three tangents |
| elastic net | l2, ε √d | three steps of shrinkage, one price |
| Nesterov momentum | linf, ε | three steps |
| maximal action difference | linf, ε | three steps |

The first four change decisions, and make no sense where actions are continuous; there the last,
which is not among the paper's, takes their place. They try less hard than an attack on the return
would: a shift is to show other states, and must not take longer than all the rest.

Reference: Korkmaz 2024, https://arxiv.org/abs/2406.16979, §5
"""

import math
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Shaped

from policyscope.policies.flips import is_discrete
from policyscope.policies.policy import Policy
from policyscope.rollouts.perturbation import Shift
from policyscope_attacks.attack import Attack
from policyscope_attacks.budget import Budget
from policyscope_attacks.methods.carlini_wagner import CarliniWagner
from policyscope_attacks.methods.deepfool import DeepFool
from policyscope_attacks.methods.elastic_net import ElasticNet
from policyscope_attacks.methods.mad import Mad
from policyscope_attacks.methods.nesterov import Nesterov
from policyscope_attacks.standing_between import StandingBetween

NUMBERS, PIXELS = 0.1, 8 / 255
"""ε in units of each feature, for vectors and for images."""


def _shift(
    attack: Attack,
    norm: str,
    discrete: bool,
    policy: Policy,
    visited: Shaped[np.ndarray, " step *observation"],
    scale: Float[np.ndarray, " *observation"],
) -> StandingBetween | None:
    alone = policy.outputs == 1 and discrete
    if not policy.differentiable or is_discrete(policy) is not discrete or alone:
        return None
    size = NUMBERS if visited.ndim == 2 else PIXELS
    if norm == "l2":
        size *= math.sqrt(np.count_nonzero(scale))
    units = torch.from_numpy(np.asarray(scale, np.float32))
    return StandingBetween(attack, policy, Budget(size, units, norm))


carlini_wagner: Shift = partial(_shift, CarliniWagner(steps=3, searches=1), "l2", True)
deepfool: Shift = partial(_shift, DeepFool(steps=3), "linf", True)
elastic_net: Shift = partial(_shift, ElasticNet(steps=3, searches=1), "l2", True)
nesterov: Shift = partial(_shift, Nesterov(steps=3), "linf", True)
maximal_action_difference: Shift = partial(_shift, Mad(steps=3), "linf", False)
