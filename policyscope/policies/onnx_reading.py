"""ONNX files from strangers, read as data: what may be in one, before anything runs.

A model can name files beside it that hold its weights, which would be any file that the reader may
see, and operators of a library of its own: both are refused. Each tensor is held against its
bytes, so that a few of them cannot claim to be many.
"""

import importlib
import math
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from policyscope.errors import DamagedCheckpoint, UnsafeCheckpoint, UnsupportedCheckpoint
from policyscope.policies.archives import ROOM, SHRINKAGE
from policyscope.policies.file import CheckpointFile
from policyscope.policies.onnx_external import EXTERNAL, LARGEST, inlined
from policyscope.policies.onnx_nodes import TYPES
from policyscope.policies.quoting import first_line, printable
from policyscope.policies.wiring import Declared

_HEAD = 1 << 16
_GZIP = b"\x1f\x8b"
_FIELDS = {1: "float_data", 7: "int64_data", 11: "double_data"}
"""Where tensors keep numbers that are not raw bytes, by type; `int32_data` for the others."""
_RANDOM = re.compile(r"^(Random(Normal|Uniform)(Like)?|Multinomial|Bernoulli)$")


def looks_like_onnx(path: Path) -> bool:
    """Whether a file, perhaps compressed, begins with the fields of a model and then a graph."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        if head.startswith(_GZIP):
            head = zlib.decompressobj(wbits=31).decompress(head, _HEAD)
        return head.startswith(b"\x08") and _leads_to_graph(head)
    except (OSError, zlib.error, IndexError):
        return False


def _leads_to_graph(head: bytes) -> bool:
    """Walk the protobuf fields: version 1, texts and numbers 2 to 6, and 7, which is the graph."""
    at = 0
    while True:
        tag, at = _varint(head, at)
        field, kind = tag >> 3, tag & 7
        if field == 7:
            return kind == 2
        if not 1 <= field <= 6 or kind not in (0, 2):
            return False
        value, at = _varint(head, at)
        at += value if kind == 2 else 0


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = data[at]
        value, at, shift = value | (byte & 127) << shift, at + 1, shift + 7
        if byte < 128:
            return value, at
    raise IndexError("a number of more than 64 bits")


def required(package: str, file: str) -> Any:
    """A package of the extra `onnx`.

    Raises:
        UnsupportedCheckpoint: If it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise UnsupportedCheckpoint(
            f"{file} is an ONNX model, and playing it needs {package}, which is not installed: "
            "pip install 'policyscope[onnx]'."
        ) from error


def read_model(checkpoint: CheckpointFile) -> tuple[Any, tuple[str, ...]]:
    """The checked model, an `onnx.ModelProto` without what does not compute, and what to hear.

    Raises:
        DamagedCheckpoint: If it cannot be read or contradicts itself.
        UnsafeCheckpoint: If it reaches beyond itself.
        UnsupportedCheckpoint: If it is whole, but no policy that can be played.
    """
    data, file = checkpoint.content, checkpoint.name
    onnx = required("onnx", file)
    if data.startswith(_GZIP):
        data = _unpacked(data, file)
    if len(data) > LARGEST:
        raise UnsupportedCheckpoint(
            f"{file} is an ONNX model of {len(data):,} bytes, and {LARGEST:,} is the most that is "
            "read; export the policy alone."
        )
    try:
        model = onnx.ModelProto.FromString(data)
    except Exception as error:  # protobuf's own, which depends on how it was built
        raise _damaged(file, "its protobuf cannot be parsed") from error
    if not _is_text(model):
        raise _damaged(file, "its names are no text")
    heard = inlined(model, checkpoint.path)
    _require_inert(model, file)
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # the checker's own, or pybind's for text that is no text
        raise _damaged(file, first_line(error)) from error
    imports = [o for o in model.opset_import if o.domain in ("", "ai.onnx")]
    plain = onnx.ModelProto(
        ir_version=model.ir_version,
        producer_name=model.producer_name,
        producer_version=model.producer_version,
        opset_import=imports,
        graph=model.graph,
    )
    return plain, heard


def tensors(graph: Any, file: str) -> Iterator[Tensor]:
    """All constants of a graph and of those inside it.

    Raises:
        CheckpointError: As `constant`.
    """
    for inner in graphs(graph):
        yield from (constant(tensor, file) for tensor in inner.initializer)
        for attribute in (a for node in inner.node for a in node.attribute):
            if attribute.HasField("t"):
                yield constant(attribute.t, file)
            yield from (constant(tensor, file) for tensor in attribute.tensors)


