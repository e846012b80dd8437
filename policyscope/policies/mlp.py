"""Multilayer perceptrons, rebuilt from the names and shapes of their tensors."""

import re
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from policyscope.errors import DamagedCheckpoint, UnsupportedCheckpoint, UsageError, did_you_mean

ACTIVATIONS: dict[str, type[nn.Module]] = {
    kind.__name__.lower(): kind
    for kind in (
        nn.Tanh,
        nn.Hardtanh,
        nn.ReLU,
        nn.ReLU6,
        nn.ELU,
        nn.SELU,
        nn.GELU,
        nn.CELU,
        nn.SiLU,
        nn.Mish,
        nn.Hardswish,
        nn.LeakyReLU,
        nn.Sigmoid,
        nn.Softplus,
        nn.Softsign,
        nn.Identity,
    )
}

Layer = tuple[Tensor, Tensor | None]
"""Weight (output, input) and bias (output), if there is one."""


def activation_named(name: str) -> type[nn.Module]:
    """The activation module of a name such as `tanh` or `ReLU`.

    Raises:
        UsageError: If there is none.
    """
    key = name.lower().replace("_", "")
    if key not in ACTIVATIONS:
        raise UsageError(
            f"There is no activation {name!r}; known are {', '.join(ACTIVATIONS)}."
            + did_you_mean(key, ACTIVATIONS)
        )
    return ACTIVATIONS[key]


def stack(tensors: Mapping[str, Tensor], prefix: str) -> list[Layer]:
    """The linear layers below a prefix, in the order of their numbers.

    Args:
        tensors: Names to tensors, as in a state dict.
        prefix: For example `q_net.q_net`; its layers are `q_net.q_net.0.weight` and so on, or
            the prefix itself.

    Raises:
        UnsupportedCheckpoint: If something other than linear layers is below the prefix.
    """
    own = {name: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}
    weights = sorted((n for n in own if n.endswith(".weight")), key=_natural)
    rest = set(own)
    layers: list[Layer] = []
    for name in weights:
        bias = name.removesuffix("weight") + "bias"
        rest -= {name, bias}
        layers.append((own[name], own.get(bias)))
    strange = sorted(rest) + [n for n in weights if own[n].ndim != 2]
    if strange:
        raise UnsupportedCheckpoint(
            f"Only linear layers can be rebuilt, and {strange[0]} of shape "
            f"{tuple(own[strange[0]].shape)} is none."
        )
    return layers


def build(layers: Sequence[Layer], activation: type[nn.Module], *final: nn.Module) -> nn.Sequential:
    """A network of these layers, with the activation between them and `final` after the last.

    Raises:
        DamagedCheckpoint: If there are no layers, or they do not fit one another, or hold NaN or
            infinity.
    """
    if not layers:
        raise DamagedCheckpoint("There are no linear layers that choose actions in this file.")
    modules: list[nn.Module] = []
    for index, (weight, bias) in enumerate(layers):
        _require_sound(layers, index)
        # on the meta device nothing is drawn to be overwritten
        linear = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
        linear.weight = nn.Parameter(weight.float(), requires_grad=False)
        if bias is not None:
            linear.bias = nn.Parameter(bias.float(), requires_grad=False)
        modules += [linear, activation()]
    return nn.Sequential(*modules[:-1], *final).eval()


def architecture(layers: Sequence[Layer], activation: type[nn.Module] | None) -> str:
    """Widths and activation in words, for example `4 → 64 → 2, tanh`."""
    between = f", {activation.__name__}" if activation and len(layers) > 1 else ""
    return " → ".join(map(str, sizes(layers))) + between


def parameters(layers: Sequence[Layer]) -> int:
    """How many numbers the layers hold."""
    return sum(tensor.numel() for layer in layers for tensor in layer if tensor is not None)


def sizes(layers: Sequence[Layer]) -> list[int]:
    """Widths from the input to the output."""
    return [layers[0][0].shape[1], *(weight.shape[0] for weight, _ in layers)]


def _require_sound(layers: Sequence[Layer], index: int) -> None:
    weight, bias = layers[index]
    if weight.numel() == 0:
        raise DamagedCheckpoint(f"Layer {index} of shape {tuple(weight.shape)} is empty.")
    if weight.is_complex() or (bias is not None and bias.is_complex()):
        raise UnsupportedCheckpoint(f"Layer {index} holds complex numbers, which no policy does.")
    if index and weight.shape[1] != layers[index - 1][0].shape[0]:
        raise DamagedCheckpoint(
            f"Layer {index} takes {weight.shape[1]} numbers but layer {index - 1} gives "
            f"{layers[index - 1][0].shape[0]}; the file mixes parts of different networks."
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise DamagedCheckpoint(
            f"Layer {index} has {weight.shape[0]} outputs and {tuple(bias.shape)} biases."
        )
    if not all(t.float().isfinite().all() for t in (weight, bias) if t is not None):
        raise DamagedCheckpoint(
            f"Layer {index} holds weights that are NaN or infinite: the training had diverged "
            "when this was saved, so take an earlier checkpoint."
        )


def _natural(name: str) -> str:
    return re.sub(r"\d+", lambda digits: digits[0].zfill(9), name)
