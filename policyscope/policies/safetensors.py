"""safetensors: tensors and nothing else, by name.

Eight bytes with the length of a JSON header, the header, and the bytes of the tensors, each at the
offsets that the header gives. Every offset is held against its tensor's shape and type here.

The format: https://huggingface.co/docs/safetensors
"""

import json
import math
from typing import Any

import torch
from torch import Tensor

from policyscope.errors import DamagedCheckpoint
from policyscope.policies.quoting import first_line

_LONGEST_HEADER = 100_000_000
"""The format's own limit."""
_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def is_safetensors(head: bytes) -> bool:
    """Whether a file begins with the length of a header, and the header."""
    return head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= _LONGEST_HEADER


def read_safetensors(data: bytes, what: str) -> dict[str, Tensor]:
    """The tensors of a file, by name.

    Raises:
        DamagedCheckpoint: If it is cut off, or its header does not fit its bytes.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8:start])
        header.pop("__metadata__", None)
        body, taken = memoryview(data)[start:], 0
        for entry in header.values():
            first, last = entry["data_offsets"]
            taken += max(last - first, 0)
        if taken > len(body):
            raise ValueError(f"tensors of {taken:,} bytes in {len(body):,}")
        return {name: _tensor(entry, body) for name, entry in header.items()}
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
        RuntimeError,
        OverflowError,
    ) as error:
        raise DamagedCheckpoint(
            f"{what} cannot be read as a safetensors file ({type(error).__name__}: "
            f"{first_line(error)}); it is cut off or damaged, so get a fresh copy."
        ) from error


def _tensor(entry: dict[str, Any], data: memoryview) -> Tensor:
    kind, shape, (first, last) = _TYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
    if not all(isinstance(size, int) and size >= 0 for size in (*shape, first, last)):
        raise ValueError(f"shape {shape} at {first} to {last}")
    if last > len(data) or last - first != math.prod(shape) * kind.itemsize:
        raise ValueError(f"shape {shape} of {kind} at {first} to {last} of {len(data)} bytes")
    if last == first:
        return torch.empty(shape, dtype=kind)
    return torch.frombuffer(bytearray(data[first:last]), dtype=kind).reshape(shape)
