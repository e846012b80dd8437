"""What a torch.export program says of its inputs and outputs.

The signature tells parameters, buffers and constants from what is given, and answers from what a
buffer becomes. Which answer the scores are, and what is memory, is found as for ONNX (`wiring`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from policyscope.errors import UnsupportedCheckpoint
from policyscope.policies.quoting import printable
from policyscope.policies.torch_export_reading import TYPES
from policyscope.policies.torch_export_steps import Graph, graph
from policyscope.policies.wiring import Declared, Port, Wiring, wire


@dataclass(frozen=True, eq=False)
class Signature:
    """What goes into a graph and comes out of it, and what stays inside."""

    described: Mapping[str, Any]
    """The graph itself."""
    tensors: Mapping[str, Tensor]
    """By the name that they have in the graph."""
    buffers: frozenset[str]
    """Those of them that a call may change."""
    wiring: Wiring
    heard: tuple[str, ...]
    """What a person should hear about the wiring."""


def signed(described: Mapping[str, Any], held: Mapping[str, Tensor], file: str) -> Signature:
    """Which of a graph's inputs are its tensors, and which are to be given.

    Raises:
        UnsupportedCheckpoint: If it cannot be told to be a policy.
        Exception: Whatever Python raises on JSON that is no signature.
    """
    module = described["graph_module"]
    signature, body = module["signature"], module["graph"]
    tensors: dict[str, Tensor] = {}
    buffers: dict[str, str] = {}
    inputs: list[Declared] = []
    for spec in signature["input_specs"]:
        match spec:
            case {"parameter": {"arg": {"name": str(name)}, "parameter_name": key}}:
                tensors[name] = held[key]
            case {"buffer": {"arg": {"name": str(name)}, "buffer_name": key}}:
                tensors[name] = held[key]
                buffers[key] = name
            case {"tensor_constant": {"arg": {"name": str(name)}, "tensor_constant_name": key}}:
                tensors[name] = held[key]
            case {"user_input": {"arg": {"as_tensor": {"name": str(name)}}}}:
                inputs.append(_declared(name, name, body))
            case _:
                raise UnsupportedCheckpoint(
                    f"{file} takes {printable(', '.join(spec))} as input, and only tensors can be "
                    "given; export the network's forward pass alone."
                )
    answers, changed = _answers(signature["output_specs"], module, buffers)
    wiring, heard = wire(inputs, [d for d, _ in answers], file)
    names = {declared.name: name for declared, name in answers}
    wiring = replace(
        wiring,
        observation=_straight(wiring.observation, graph(body, file)),
        scores=names[wiring.scores],
        states=(*wiring.states, *(kept(name, tensors[name]) for name in changed)),
        next_states=(*(names[n] for n in wiring.next_states), *changed.values()),
    )
    return Signature(body, tensors, frozenset(buffers.values()), wiring, heard)


def _answers(
    specs: Iterable[Mapping[str, Any]], module: Mapping[str, Any], buffers: Mapping[str, str]
) -> tuple[list[tuple[Declared, str]], dict[str, str]]:
    """What is answered, with its name in the graph; and what becomes of buffers that change."""
    names: list[str] = []
    changed: dict[str, str] = {}
    for spec in specs:
        match spec:
            case {"user_output": {"arg": {"as_tensor": {"name": str(name)}}}}:
                names.append(name)
            case {"buffer_mutation": {"arg": {"name": str(name)}, "buffer_name": key}}:
                changed[buffers[key]] = name
    answers = zip(_keys(module, len(names)) or names, names, strict=True)
    return [(_declared(said, name, module["graph"]), name) for said, name in answers], changed


def _keys(module: Mapping[str, Any], count: int) -> list[str] | None:
    """The keys of a dictionary of answers."""
    spec = json.loads(module["module_call_graph"][0]["signature"]["out_spec"])[1]
    if spec["type"] != "builtins.dict":
        return None
    keys = json.loads(spec["context"])
    return [str(key) for key in keys] if len(set(map(str, keys))) == count else None


def _declared(said: str, name: str, body: Mapping[str, Any]) -> Declared:
    meta = body["tensor_values"][name]
    dims = tuple(size.get("as_int") for size in meta["sizes"])
    return Declared(said, TYPES.get(meta["dtype"]), dims)


def _straight(port: Port, steps: Graph) -> Port:
    """Whole numbers that are made real first may as well come real: so pixels have gradients."""
    readers = {name for s in steps.steps if s.reads(port.name) for name in s.operators}
    cast = readers <= {"to", "_to_copy", "sym_size"} and not port.type.is_floating_point
    return replace(port, type=torch.float32) if cast else port


def kept(name: str, tensor: Tensor) -> Port:
    """A buffer that is part of the memory."""
    shape = tuple(tensor.shape)
    return Port(name, tensor.dtype, shape, shape)
