"""Recurrent layers (LSTM and GRU), rebuilt from the names and shapes of their tensors.

At each step, with σ the logistic function, an LSTM goes on with

    cell' = σ(f) · cell + σ(i) · tanh(g),    hidden' = σ(o) · tanh(cell'),

where i, f, g, o are the four quarters of W x + b + U hidden + c, and a GRU with

    hidden' = (1 - σ(z)) · tanh(n + σ(r) · m) + σ(z) · hidden,

where r and z are the first two thirds of W x + b + U hidden + c, n is the last third of W x + b,
and m that of U hidden + c. An episode begins with hidden = cell = 0.

Sources: Hochreiter & Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735, and Cho et al.
2014, https://arxiv.org/abs/1406.1078, as torch has them,
https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html
"""

import re
from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor, nn

from policyscope.errors import DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies.filling import filled
from policyscope.policies.policy import Memory

Layers = nn.LSTM | nn.GRU
Kind = TypeVar("Kind", bound=Layers)

_FIRST = re.compile(r"(.*)\.weight_ih(_l0)?")
_BLOCKS: dict[type[Layers], int] = {nn.LSTM: 4, nn.GRU: 3}
"""How many blocks of rows, one for each gate and candidate, its weights have."""
_STATES: dict[type[Layers], int] = {nn.LSTM: 2, nn.GRU: 1}
"""How many tensors it remembers."""


class Recurrent(nn.Module):
    """Features, recurrent layers that take one step, and layers on what they put out."""

    def __init__(self, features: nn.Module, layers: Layers, body: nn.Module) -> None:
        super().__init__()
        self.features = features
        self.layers = layers
        self.body = body

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Scores, and what is remembered (lane, layer, number) after this step."""
        features = self.features(observations.flatten(1).float())[None]
        # torch has the layers before the lanes
        before = [part.transpose(0, 1).contiguous() for part in memory]
        if isinstance(self.layers, nn.LSTM):
            output, after = self.layers(features, tuple(before))
        else:
            output, *after = self.layers(features, *before)
        return self.body(output[0]), tuple(part.transpose(0, 1).contiguous() for part in after)


def memory_shapes(layers: Layers) -> tuple[tuple[int, ...], ...]:
    """Shapes of what they remember of one lane: hidden and, of an LSTM, cell states."""
    return ((layers.num_layers, layers.hidden_size),) * _STATES[type(layers)]


def prefixes(tensors: Mapping[str, Tensor]) -> list[str]:
    """What the names of recurrent layers and cells of any kind begin with."""
    return [match[1] for match in map(_FIRST.fullmatch, tensors) if match]


def kind_of(tensors: Mapping[str, Tensor], prefix: str) -> type[Layers] | None:
    """Whether an LSTM or a GRU stands below a prefix, by the blocks of its weights."""
    weight = _as_layers(tensors, prefix).get(f"{prefix}.weight_hh_l0")
    if weight is None or weight.ndim != 2:
        return None
    rows, columns = weight.shape
    return next((kind for kind, blocks in _BLOCKS.items() if rows == blocks * columns), None)


def rebuilt(kind: type[Kind], tensors: Mapping[str, Tensor], prefix: str) -> Kind:
    """The recurrent layers below a prefix.

    Args:
        kind: LSTM or GRU.
        tensors: Names to tensors, as in a state dict.
        prefix: For example `lstm_actor`; its tensors are `lstm_actor.weight_ih_l0` and so on, or
            `lstm_actor.weight_ih` of a cell.

    Raises:
        DamagedCheckpoint: If its tensors do not fit one another, or hold NaN or infinity.
        UnsupportedCheckpoint: If it runs both ways, or projects what it remembers.
    """
    own = _as_layers(tensors, prefix)
    # reversed and projecting layers have names of their own
    strange = sorted(n for n in own if n.endswith("_reverse") or ".weight_hr_" in n)
    if strange:
        raise UnsupportedCheckpoint(
            f"This policy's {kind.__name__} has {strange[0]}; only those that run forwards and do "
            "not project can be rebuilt."
        )
    first, blocks = own.get(f"{prefix}.weight_ih_l0"), _BLOCKS[kind]
    if first is None or first.ndim != 2 or first.shape[0] < blocks or first.shape[1] < 1:
        raise DamagedCheckpoint(
            f"{prefix}.weight_ih_l0 is not the weight of {kind.__name__} layers."
        )
    depth = sum(name.startswith(f"{prefix}.weight_ih_l") for name in own)
    biased = f"{prefix}.bias_ih_l0" in own
    layers = kind(first.shape[1], first.shape[0] // blocks, depth, biased, device="meta")
    return filled(layers, own, prefix)


def _as_layers(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors below a prefix; those of a cell named as of the one layer that it is."""
    own = {name: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}
    if f"{prefix}.weight_ih" not in own:
        return own
    return {f"{name}_l0": tensor for name, tensor in own.items()}
