"""What pickles describe: plain values as themselves, and a `Record` for everything else.

The plain values that a pickle builds by a call (sets, complex numbers, numpy arrays and scalars)
are made here from their parts, never by the function that the pickle names.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_PLAIN_DTYPE = re.compile(r"[biufc]\d{1,2}|[SU][1-9]\d*")
_LEAVES = (str, bytes, int, float, complex, type(None), np.generic, frozenset)
_LONGEST_KEY = 64
_RENAMED = {
    "__builtin__": "builtins",
    "exceptions": "builtins",
    "copy_reg": "copyreg",
    "numpy.core": "numpy._core",
}
"""Older names of modules."""


@dataclass(eq=False)
class Record:
    """A name that a pickle asks for, or what it would build by calling it; without behaviour."""

    origin: str
    """Module and name."""
    args: tuple[Any, ...] | None = None
    """What it would be called with; None where it is only named."""
    kwargs: dict[str, Any] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)
    """What would be appended, or set as (key, value)."""
    state: Any = None

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute of the object that the pickle described."""
        return self.state.get(name, default) if isinstance(self.state, dict) else default


def within(content: Any) -> Iterator[Any]:
    """Everything inside, the outermost first, and once however often it is referred to."""
    level, seen = [content], set()
    for item in level:  # which grows on the way
        if id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        match item:
            case Record(state=state, items=items):
                level += [state, items]
            case dict():
                level += item.values()
            case list() | tuple():
                level += item


def named(module: str, name: str) -> Record:
    """The record of a name."""
    for old, new in _RENAMED.items():
        if module == old or module.startswith(f"{old}."):
            module = new + module.removeprefix(old)
    return Record(f"{module}.{name}")


def called(function: Any, args: Any, kwargs: Any = None) -> Any:
    """What a call stands for: a plain value, or a record."""
    if not (isinstance(function, Record) and isinstance(args, tuple)):
        raise TypeError(f"a pickle that calls a {type(function).__name__}")
    match function, args:
        case Record("persistent", (("module", Record(origin=origin), *_),)), _:
            return Record(origin, args)
        case Record(args=tuple()), _:
            return Record(f"{function.origin}(…)", args)
        case Record("copyreg._reconstructor"), (Record(origin=origin), _, content):
            return Record(origin, () if content is None else (content,))
        case Record("copyreg.__newobj__"), (Record(origin=origin), *rest):
            return Record(origin, tuple(rest))
    plain = _PLAIN.get(function.origin, lambda *_: None)(*args)
    return Record(function.origin, args, dict(kwargs or {})) if plain is None else plain


def hashable(key: Any) -> Any:
    """The key itself, if it can be hashed without a deep or long walk.

    Raises:
        TypeError: If it cannot.
    """
    if _leaves_left(key, _LONGEST_KEY) < 0:
        raise TypeError("a dictionary or a set with a key of very many parts")
    return key


def table(pairs: Iterable[Any]) -> dict[Any, Any]:
    """A dictionary of pairs with such keys."""
    return {hashable(key): value for key, value in pairs}


def replaced(value: Any, by: Callable[[Record], Any]) -> Any:
    """The value with each record replaced, everywhere, once per object, the innermost first."""
    return _replaced(value, by, {})


def array_or_record(record: Record) -> Any:
    """The numpy array that a record describes, if it holds plain numbers or text."""
    match record:
        case Record("numpy._core.multiarray._reconstruct", state=(_, shape, dtype, fortran, raw)):
            array = _array(raw, dtype, shape, "F" if fortran else "C")
            return record if array is None else array
    return record


def volume(shape: Any) -> int:
    """How many numbers an array of a shape holds.

    Raises:
        TypeError: If it is no tuple of sizes.
    """
    if not (isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape)):
        raise TypeError("an array whose shape is no tuple of sizes")
    return math.prod(shape)


def _replaced(value: Any, by: Callable[[Record], Any], done: dict[int, tuple[Any, Any]]) -> Any:
    # `done` maps an object's id to the object itself, which keeps the id taken, and its replacement
    if id(value) in done:
        return done[id(value)][1]
    done[id(value)] = value, value
    result = value
    match value:
        case dict():
            for key in value:
                value[key] = _replaced(value[key], by, done)
        case list():
            value[:] = [_replaced(item, by, done) for item in value]
        case tuple():
            result = tuple(_replaced(item, by, done) for item in value)
        case Record():
            for part in ("args", "kwargs", "items", "state"):
                setattr(value, part, _replaced(getattr(value, part), by, done))
            result = by(value)
    done[id(value)] = value, result
    return result


def _leaves_left(key: Any, budget: int) -> int:
    budget -= 1
    if isinstance(key, tuple):
        for part in key:
            if budget < 0:
                break
            budget = _leaves_left(part, budget)
    elif not isinstance(key, (*_LEAVES, Record)):
        raise TypeError(f"unhashable key: a {type(key).__name__}")
    return budget


def _array(raw: Any, dtype: Any, shape: Any, order: str) -> np.ndarray | None:
    """An array from its bytes; None where it holds objects, dates or structures."""
    match dtype:
        case Record("numpy.dtype", (str(text), *_), state=state) if _PLAIN_DTYPE.fullmatch(text):
            kind = np.dtype(text).newbyteorder(state[1] if state else "|")
        case _:
            return None
    if not isinstance(raw, bytes | bytearray) or len(raw) != volume(shape) * kind.itemsize:
        raise ValueError(f"an array of shape {shape} and type {kind} holds other bytes")
    # copied into native byte order, so that the result is writable and torch accepts it
    flat = np.frombuffer(raw, kind).astype(kind.newbyteorder("="))
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _from_buffer(
    raw: Any, dtype: Any, shape: Any, order: Any, axes: Any = None
) -> np.ndarray | None:
    array = _array(raw, dtype, shape, order)
    return array if array is None or axes is None else array.transpose(axes)


def _scalar(dtype: Any, raw: Any = None) -> Any:
    match dtype:
        case Record("numpy.dtype", ("S0" | "U0" as text, *_)):
            return np.dtype(text).type()
    array = _array(raw, dtype, (), "C")
    return None if array is None else array[()]


def _bytes(text: Any = "", encoding: Any = "latin1") -> bytes | None:
    # how protocols without a code for bytes write them
    latin = isinstance(text, str) and encoding in ("latin1", "latin-1")
    return text.encode("latin1") if latin else None


def _bytearray(content: Any = b"", encoding: Any = "latin1") -> bytearray | None:
    content = _bytes(content, encoding) if isinstance(content, str) else content
    return bytearray(content) if isinstance(content, bytes) else None


_PLAIN: dict[str, Callable[..., Any]] = {
    "_codecs.encode": _bytes,
    "builtins.bytes": _bytes,
    "builtins.bytearray": _bytearray,
    "builtins.complex": lambda *parts: complex(*map(float, parts)),
    "builtins.set": lambda items=(): {hashable(item) for item in items},
    "builtins.frozenset": lambda items=(): frozenset(hashable(item) for item in items),
    "collections.OrderedDict": lambda pairs=(): table(pairs),
    "collections.defaultdict": lambda _, pairs=(): table(pairs),
    "numpy._core.multiarray.scalar": _scalar,
    "numpy._core.numeric._frombuffer": _from_buffer,
}
