"""Third-party pickles, read as data: what they would run is never run.

A pickle is a program for a small stack machine. This reader is that machine without its two
dangerous parts: it imports nothing and calls nothing. Every name that a pickle asks for, and
everything that it would build by calling one, becomes an inert `Record`; plain containers, numbers
and numpy arrays are themselves.

Python's own `Unpickler` with a restricted `find_class` would not do: a file of a megabyte can make
it crash (a dictionary's key of a million nested tuples) or reserve gigabytes (one memo index).

The opcodes: https://github.com/python/cpython/blob/main/Lib/pickletools.py
"""

import io
import pickletools
from collections.abc import Callable
from typing import Any

from policyscope.errors import DamagedCheckpoint
from policyscope.policies.quoting import first_line
from policyscope.policies.records import (
    Record,
    array_or_record,
    called,
    hashable,
    named,
    replaced,
    table,
)

_MARK = object()


def read(source: bytes | io.BytesIO, what: str) -> Any:
    """Read a pickle as data.

    Args:
        source: The pickle's bytes, or a file from which one pickle is read.
        what: What the bytes are, for the error message.

    Returns:
        Containers, numbers, strings, numpy arrays, and a `Record` for everything else.

    Raises:
        DamagedCheckpoint: If the bytes are no complete pickle.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        return replaced(_Machine().run(file), array_or_record)
    except Exception as error:  # a damaged pickle can fail in any opcode, and nothing was run
        raise DamagedCheckpoint(
            f"{what} cannot be read as a pickle ({type(error).__name__}: "
            f"{first_line(error)}); it is cut off or damaged, so get a fresh copy."
        ) from error


class _Machine:
    """A stack and a memo."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, file: io.BytesIO) -> Any:
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name in _LITERALS:
                self.stack.append(argument)
            else:
                _OPERATIONS[opcode.name](self, argument)
        return self.pop(1)[0]

    @property
    def top(self) -> Any:
        return self.stack[-1]

    def pop(self, count: int) -> tuple[Any, ...]:
        taken = tuple(self.stack.pop() for _ in range(count))
        if any(value is _MARK for value in taken):
            raise ValueError("a pickle that ends a group twice")
        return taken[::-1]

    def pop_to_mark(self) -> list[Any]:
        taken: list[Any] = []
        while (value := self.stack.pop()) is not _MARK:
            taken.append(value)
        return taken[::-1]

    def append(self, values: list[Any]) -> None:
        match self.top:
            case Record(items=items) | list(items):
                items.extend(values)
            case set():
                self.top.update(map(hashable, values))
            case other:
                raise TypeError(f"a pickle that appends to a {type(other).__name__}")

    def set_items(self, flat: list[Any]) -> None:
        match self.top:
            case Record(items=items):
                items.extend(_pairs(flat))
            case dict():
                self.top.update(table(_pairs(flat)))
            case other:
                raise TypeError(f"a pickle that sets items of a {type(other).__name__}")

    def set_state(self) -> None:
        (state,) = self.pop(1)
        if isinstance(self.top, Record):
            self.top.state = state
        elif not isinstance(self.top, dict):  # state dicts carry attributes of no use here
            raise TypeError(f"a pickle that sets the state of a {type(self.top).__name__}")


def _pairs(flat: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _push(make: Callable[[_Machine], Any]) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.stack.append(make(machine))


def _memorise(machine: _Machine, index: int | None) -> None:
    machine.memo[len(machine.memo) if index is None else index] = machine.top


def _recall(machine: _Machine, index: int) -> None:
    machine.stack.append(machine.memo[index])


def _instance(machine: _Machine, name: str) -> None:
    machine.stack.append(called(named(*name.split(" ", 1)), tuple(machine.pop_to_mark())))


def _object(machine: _Machine) -> Any:
    kind, *args = machine.pop_to_mark()
    return called(kind, tuple(args))


_LITERALS = frozenset(
    """
    INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING
    BINBYTES SHORT_BINBYTES BINBYTES8 UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8 BYTEARRAY8
    """.split()
)

_OPERATIONS: dict[str, Callable[[_Machine, Any], Any]] = {
    "PROTO": lambda machine, _: None,
    "FRAME": lambda machine, _: None,
    "STOP": lambda machine, _: None,
    "NONE": _push(lambda _: None),
    "NEWTRUE": _push(lambda _: True),
    "NEWFALSE": _push(lambda _: False),
    "EMPTY_LIST": _push(lambda _: []),
    "EMPTY_DICT": _push(lambda _: {}),
    "EMPTY_SET": _push(lambda _: set()),
    "EMPTY_TUPLE": _push(lambda _: ()),
    "TUPLE1": _push(lambda m: m.pop(1)),
    "TUPLE2": _push(lambda m: m.pop(2)),
    "TUPLE3": _push(lambda m: m.pop(3)),
    "TUPLE": _push(lambda m: tuple(m.pop_to_mark())),
    "LIST": _push(lambda m: m.pop_to_mark()),
    "DICT": _push(lambda m: table(_pairs(m.pop_to_mark()))),
    "FROZENSET": _push(lambda m: frozenset(map(hashable, m.pop_to_mark()))),
    "APPEND": lambda machine, _: machine.append(list(machine.pop(1))),
    "APPENDS": lambda machine, _: machine.append(machine.pop_to_mark()),
    "ADDITEMS": lambda machine, _: machine.append(machine.pop_to_mark()),
    "SETITEM": lambda machine, _: machine.set_items(list(machine.pop(2))),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
    "BUILD": lambda machine, _: machine.set_state(),
    "MARK": _push(lambda _: _MARK),
    "POP": lambda machine, _: machine.pop(1),
    "POP_MARK": lambda machine, _: machine.pop_to_mark(),
    "DUP": _push(lambda m: m.top),
    "PUT": _memorise,
    "BINPUT": _memorise,
    "LONG_BINPUT": _memorise,
    "MEMOIZE": _memorise,
    "GET": _recall,
    "BINGET": _recall,
    "LONG_BINGET": _recall,
    "GLOBAL": lambda machine, name: machine.stack.append(named(*name.split(" ", 1))),
    "STACK_GLOBAL": _push(lambda m: named(*map(str, m.pop(2)))),
    "REDUCE": _push(lambda m: called(*m.pop(2))),
    "NEWOBJ": _push(lambda m: called(*m.pop(2))),
    "NEWOBJ_EX": _push(lambda m: called(*m.pop(3))),
    "INST": _instance,
    "OBJ": _push(_object),
    "PERSID": lambda machine, key: machine.stack.append(Record("persistent", (key,))),
    "BINPERSID": _push(lambda m: Record("persistent", m.pop(1))),
    "EXT1": lambda machine, code: machine.stack.append(Record(f"copyreg extension {code}")),
    "EXT2": lambda machine, code: machine.stack.append(Record(f"copyreg extension {code}")),
    "EXT4": lambda machine, code: machine.stack.append(Record(f"copyreg extension {code}")),
}
