"""The interventional game: known features keep their values, all others are drawn anew.

    v(C) = mean over b of f(x_C, b_{F∖C}),   b drawn from the visited states

What was drawn knows nothing of what is known, so that observations may be met that the policy
never visits: this asks the network, whatever the world is like. All 2^d coalitions are asked; the
values are exact for the background, and their standard errors are those of drawing it: the values
against single states of the background are independent, and φ is their mean.

Reference: Janzing, Minorics, Blöbaum 2020, Feature relevance quantification in explainable AI: a
causal problem, https://arxiv.org/abs/1910.13413
"""

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope.policies.policy import Memory, Policy
from policyscope.progress import Advance
from policyscope.shapley.acting import acts
from policyscope.shapley.coalitions import Contributions, coalitions, weights

ROWS = 4096
"""Observations at once: activations of a layer then stay in the processor's cache."""


def interventional(
    policy: Policy,
    states: Float[Tensor, " state feature"],
    memory: Memory,
    background: Float[Tensor, " background feature"],
    advance: Advance,
) -> Contributions:
    """Shapley values of what the policy does.

    Args:
        policy: Fitted to its action space.
        states: What it saw.
        memory: What it remembered then, one row per state, and keeps whatever it is shown.
        background: At least two observations, drawn from those that it visits.
        advance: Is told of each state that is done.
    """
    values, errors, bases = [], [], []
    for i, state in enumerate(states):
        remembered = tuple(part[i : i + 1] for part in memory)
        alone, base = _against_each(policy, state, remembered, background)
        values.append(alone.mean(1))
        errors.append(alone.std(1) / len(background) ** 0.5)
        bases.append(base.mean(0))
        advance(1)
    return Contributions(*(torch.stack(part).numpy() for part in (values, errors, bases)))


def _against_each(
    policy: Policy,
    state: Float[Tensor, " feature"],
    memory: Memory,
    background: Float[Tensor, " background feature"],
) -> tuple[Float[Tensor, " feature background output"], Float[Tensor, " background output"]]:
    """Shapley values against single states of the background, and what is done in these."""
    count, features = background.shape
    known, counted = torch.from_numpy(coalitions(features)), torch.from_numpy(weights(features))
    values = base = torch.empty(0)
    at_once = max(ROWS // count, 1)
    for first in range(0, len(known), at_once):
        part = slice(first, first + at_once)
        seen = torch.where(known[part, None], state, background).flatten(0, 1)
        remembered = tuple(row.expand(len(seen), *row.shape[1:]) for row in memory)
        did = acts(policy, seen, remembered).double().reshape(-1, count * (policy.outputs or 0))
        if first == 0:
            values, base = torch.zeros(features, did.shape[1]).double(), did[0].view(count, -1)
        values += counted[:, part] @ did
    return values.view(features, count, -1), base
