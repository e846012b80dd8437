"""SARFA: which parts speak for this action in particular, rather than for anything at all?

With p = softmax(S), a the action of the largest weight in the target, s' the observation without a
part, and q the probabilities of the other actions among themselves,

    specific    ΔP = p_a(s) − p_a(s')
    relevant    K  = 1 / (1 + KL(q(s') ‖ q(s)))
    m           = 2 K ΔP / (K + ΔP) where ΔP > 0, and 0 elsewhere

A number of a vector is replaced by the baseline, a spot of an image blurred (see `spots`). The
actions of a group of a multi-discrete action compete with one another only.

Reference: Puri et al. 2020, https://arxiv.org/abs/1912.12191
"""

from dataclasses import dataclass

import torch
from gymnasium import spaces
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import one_hot

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps, Reference, Targets
from policyscope.attributions.parts import (
    frame_shape,
    scores_without,
    single_numbers,
    spread,
    too_many,
)
from policyscope.attributions.slopes import values
from policyscope.attributions.spots import blurred, over_frames, spots

NO_CHOICE = "it explains choices between discrete actions, and here are none"
Choices = spaces.Discrete | spaces.MultiDiscrete


@dataclass(frozen=True)
class Sarfa:
    """Specific and relevant feature attribution: the harmonic mean of both."""

    def obstacle(self, glimpses: Glimpses) -> str | None:
        """See `Method.obstacle`."""
        if not isinstance(glimpses.policy.action_space, Choices):
            return NO_CHOICE
        return too_many(glimpses)

    def attribute(self, glimpses: Glimpses, targets: Targets, reference: Reference) -> Maps:
        """See `Method.attribute`."""
        frame = frame_shape(glimpses)
        if frame is None:
            masks, instead = single_numbers(glimpses), reference.baseline.expand_as(glimpses.seen)
        else:
            masks, instead = spots(frame), blurred(glimpses, frame)
        clean = values(glimpses, torch.arange(len(glimpses)), glimpses.seen)[:, None, None]
        without = scores_without(glimpses, masks, instead)
        chosen = one_hot(targets.argmax(2), targets.shape[2]).bool()
        together = groups(glimpses)[targets.argmax(2)]
        credits = torch.stack(
            [
                harmonic(clean, without, action[:, None, None], group[:, None, None])
                for action, group in zip(chosen.unbind(1), together.unbind(1), strict=True)
            ],
            1,
        )
        if frame is None:
            return spread(credits, masks, glimpses)
        return over_frames(credits, frame, glimpses)


def harmonic(
    clean: Float[Tensor, " state 1 1 score"],
    without: Float[Tensor, " state time part score"],
    action: Bool[Tensor, " state 1 1 score"],
    group: Bool[Tensor, " state 1 1 score"],
) -> Float[Tensor, " state time part"]:
    """m, where `action` is true of the action, and `group` of all that compete."""
    before, after = (
        scores.masked_fill(~group, -torch.inf).softmax(-1).mul(action).sum(-1)
        for scores in (clean, without)
    )
    others = group & ~action
    mine, theirs = (
        scores.masked_fill(~others, -torch.inf).log_softmax(-1) for scores in (clean, without)
    )
    divergence = torch.where(others, theirs.exp() * (theirs - mine), 0).sum(-1)
    specific, relevant = before - after, 1 / (1 + divergence.clamp(min=0))
    mean = 2 * relevant * specific / (relevant + specific)
    return torch.where(specific > 0, mean, 0)


def groups(glimpses: Glimpses) -> Bool[Tensor, " score score"]:
    """Which actions compete with which."""
    match glimpses.policy.action_space:
        case spaces.Discrete(n=n):
            sizes = [int(n)]
        case spaces.MultiDiscrete(nvec=nvec):
            sizes = nvec.flatten().tolist()
        case space:
            raise ValueError(f"SARFA was asked for all the same: {NO_CHOICE} ({space}).")
    group = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    return group[:, None] == group
