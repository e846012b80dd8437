"""LSTM and GRU of ONNX in torch's words, step by step, so that `torch.vmap` can take them.

The definitions: https://onnx.ai/onnx/operators/onnx__LSTM.html and onnx__GRU.html. Gates come in
the order input, output, forget, cell and update, reset, hidden. What policies do not use raises
`Inexpressible`: other directions than forward, other activations, peepholes, clipping, lengths.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from policyscope.policies.onnx_nodes import Answer, Inexpressible, Node, Operator, bounded

_PLAIN = {"direction": "forward", "layout": 0, "input_forget": 0}
_ACTIVATIONS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}


def _lstm(  # noqa: PLR0913  the inputs of the operator
    node: Node,
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    lengths: Tensor | None = None,
    hidden: Tensor | None = None,
    cell: Tensor | None = None,
    peepholes: Tensor | None = None,
) -> Answer:
    _require_plain(node, lengths, peepholes)
    bias = torch.zeros(1) if b is None else b[0].chunk(2)[0] + b[0].chunk(2)[1]
    h, c = (_initial(state, x, r) for state in (hidden, cell))
    steps: list[Tensor] = []
    for seen in x:
        i, o, f, g = (seen @ w[0].T + h @ r[0].T + bias).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        steps.append(h)
    return torch.stack(steps)[:, None], h[None], c[None]


def _gru(  # noqa: PLR0913  as above
    node: Node,
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    lengths: Tensor | None = None,
    hidden: Tensor | None = None,
) -> Answer:
    _require_plain(node, lengths)
    wb, rb = (torch.zeros(r.shape[1]),) * 2 if b is None else b[0].chunk(2)
    h = _initial(hidden, x, r)
    after = bool(node.get("linear_before_reset", 0))
    steps: list[Tensor] = []
    for seen in x:
        (xz, xr, xh), (wr, rbz) = (seen @ w[0].T + wb).chunk(3, -1), (r[0].chunk(3), rb.chunk(3))
        z = torch.sigmoid(xz + h @ wr[0].T + rbz[0])
        reset = torch.sigmoid(xr + h @ wr[1].T + rbz[1])
        if after:
            new = torch.tanh(xh + reset * (h @ wr[2].T + rbz[2]))
        else:
            new = torch.tanh(xh + (reset * h) @ wr[2].T + rbz[2])
        h = (1 - z) * new + z * h
        steps.append(h)
    return torch.stack(steps)[:, None], h[None]


def _initial(state: Tensor | None, x: Tensor, r: Tensor) -> Tensor:
    bounded((x.shape[0], x.shape[1], r.shape[1]), Node("LSTM", (), (), {}, 0))
    return torch.zeros(x.shape[1], r.shape[2]) if state is None else state[0]


def _require_plain(node: Node, *unused: Tensor | None) -> None:
    odd = [name for name, usual in _PLAIN.items() if node.get(name, usual) != usual]
    usual = _ACTIVATIONS[node.operator]
    odd += ["activations"] * (node.get("activations", usual) != usual)
    odd += [name for name in ("clip", "activation_alpha") if name in node.attributes]
    if odd or any(tensor is not None for tensor in unused):
        raise Inexpressible(f"{node.operator} with {', '.join(odd) or 'lengths or peepholes'}")


RECURRENT: Mapping[str, Operator] = {"GRU": _gru, "LSTM": _lstm}
