"""Third-party pickles, read as data: what they would run is never run.

A pickle is a program. This reader gives that program nothing to call: every name it asks for
becomes an inert `Record` that remembers the name, its arguments and its state. Plain containers
and numbers stay what they are, and numpy arrays are rebuilt here from their raw bytes, after
their length was checked against their shape and type (numpy's own `__setstate__` is not reached
either). The idea is Python's `Unpickler.find_class` restriction,
https://docs.python.org/3/library/pickle.html#restricting-globals, taken to its end.
"""

import io
import math
import pickle
from typing import Any

import numpy as np

from policyscope.errors import DamagedCheckpoint

_DATA_KINDS = "biufSU"


class Record:
    """What a pickle would have built: name, arguments, items and state, and no behaviour."""

    origin = ""

    def __new__(cls, *args: Any, **kwargs: Any) -> "Record":
        """Accept whatever arguments the pickle passes."""
        record = super().__new__(cls)
        record.args = args
        record.kwargs = kwargs
        record.items = []
        record.state = None
        return record

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    items: list[Any]
    state: Any

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items.append((key, value))

    def append(self, value: Any) -> None:
        """Keep a list item."""
        self.items.append(value)

    def extend(self, values: Any) -> None:
        """Keep list items."""
        self.items.extend(values)

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute of the object that the pickle described."""
        return self.state.get(name, default) if isinstance(self.state, dict) else default


def read(data: bytes, what: str) -> Any:
    """Read a pickle as data.

    Args:
        data: The pickle's bytes.
        what: What the bytes are, for the error message.

    Returns:
        Containers, numbers, strings, numpy arrays, and a `Record` for everything else.

    Raises:
        DamagedCheckpoint: If the bytes are no complete pickle.
    """
    try:
        return _resolve(_Reader(io.BytesIO(data)).load(), {})
    except Exception as error:  # a damaged pickle can fail in any opcode, and nothing was run
        raise DamagedCheckpoint(
            f"{what} cannot be read as a pickle ({type(error).__name__}: {error}); "
            "it is cut off or damaged, so get a fresh copy."
        ) from error


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type[Record]:
        return type(name, (Record,), {"origin": f"{module}.{name}"})


def _resolve(value: Any, done: dict[int, tuple[Any, Any]]) -> Any:
    """Replace the records of numpy arrays by arrays, everywhere, once per object.

    `done` maps an object's id to the object itself, which keeps the id taken, and its replacement.
    """
    if id(value) in done:
        return done[id(value)][1]
    done[id(value)] = value, value
    resolved = value
    match value:
        case dict():
            for key in value:
                value[key] = _resolve(value[key], done)
        case list():
            value[:] = [_resolve(item, done) for item in value]
        case tuple():
            resolved = tuple(_resolve(item, done) for item in value)
        case Record():
            value.args = tuple(_resolve(item, done) for item in value.args)
            value.items = [_resolve(item, done) for item in value.items]
            value.state = _resolve(value.state, done)
            resolved = _array_or_record(value)
    done[id(value)] = value, resolved
    return resolved


def _array_or_record(record: Record) -> Any:
    match record.origin.replace("numpy.core.", "numpy._core."), record.args, record.state:
        case "numpy._core.multiarray._reconstruct", _, (_, shape, dtype, fortran, bytes(raw)):
            return _array(raw, dtype, shape, "F" if fortran else "C")
        case "numpy._core.numeric._frombuffer", (raw, dtype, shape, order), _:
            return _array(bytes(raw), dtype, shape, order)
        case "numpy._core.multiarray.scalar", (dtype, bytes(raw)), _:
            return _array(raw, dtype, (), "C")[()]
    return record


def _array(raw: bytes, dtype: Record, shape: tuple[int, ...], order: str) -> np.ndarray:
    if dtype.origin != "numpy.dtype" or dtype.args[0][0] not in _DATA_KINDS:
        raise ValueError(f"an array of {dtype.origin} {dtype.args[:1]} holds no plain numbers")
    byte_order = dtype.state[1] if dtype.state else "|"
    kind = np.dtype(dtype.args[0]).newbyteorder(byte_order)
    if len(raw) != math.prod(shape) * kind.itemsize:
        raise ValueError(f"an array of shape {shape} and type {kind} holds {len(raw)} bytes")
    # copied into native byte order, so that the result is writable and torch accepts it
    flat = np.frombuffer(raw, kind).astype(kind.newbyteorder("="))
    return flat.reshape(shape[::-1]).T if order == "F" else flat.reshape(shape)
