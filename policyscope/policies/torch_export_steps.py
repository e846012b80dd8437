"""The graph of a torch.export program as steps, each held against a list before any is taken.

A step is an operator of torch, called with constants and with what other steps answered. Operators
of tensors must be on the list of arithmetic and answer with tensors; sizes are computed by a few
operators of Python, on bounded whole numbers. Assertions are left out.
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from policyscope.errors import UnsafeCheckpoint, UnsupportedCheckpoint
from policyscope.policies.arithmetic import ARITHMETIC, MEMORY
from policyscope.policies.quoting import printable
from policyscope.policies.torch_export_arguments import Name, argument, filled

_ROOM = 1 << 24
"""Numbers that all steps for one observation may make together."""
_LONGEST = 1 << 16
"""An axis that may be taken apart, into as many tensors."""
_ON_SIZES: Mapping[str, Callable[..., Any]] = {
    **{
        f"_operator.{name}": function
        for name, function in vars(operator).items()
        if name in "add sub mul floordiv truediv mod neg eq ne lt le gt ge and_ or_".split()
    },
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.trunc": math.trunc,
    "torch.sym_float": float,
    "torch.sym_int": int,
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch.sym_not": operator.not_,
}
_SIZES: Mapping[str, Callable[..., int]] = {
    # torch's own have no rule for vmap
    "torch.ops.aten.sym_numel.default": Tensor.numel,
    "torch.ops.aten.sym_size.int": Tensor.size,
}
_ASSERTIONS = (
    "_assert_async",
    "_assert_scalar",
    "_assert_tensor_metadata",
    "_check_is_size",
    "sym_constrain_range",
    "sym_constrain_range_for_size",
)
_WITHOUT_GRADIENT = "torch.ops.higher_order.wrap_with_set_grad_enabled"


@dataclass(frozen=True)
class Step:
    """One call."""

    operators: frozenset[str]
    """What is called, by the names that people know; several where steps are inside."""
    call: Callable[..., Any]
    positional: tuple[Any, ...]
    named: Mapping[str, Any]
    """Constants, `Name`s, and lists of them."""
    outputs: tuple[Any, ...]
    """A name for each answer, None for one that is left, or a tuple of names for a list."""
    placed: bool = False
    """Whether it is told on which device to make tensors."""

    def reads(self, name: str) -> bool:
        """Whether a value is among the arguments, alone or in a list."""
        given = (*self.positional, *self.named.values())
        return any(Name(name) in (entry if isinstance(entry, list) else [entry]) for entry in given)

    def answers(self, values: Mapping[str, Any], device: str) -> dict[str, Any]:
        """What the operator answers, by name."""
        arguments = [filled(entry, values) for entry in self.positional]
        named = {name: filled(entry, values) for name, entry in self.named.items()}
        answer = self.call(*arguments, **named, **({"device": device} if self.placed else {}))
        answers = answer if isinstance(answer, tuple) else (answer,)
        bound: dict[str, Any] = {}
        for output, part in zip(self.outputs, answers, strict=False):
            if isinstance(output, tuple):
                bound |= zip(output, part, strict=True)
            elif output is not None:
                bound[output] = part
        return bound


@dataclass(frozen=True)
class Graph:
    """Steps in order."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def operators(self) -> frozenset[str]:
        """Names of all that are called."""
        return frozenset().union(*(step.operators for step in self.steps))

    def values(self, given: Mapping[str, Any], device: str = "cpu") -> dict[str, Any]:
        """Everything that was given or computed, by name.

        Raises:
            MemoryError: If that is more than any policy computes.
            Exception: Whatever torch raises on arguments that do not fit.
        """
        values, room = dict(given), _ROOM
        for step in self.steps:
            answers = step.answers(values, device)
            room -= sum(a.numel() for a in answers.values() if isinstance(a, Tensor))
            if room < 0:
                raise MemoryError(f"it makes more than {_ROOM:,} numbers for one observation")
            values |= answers
        return values


def graph(described: Mapping[str, Any], file: str) -> Graph:
    """The steps of a graph, checked.

    Raises:
        UnsafeCheckpoint: If it names an operator that is not on the list.
        UnsupportedCheckpoint: If it is still in training, or passes on what cannot be passed here.
        Exception: Whatever Python raises on JSON that is none of a graph.
    """
    nodes = [n for n in described["nodes"] if not _asserts(n["target"])]
    return Graph(
        inputs=tuple(_name(port) for port in described["inputs"]),
        outputs=tuple(_name(port) for port in described["outputs"]),
        steps=tuple(_step(node, file) for node in nodes),
    )


