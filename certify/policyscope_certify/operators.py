"""The operators of torch through which bounds can be carried, and how each treats a half width.

Half widths r ≥ 0 pass an affine map x ↦ Wx + b as |W| r: what is added falls away, factors lose
their sign. Operators that only move, add up or average numbers do to r what they do to x.

Source: interval arithmetic as in Gowal et al. 2018, https://arxiv.org/abs/1810.12715.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

aten = torch.ops.aten

Function = Callable[..., Any]

MOVING: frozenset[Function] = frozenset(
    {
        operator.getitem,
        aten._unsafe_view.default,
        aten.alias.default,
        aten.avg_pool2d.default,
        aten.cat.default,
        aten.clone.default,
        aten.detach.default,
        aten.expand.default,
        aten.index.Tensor,
        aten.index_select.default,
        aten.mean.default,
        aten.mean.dim,
        aten.permute.default,
        aten.select.int,
        aten.slice.Tensor,
        aten.split.Tensor,
        aten.split_with_sizes.default,
        aten.squeeze.default,
        aten.squeeze.dim,
        aten.squeeze.dims,
        aten.stack.default,
        aten.sum.default,
        aten.sum.dim_IntList,
        aten.t.default,
        aten.transpose.int,
        aten.unbind.int,
        aten.unsqueeze.default,
        aten.view.default,
    }
)
"""They have no constants of their own, and no negative weights."""


@dataclass(frozen=True)
class Mixing:
    """An operator that adds terms and multiplies factors, only one of which may vary."""

    terms: tuple[int, ...]
    """Positions of the arguments that are added."""
    factors: tuple[int, ...]
    """Positions of the arguments that are multiplied."""
    of_half_widths: Function
    varying: tuple[int, ...] | None = None
    """The factors that may depend on the observation; None for each of them."""


MIXING: Mapping[Function, Mixing] = {
    aten.add.Tensor: Mixing((0, 1), (), aten.add.Tensor),
    aten.sub.Tensor: Mixing((0, 1), (), aten.add.Tensor),
    aten.rsub.Scalar: Mixing((0, 1), (), aten.add.Tensor),
    aten.rsub.Tensor: Mixing((0, 1), (), aten.add.Tensor),
    aten.mul.Tensor: Mixing((), (0, 1), aten.mul.Tensor),
    aten.div.Tensor: Mixing((), (0, 1), aten.div.Tensor, (0,)),
    aten.neg.default: Mixing((), (0,), aten.alias.default),
    aten.mm.default: Mixing((), (0, 1), aten.mm.default),
    aten.bmm.default: Mixing((), (0, 1), aten.bmm.default),
    aten.mv.default: Mixing((), (0, 1), aten.mv.default),
    aten.addmm.default: Mixing((0,), (1, 2), aten.addmm.default),
    aten.convolution.default: Mixing((2,), (0, 1), aten.convolution.default, (0,)),
}
