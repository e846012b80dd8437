"""torch modules, rebuilt from what a pickle says of them.

A whole module that was saved with `torch.save(module, path)` is a pickle of classes that would have
to be imported. Read as data, it is a tree of records: of torch's own layers with their parameters
and options, and of somebody's classes around them. Layers are rebuilt; of a class that is not
torch's, only the order of its children is known, so they are applied one after the other, without
those that estimate values. What its `forward` does besides cannot be known.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from policyscope.errors import DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies.critics import VALUE, estimates_values
from policyscope.policies.policy import Memory
from policyscope.policies.quoting import first_line
from policyscope.policies.records import Record

_TORCH = re.compile(r"torch\.nn\.modules\.\w+\.(\w+)")
_PARTS = ("_parameters", "_buffers", "_modules")


class Frames(nn.Module):
    """A network of images, which it sees as numbers from 0 to 1."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Scores of uint8 images, and the memory handed on."""
        return self.body(observations.float() / 255), memory


def is_module(value: Any) -> bool:
    """Whether a record is of a torch module, or of a class derived from it."""
    return isinstance(value, Record) and all(isinstance(value.get(p), Mapping) for p in _PARTS)


def chain(record: Record) -> Iterator[nn.Module]:
    """The layers of a module, in the order of its children, without those that estimate values.

    Raises:
        UnsupportedCheckpoint: If a layer is of a kind that cannot be rebuilt, or what holds layers
            is held twice, perhaps by itself.
        DamagedCheckpoint: If a layer's parameters or options are missing, or make no sense.
    """
    return _chain(record, "module", lambda child: not VALUE.search(child), set())


def critic_chain(record: Record) -> Iterator[nn.Module]:
    """The layers of what estimates values inside a module, in the order of its children.

    Raises:
        CheckpointError: As `chain` does.
    """
    held: set[int] = set()
    waiting = [("module", record)]
    for name, module in waiting:  # which grows on the way
        if id(module) in held:
            continue
        held.add(id(module))
        for child, inner in module.get("_modules").items():
            if not is_module(inner):
                continue
            if estimates_values(str(child)):
                yield from _chain(inner, f"{name}.{child}", lambda _: True, set())
            else:
                waiting.append((f"{name}.{child}", inner))


def _chain(
    record: Record, name: str, wanted: Callable[[str], bool], held: set[int]
) -> Iterator[nn.Module]:
    layer = _TORCH.fullmatch(record.origin)
    kind = layer[1] if layer else ""
    if kind in _LAYERS:
        yield _with_parameters(_built(kind, record, name), record, name)
    elif kind and kind not in ("Sequential", "ModuleList"):
        raise UnsupportedCheckpoint(f"{name} is a {record.origin}, which cannot be rebuilt yet.")
    elif record.get("_modules"):
        if id(record) in held:
            raise UnsupportedCheckpoint(
                f"{name} is a {record.origin} that is held twice, and only its code knows when it "
                "is applied; export the policy to TorchScript."
            )
        held.add(id(record))
        for child, inner in record.get("_modules").items():
            if is_module(inner) and wanted(str(child)):
                yield from _chain(inner, f"{name}.{child}", wanted, held)
    elif "flatten" in record.origin.lower():
        yield nn.Flatten()
    else:
        raise UnsupportedCheckpoint(
            f"{name} is a {record.origin}, whose code is not in the file and is not run; export "
            "the policy to TorchScript."
        )


def _built(kind: str, record: Record, name: str) -> nn.Module:
    """A layer with these options, and parameters that take no room until they are filled in."""
    try:
        with torch.device("meta"):
            return _LAYERS[kind](record)
    except Exception as error:  # a pickle may give any options
        raise DamagedCheckpoint(
            f"{name} is a {kind} with options that make no sense ({first_line(error)})."
        ) from error


def _linear(record: Record) -> nn.Module:
    bias = record.get("_parameters").get("bias") is not None
    return nn.Linear(record.get("in_features"), record.get("out_features"), bias)


def _convolution(record: Record) -> nn.Module:
    options = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation")
    bias = record.get("_parameters").get("bias") is not None
    given = {option: record.get(option) for option in options}
    return nn.Conv2d(**given, groups=record.get("groups"), bias=bias)


_LAYERS: dict[str, Callable[[Record], nn.Module]] = {
    "Linear": _linear,
    "Conv2d": _convolution,
    "Flatten": lambda _: nn.Flatten(),
    "Identity": lambda _: nn.Identity(),
    "Dropout": lambda _: nn.Identity(),
    "ReLU": lambda _: nn.ReLU(),
    "Tanh": lambda _: nn.Tanh(),
    "Sigmoid": lambda _: nn.Sigmoid(),
    "SiLU": lambda _: nn.SiLU(),
    "GELU": lambda _: nn.GELU(),
    "ELU": lambda record: nn.ELU(float(record.get("alpha", 1.0))),
    "LeakyReLU": lambda record: nn.LeakyReLU(float(record.get("negative_slope", 0.01))),
}


def _with_parameters(layer: nn.Module, record: Record, name: str) -> nn.Module:
    saved = record.get("_parameters")
    for parameter, own in list(layer.named_parameters()):
        tensor = saved.get(parameter)
        if not isinstance(tensor, Tensor) or tensor.shape != own.shape:
            raise DamagedCheckpoint(f"{name} does not hold the {parameter} that it describes.")
        if not torch.isfinite(tensor).all():
            raise DamagedCheckpoint(f"{name} holds NaN or infinity in its {parameter}.")
        setattr(layer, parameter, nn.Parameter(tensor.float(), requires_grad=False))
    return layer.eval()
