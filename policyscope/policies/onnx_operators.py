"""The operators of ONNX that have a gradient here, in torch's words.

Each is a function of its node (attributes, version of the operator set) and its input tensors, None
where an optional one is left out. It computes what onnxruntime computes; a variant that it does not
cover raises `Inexpressible`. The definitions: https://onnx.ai/onnx/operators/.
"""

import math
from collections.abc import Callable, Mapping
from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  as everybody calls it

from policyscope.policies.onnx_layout import REARRANGING
from policyscope.policies.onnx_nodes import (
    TYPES,
    Inexpressible,
    Node,
    Operator,
    bounded,
    numbers,
)
from policyscope.policies.onnx_recurrent import RECURRENT

VERSIONS = range(9, 28)
"""Versions of the operator set whose differences are known here."""


def apply(node: Node, *inputs: Tensor | None) -> tuple[Tensor, ...]:
    """What a node answers.

    Raises:
        Inexpressible: If its operator is not in the table.
        RuntimeError: In torch's words, if the inputs do not fit.
    """
    if node.operator not in OPERATORS:
        raise Inexpressible(node.operator)
    try:
        if node.operator in _BROADCASTING:
            bounded(torch.broadcast_shapes(*(i.shape for i in inputs if i is not None)), node)
        answer = OPERATORS[node.operator](node, *inputs)
    except RuntimeError:
        raise
    except Exception as error:  # Python's and torch's many words for arguments that do not fit
        raise RuntimeError(f"{node.operator} fails: {error!r}") from error
    answers = answer if isinstance(answer, tuple) else (answer,)
    if sum(map(bool, node.outputs)) > len(answers):
        raise Inexpressible(f"{node.operator} with {len(node.outputs)} outputs")
    return answers


def _plain(function: Callable[..., Tensor]) -> Operator:
    def operator(_: Node, *inputs: Tensor) -> Tensor:
        return function(*inputs)

    return operator