def constant(tensor: Any, file: str) -> Tensor:
    """The numbers of a tensor, after they were counted.

    Raises:
        DamagedCheckpoint: If there are more or fewer than its shape says, or NaN among them.
        UnsafeCheckpoint: If they lie in another file.
        UnsupportedCheckpoint: If they are of a type that does not compute.
    """
    if tensor.data_location == EXTERNAL or tensor.external_data:
        raise UnsafeCheckpoint(
            f"{file} keeps weights in another file, and would have any file read that it names; "
            "save it again as one file: onnx.save(model, path, save_as_external_data=False)."
        )
    if tensor.data_type not in TYPES:
        raise UnsupportedCheckpoint(
            f"{file} holds {printable(tensor.name) or 'a constant'} of ONNX type "
            f"{tensor.data_type}; only real and whole numbers and truth values can be read."
        )
    count, size = math.prod(tensor.dims), TYPES[tensor.data_type].itemsize
    field = getattr(tensor, _FIELDS.get(tensor.data_type, "int32_data"))
    held = len(tensor.raw_data) / size if tensor.HasField("raw_data") else len(field)
    if min(tensor.dims, default=0) < 0 or held != count:
        raise _damaged(
            file, f"{printable(tensor.name) or 'a constant'} is not as large as its shape"
        )
    try:
        values = torch.tensor(required("onnx", file).numpy_helper.to_array(tensor))
    except Exception as error:  # numpy's, for numbers that their type cannot hold
        raise _damaged(file, first_line(error)) from error
    if values.isnan().any() or (values.ndim > 1 and values.isinf().any()):
        raise DamagedCheckpoint(
            f"{file} holds NaN or infinity: the training had diverged when this was exported, so "
            "take an earlier checkpoint."
        )
    return values


def _unpacked(data: bytes, file: str) -> bytes:
    # one more than may be there shows that there is more
    most = min(LARGEST + 1, ROOM + SHRINKAGE * len(data))
    reader = zlib.decompressobj(wbits=31)
    try:
        content = reader.decompress(data, most)
    except zlib.error as error:
        raise _damaged(file, first_line(error)) from error
    if not reader.eof:
        raise _damaged(file, "it is a gzip archive that is cut off or unpacks to far too much")
    return content


def _is_text(message: Any) -> bool:
    """Whether all names are; protobuf gives those that are no UTF-8 as bytes instead."""
    for field, value in message.ListFields():
        single = isinstance(value, str | bytes) or hasattr(value, "ListFields")
        values = [value] if single else value
        if field.type == field.TYPE_STRING and any(isinstance(text, bytes) for text in values):
            return False
        if field.type == field.TYPE_MESSAGE and not all(map(_is_text, values)):
            return False
    return True


def _require_inert(model: Any, file: str) -> None:
    """Everything that the model needs is inside it, and known."""
    for graph in graphs(model.graph):
        attributes = [a for node in graph.node for a in node.attribute]
        if graph.sparse_initializer or any(
            a.HasField("sparse_tensor") or a.sparse_tensors for a in attributes
        ):
            raise UnsupportedCheckpoint(
                f"{file} holds sparse tensors, which cannot be read; export it with dense ones."
            )
        for node in graph.node:
            _require_known(node, file)
    if model.functions:
        raise UnsupportedCheckpoint(
            f"{file} defines functions of its own; write them out with "
            "onnx.inliner.inline_local_functions."
        )
    for _ in tensors(model.graph, file):
        pass  # reading one checks it


def _require_known(node: Any, file: str) -> None:
    if node.domain not in ("", "ai.onnx"):
        raise UnsafeCheckpoint(
            f"{file} uses {printable(node.op_type)} from {printable(node.domain)}, a library of "
            "operators of its own; export it with the operators of ONNX alone."
        )
    if _RANDOM.match(node.op_type):
        raise UnsupportedCheckpoint(
            f"{file} draws random numbers ({node.op_type}); export the policy that acts without "
            "chance, its mean or its scores."
        )


def graphs(graph: Any) -> Iterator[Any]:
    """A graph and those inside it: the branches of an If, the body of a Loop."""
    yield graph
    for attribute in (a for node in graph.node for a in node.attribute):
        for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
            yield from graphs(inner)


def declared(graph: Any) -> tuple[list[Declared], list[Declared]]:
    """Inputs that have to be given, and outputs; inputs that nothing reads are dropped."""
    read = {name for inner in graphs(graph) for node in inner.node for name in node.input}
    read |= {value.name for value in graph.output}
    kept = [value for value in graph.input if value.name in read]
    del graph.input[:]
    graph.input.extend(kept)
    constants = {tensor.name for tensor in graph.initializer}
    given = [_declared(value) for value in kept if value.name not in constants]
    return given, [_declared(value) for value in graph.output]


def _declared(value: Any) -> Declared:
    tensor = value.type.tensor_type
    # some exporters write 0 or -1 for a size that is open
    dims = tuple(dim.dim_value if dim.dim_value > 0 else None for dim in tensor.shape.dim)
    return Declared(value.name, TYPES.get(tensor.elem_type), dims)


def _damaged(file: str, reason: str) -> DamagedCheckpoint:
    return DamagedCheckpoint(f"{file} is no intact ONNX model ({reason}); get a fresh copy.")
