"""The operators of ONNX that make, rearrange and leave out numbers, and compute none."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from policyscope.policies.onnx_nodes import Answer, Inexpressible, Node, Operator, bounded, numbers


def _reshape(node: Node, x: Tensor, shape: Tensor) -> Tensor:
    sizes = shape.tolist()
    if not node.get("allowzero", 0):
        sizes = [x.shape[i] if size == 0 else size for i, size in enumerate(sizes)]
    return x.reshape(sizes)


def _flatten(node: Node, x: Tensor) -> Tensor:
    axis = node.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def _squeeze(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    chosen = numbers(node, "axes", axes)
    if chosen is None:
        return x.reshape([size for size in x.shape if size != 1])
    if any(x.shape[axis] != 1 for axis in chosen):
        raise RuntimeError(f"only axes of length 1 can be left out of {tuple(x.shape)}")
    return x.squeeze(tuple(chosen))


def _unsqueeze(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    chosen = numbers(node, "axes", axes) or []
    rank = x.ndim + len(chosen)
    for axis in sorted(axis % rank for axis in chosen):
        x = x.unsqueeze(axis)
    return x


def _concat(node: Node, *inputs: Tensor) -> Tensor:
    return torch.cat(inputs, node.attributes["axis"])


def _split(node: Node, x: Tensor, sizes: Tensor | None = None) -> Answer:
    axis, parts = node.get("axis", 0), len(node.outputs)
    known = numbers(node, "split", sizes)
    return x.split(known or math.ceil(x.shape[axis] / parts), axis)


def _slice(node: Node, x: Tensor, *given: Tensor | None) -> Tensor:
    inputs = dict(zip(("starts", "ends", "axes", "steps"), given, strict=False))
    starts, ends, axes, steps = (
        numbers(node, name, inputs.get(name)) for name in ("starts", "ends", "axes", "steps")
    )
    if starts is None or ends is None:
        raise Inexpressible("Slice without starts or ends")
    axes, steps = axes or list(range(len(starts))), steps or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        chosen = range(*slice(start, end, step).indices(x.shape[axis]))
        x = x.index_select(axis, torch.tensor(chosen, dtype=torch.int64))
    return x


def _gather(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    axis = node.get("axis", 0) % x.ndim
    flat = indices.reshape(-1).long()
    flat = torch.where(flat < 0, flat + x.shape[axis], flat)
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    bounded(shape, node)
    return x.index_select(axis, flat).reshape(shape)


def _transpose(node: Node, x: Tensor) -> Tensor:
    return x.permute(node.get("perm", list(reversed(range(x.ndim)))))


def _shape(node: Node, x: Tensor) -> Tensor:
    return torch.tensor(x.shape[node.get("start", 0) : node.get("end", None)], dtype=torch.int64)


def _expand(node: Node, x: Tensor, shape: Tensor) -> Tensor:
    return x.expand(*bounded(torch.broadcast_shapes(x.shape, shape.tolist()), node))


def _constant_of_shape(node: Node, shape: Tensor) -> Tensor:
    value = node.get("value", torch.zeros(1))
    return value.reshape(()).repeat(tuple(bounded(shape.tolist(), node)))


REARRANGING: Mapping[str, Operator] = {
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