def _folded(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    def operator(_: Node, *inputs: Tensor) -> Tensor:
        return reduce(function, inputs)

    return operator


def _div(_: Node, x: Tensor, y: Tensor) -> Tensor:
    return x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")


def _gemm(node: Node, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a = a.T if node.get("transA", 0) else a
    b = b.T if node.get("transB", 0) else b
    product = node.get("alpha", 1.0) * (a @ b)
    return product if c is None else product + node.get("beta", 1.0) * c


def _selu(node: Node, x: Tensor) -> Tensor:
    return node.get("gamma", 1.0507009873554805) * F.elu(x, node.get("alpha", 1.6732632423543772))


def _hard_sigmoid(node: Node, x: Tensor) -> Tensor:
    return (node.get("alpha", 0.2) * x + node.get("beta", 0.5)).clamp(0.0, 1.0)


def _reduced(function: Callable[..., Tensor]) -> Operator:
    def operator(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
        chosen = numbers(node, "axes", axes)
        if not chosen and node.get("noop_with_empty_axes", 0):
            return x
        return function(x, chosen or list(range(x.ndim)), bool(node.get("keepdims", 1)))

    return operator


def _softmax(function: Callable[..., Tensor]) -> Operator:
    def operator(node: Node, x: Tensor) -> Tensor:
        if node.version >= 13:
            return function(x, dim=node.get("axis", -1))
        # the older definition treats all axes from this one on as a single one
        axis = node.get("axis", 1) % x.ndim
        return function(x.flatten(axis), dim=axis).reshape(x.shape)

    return operator


def _clip(node: Node, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    if node.version < 11:
        return x.clamp(node.get("min", None), node.get("max", None)) if node.attributes else x
    return x if low is None and high is None else torch.clamp(x, low, high)


def _cast(node: Node, x: Tensor) -> Tensor:
    if node.get("to", 0) not in TYPES:
        raise Inexpressible(f"Cast to type {node.get('to', 0)}")
    return x.to(TYPES[node.get("to", 0)])


def _dropout(_: Node, x: Tensor, ratio: Tensor | None = None, on: Tensor | None = None) -> Tensor:
    del ratio
    if on is not None and bool(on):
        raise Inexpressible("Dropout of a network in training")
    return x


def _padded(node: Node, x: Tensor, value: float = 0.0) -> Tensor:
    """The image with the margin that a convolution or pooling asks for."""
    if node.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise Inexpressible(f"{node.operator} with automatic padding")
    pads = node.get("pads", None)
    if node.get("auto_pad", "NOTSET") == "VALID" or not pads or not any(pads):
        return x
    if len(pads) != 4 or min(pads) < 0:
        raise Inexpressible(f"{node.operator} with padding {pads}")
    top, left, bottom, right = pads
    bounded((x.numel(), 1 + top + bottom, 1 + left + right), node)
    return F.pad(x, (left, right, top, bottom), value=value)


def _conv(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if x.ndim != 4:
        raise Inexpressible(f"Conv of {x.ndim - 2} dimensions")
    stride, dilation = node.get("strides", [1, 1]), node.get("dilations", [1, 1])
    return F.conv2d(_padded(node, x), weight, bias, stride, 0, dilation, node.get("group", 1))


def _pooled(node: Node, x: Tensor) -> None:
    if x.ndim != 4 or node.get("ceil_mode", 0):
        raise Inexpressible(f"{node.operator} of {x.ndim - 2} dimensions, or rounding up")


def _max_pool(node: Node, x: Tensor) -> Tensor:
    _pooled(node, x)
    size, stride = node.attributes["kernel_shape"], node.get("strides", [1, 1])
    return F.max_pool2d(_padded(node, x, -math.inf), size, stride, 0, node.get("dilations", [1, 1]))


def _average_pool(node: Node, x: Tensor) -> Tensor:
    _pooled(node, x)
    if any(d != 1 for d in node.get("dilations", [])):
        raise Inexpressible("AveragePool with dilations")
    size, stride = node.attributes["kernel_shape"], node.get("strides", [1, 1])
    mean = F.avg_pool2d(_padded(node, x), size, stride)
    if node.get("count_include_pad", 0):
        return mean
    return mean / F.avg_pool2d(_padded(node, torch.ones(x.shape, dtype=x.dtype)), size, stride)


def _batch_normalisation(node: Node, x: Tensor, *statistics: Tensor) -> Tensor:
    if node.get("training_mode", 0):
        raise Inexpressible("BatchNormalization in training")
    scale, bias, mean, variance = (s.reshape(-1, *[1] * (x.ndim - 2)) for s in statistics)
    return (x - mean) / (variance + node.get("epsilon", 1e-5)).sqrt() * scale + bias


def _layer_normalisation(
    node: Node, x: Tensor, scale: Tensor, bias: Tensor | None = None
) -> Tensor:
    normal = F.layer_norm(x, x.shape[node.get("axis", -1) :], eps=node.get("epsilon", 1e-5))
    return normal * scale if bias is None else normal * scale + bias


def _arg_max(node: Node, x: Tensor) -> Tensor:
    if node.get("select_last_index", 0):
        raise Inexpressible("ArgMax of the last of equals")
    return x.argmax(node.get("axis", 0), bool(node.get("keepdims", 1)))


OPERATORS: Mapping[str, Operator] = {
    **REARRANGING,
    **RECURRENT,
    "Abs": _plain(torch.abs),
    "Add": _plain(torch.add),
    "And": _plain(torch.logical_and),
    "ArgMax": _arg_max,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_normalisation,
    "Cast": _cast,
    "CastLike": lambda _, x, like: x.to(like.dtype),
    "Ceil": _plain(torch.ceil),
    "Clip": _clip,
    "Conv": _conv,
    "Cos": _plain(torch.cos),
    "Div": _div,
    "Dropout": _dropout,
    "Elu": lambda node, x: F.elu(x, node.get("alpha", 1.0)),
    "Equal": _plain(torch.eq),
    "Erf": _plain(torch.erf),
    "Exp": _plain(torch.exp),
    "Floor": _plain(torch.floor),
    "Gelu": lambda node, x: F.gelu(x, approximate=node.get("approximate", "none")),
    "Gemm": _gemm,
    "GlobalAveragePool": lambda _, x: x.mean(list(range(2, x.ndim)), keepdim=True),
    "Greater": _plain(torch.gt),
    "GreaterOrEqual": _plain(torch.ge),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _plain(F.hardswish),
    "Identity": lambda _, x: x,
    "LayerNormalization": _layer_normalisation,
    "LeakyRelu": lambda node, x: F.leaky_relu(x, node.get("alpha", 0.01)),
    "Less": _plain(torch.lt),
    "LessOrEqual": _plain(torch.le),
    "Log": _plain(torch.log),
    "LogSoftmax": _softmax(torch.log_softmax),
    "MatMul": _plain(torch.matmul),
    "Max": _folded(torch.maximum),
    "MaxPool": _max_pool,
    "Min": _folded(torch.minimum),
    "Mish": _plain(F.mish),
    "Mul": _plain(torch.mul),
    "Neg": _plain(torch.neg),
    "Not": _plain(torch.logical_not),
    "Or": _plain(torch.logical_or),
    "Pow": lambda _, x, y: torch.pow(x, y).to(x.dtype),
    "Reciprocal": _plain(torch.reciprocal),
    "ReduceMax": _reduced(torch.amax),
    "ReduceMean": _reduced(torch.mean),
    "ReduceMin": _reduced(torch.amin),
    "ReduceSum": _reduced(torch.sum),
    "Relu": _plain(torch.relu),
    "Selu": _selu,
    "Sigmoid": _plain(torch.sigmoid),
    "Sign": _plain(torch.sign),
    "Sin": _plain(torch.sin),
    "Softmax": _softmax(torch.softmax),
    "Softplus": _plain(F.softplus),
    "Sqrt": _plain(torch.sqrt),
    "Sub": _plain(torch.sub),
    "Tanh": _plain(torch.tanh),
    "Where": _plain(torch.where),
}
_BROADCASTING = frozenset(
    "Add And Div Equal Greater GreaterOrEqual Less LessOrEqual Max Min Mul Or Pow Sub Where".split()
)
