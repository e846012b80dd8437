"""A checked ONNX model behind the interface of a policy's network, row by row.

A file is often exported for one observation at a time: a 1 is written into its shapes. So each row
is computed as the file would compute it alone, and a batch is the same as its rows by construction.
`Program` does that in torch, where there are gradients (`torch.vmap` takes the rows through each
step at once); `BlackBox` asks onnxruntime, where there are none.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from policyscope.policies.onnx_nodes import Inexpressible, Node
from policyscope.policies.onnx_operators import OPERATORS, VERSIONS, apply
from policyscope.policies.onnx_reading import constant, required
from policyscope.policies.policy import Memory
from policyscope.policies.wiring import Port, Wiring

_ARENA = 1 << 30
"""Bytes that onnxruntime may allocate: a few of a file can ask for any number."""


class Program(nn.Module):
    """The model's steps in torch, with its constants as buffers."""

    def __init__(self, nodes: tuple[Node, ...], constants: Mapping[str, Tensor], wiring: Wiring):
        super().__init__()
        self.nodes = nodes
        self.wiring = wiring
        self.names = tuple(constants)
        for i, value in enumerate(constants.values()):
            self.register_buffer(f"constant_{i}", value)

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Scores of each row, and its memory."""
        scores, *after = torch.vmap(self._row)(observations, *memory)
        return scores, tuple(after)

    def _row(self, *given: Tensor) -> tuple[Tensor, ...]:
        values: dict[str, Tensor | None] = dict(zip(self.names, self.buffers(), strict=True))
        ports = zip(self.wiring.inputs, given, strict=True)
        values |= {"": None} | {port.name: port.entering(value) for port, value in ports}
        for node in self.nodes:
            answers = apply(node, *(values[name] for name in node.inputs))
            values |= {n: a for n, a in zip(node.outputs, answers, strict=False) if n}
        answers = tuple(values[name] for name in self.wiring.outputs)
        return self.wiring.leaving(tuple(a for a in answers if a is not None))


class BlackBox(nn.Module):
    """The model as onnxruntime computes it, on one thread."""

    def __init__(self, model: bytes, wiring: Wiring, file: str) -> None:
        super().__init__()
        self.model = model
        self.wiring = wiring
        self.file = file
        self._session: Any = _session(model, file)

    def __getstate__(self) -> dict[str, Any]:
        # a session cannot be sent to another process, which opens one of its own
        return {**self.__dict__, "_session": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._session = _session(self.model, self.file)

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Scores of each row, and its memory."""
        batch = (observations.detach(), *(state.detach() for state in memory))
        rows = [self._row(*row) for row in zip(*batch, strict=True)]
        scores, *after = (torch.stack(column) for column in zip(*rows, strict=True))
        return scores, tuple(after)

    def _row(self, *given: Tensor) -> tuple[Tensor, ...]:
        ports = zip(self.wiring.inputs, given, strict=True)
        feeds = {port.name: port.entering(value).numpy() for port, value in ports}
        try:
            answers = self._session.run(list(self.wiring.outputs), feeds)
        except Exception as error:  # onnxruntime's own kinds, of which it has many
            raise RuntimeError(f"onnxruntime: {error}") from error
        return self.wiring.leaving(tuple(torch.tensor(answer) for answer in answers))


def program(model: Any, wiring: Wiring, file: str) -> Program:
    """The model in torch.

    Raises:
        Inexpressible: With the operators that are not in the table.
    """
    wiring = replace(wiring, observation=_straight(wiring.observation, model.graph))
    version = max((o.version for o in model.opset_import), default=1)
    missing = sorted({node.op_type for node in model.graph.node} - set(OPERATORS) - {"Constant"})
    if missing:
        raise Inexpressible(", ".join(missing))
    if version not in VERSIONS:
        raise Inexpressible(f"set {version}, whose details are not known")
    constants = {tensor.name: constant(tensor, file) for tensor in model.graph.initializer}
    nodes: list[Node] = []
    for proto in model.graph.node:
        attributes = {a.name: _attribute(a, file) for a in proto.attribute}
        if proto.op_type == "Constant":
            constants[proto.output[0]] = _value(attributes)
        else:
            inputs, outputs = tuple(proto.input), tuple(proto.output)
            nodes.append(Node(proto.op_type, inputs, outputs, attributes, version))
    return Program(tuple(nodes), constants, wiring)


def _straight(port: Port, graph: Any) -> Port:
    """Whole numbers that are made real first may as well come real: so pixels have gradients."""
    readers = {node.op_type for node in graph.node if port.name in node.input}
    return replace(port, type=torch.float32) if readers - {"Shape"} == {"Cast"} else port


def _attribute(attribute: Any, file: str) -> Any:
    if attribute.HasField("t"):
        return constant(attribute.t, file)
    value = required("onnx", file).helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, int | float) else list(value)


def _value(attributes: Mapping[str, Any]) -> Tensor:
    match dict(attributes):
        case {"value": Tensor() as value}:
            return value
        case {"value_float": number} | {"value_floats": number}:
            return torch.tensor(number, dtype=torch.float32)
        case {"value_int": number} | {"value_ints": number}:
            return torch.tensor(number, dtype=torch.int64)
    raise Inexpressible("Constant of text")


@cache
def _limited(runtime: Any) -> None:
    """Bound what all sessions together may allocate; onnxruntime takes it once per process."""
    kind, memory = runtime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, runtime.OrtMemType.DEFAULT
    runtime.create_and_register_allocator(
        runtime.OrtMemoryInfo("Cpu", kind, 0, memory),
        runtime.OrtArenaCfg({"max_mem": _ARENA, "arena_extend_strategy": 1}),
    )


def _session(model: bytes, file: str) -> Any:
    runtime = required("onnxruntime", file)
    _limited(runtime)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # it would print what is raised anyway
    options.add_session_config_entry("session.use_env_allocators", "1")
    try:
        return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as in `BlackBox._row`
        raise RuntimeError(f"onnxruntime: {error}") from error