def _short(target: str) -> str:
    """An operator's name as people know it."""
    return printable(target.removeprefix("torch.ops.aten.").partition(".")[0])


def _asserts(target: str) -> bool:
    return target.startswith("torch.ops.aten.") and _short(target) in _ASSERTIONS


def _step(node: Mapping[str, Any], file: str) -> Step:
    target, inputs = node["target"], node["inputs"]
    operators = frozenset([_short(target)])
    outputs = tuple(_output(port) for port in node["outputs"])
    if target == _WITHOUT_GRADIENT:
        return _inner(inputs, outputs, file)
    arguments = [(given["name"], argument(given["arg"], file)) for given in inputs]
    if target in _ON_SIZES or target in _SIZES:
        call = _SIZES[target] if target in _SIZES else _bounded(_ON_SIZES[target])
        return Step(operators, call, tuple(value for _, value in arguments), {}, outputs)
    function = _operator(target, file)
    if any(name in ("train", "training") and value is True for name, value in arguments):
        raise UnsupportedCheckpoint(
            f"{file} was exported while in training ({_short(target)} tells); call module.eval() "
            "before torch.export.export."
        )
    placed = any(entry.name == "device" for entry in function._schema.arguments)
    named = {n: value for n, value in arguments if n not in ("device", "pin_memory")}
    return Step(operators, _watched(function), (), named, outputs, placed)


def _operator(target: str, file: str) -> torch._ops.OpOverload:
    """An operator of tensors, if it is on the list."""
    *namespace, name, overload = ("", *target.split("."))
    known = name in ARITHMETIC | MEMORY or name.removesuffix("_") in ARITHMETIC
    if namespace == ["", "torch", "ops", "aten"] and known:
        packet = getattr(torch.ops.aten, name, None)  # the name is on the list
        if packet is not None and overload in packet.overloads():
            function = getattr(packet, overload)
            answers = {str(answer.type) for answer in function._schema.returns}
            plain = not any(entry.is_out for entry in function._schema.arguments)
            if plain and answers <= {"Tensor", "List[Tensor]"}:
                return function
    raise UnsafeCheckpoint(
        f"{file} is a program that calls {printable(target)}, which is not on the list of "
        "arithmetic that may run; export the network's forward pass alone."
    )


def _inner(inputs: list[Any], outputs: tuple[Any, ...], file: str) -> Step:
    """Steps that were taken without gradients, taken here like all others."""
    _, body, *arguments = (given["arg"] for given in inputs)
    steps = graph(body["as_graph"]["graph"], file)

    def call(*given: Any, device: str) -> tuple[Any, ...]:
        values = steps.values(dict(zip(steps.inputs, given, strict=True)), device)
        return tuple(values[name] for name in steps.outputs)

    given = tuple(argument(entry, file) for entry in arguments)
    return Step(steps.operators, call, given, {}, outputs, placed=True)


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    def on_sizes(*arguments: Any) -> Any:
        if not all(isinstance(number, int | float) for number in arguments):
            raise TypeError("a size is computed from something else than numbers")
        answer = function(*arguments)
        if abs(answer) >= 1 << 63:
            raise OverflowError("a size that no tensor has")
        return answer

    return on_sizes


def _watched(function: torch._ops.OpOverload) -> Callable[..., Any]:
    """An operator that takes no tensor apart into very many."""
    if str(function._schema.returns[0].type) != "List[Tensor]":
        return function

    def apart(**named: Any) -> Any:
        if any(max(t.shape, default=0) > _LONGEST for t in named.values() if isinstance(t, Tensor)):
            raise ValueError(f"{function} takes more than {_LONGEST:,} rows apart")
        return function(**named)

    return apart


def _name(port: Mapping[str, Any]) -> str:
    ((_, value),) = port.items()
    return value["name"] if isinstance(value, dict) else f"constant {value!r}"


def _output(port: Mapping[str, Any]) -> Any:
    match port:
        case {"as_tensor": {"name": str(name)}}:
            return name
        case {"as_tensors": list(entries)}:
            return tuple(entry["name"] for entry in entries)
        case {"as_sym_int": {"as_name": str(name)}} | {"as_sym_bool": {"as_name": str(name)}}:
            return name
        case {"as_sym_float": {"as_name": str(name)}}:
            return name
        case {"as_none": _}:
            return None
    raise ValueError(f"an answer of kind {', '.join(port)}")
