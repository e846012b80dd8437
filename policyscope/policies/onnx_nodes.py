"""One step of an ONNX program, and what those that compute it share."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from policyscope.policies.wiring import ROOM

TYPES: Mapping[int, torch.dtype] = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
}
"""Types of numbers, by their code in the format."""


class Inexpressible(RuntimeError):
    """An operator, or a variant of one, that is not in the table; the message is its name."""


@dataclass(frozen=True)
class Node:
    """One step of a program."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    version: int
    """Of the operator set."""

    def get(self, name: str, default: Any) -> Any:
        """An attribute, or what the format says in its absence."""
        return self.attributes.get(name, default)


Answer = Tensor | tuple[Tensor, ...]
Operator = Callable[..., Answer]


def bounded(shape: Sequence[int], node: Node) -> Sequence[int]:
    """A shape that is about to be made.

    Raises:
        Inexpressible: If it is larger than any policy needs.
    """
    if math.prod(shape) > ROOM:
        raise Inexpressible(f"{node.operator} to {math.prod(shape):,} numbers")
    return shape


def numbers(node: Node, name: str, given: Tensor | None) -> list[int] | None:
    """An argument that newer versions take as an input and older ones as an attribute."""
    return node.get(name, None) if given is None else given.reshape(-1).tolist()
