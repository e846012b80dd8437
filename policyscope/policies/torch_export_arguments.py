"""Arguments in the graph of a torch.export program: constants, and names of what was computed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from policyscope.errors import UnsupportedCheckpoint
from policyscope.policies.quoting import printable
from policyscope.policies.torch_export_reading import TYPES

_FORMATS: Mapping[int, torch.memory_format] = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    4: torch.preserve_format,
}


@dataclass(frozen=True)
class Name:
    """What a step answered, or the program was given."""

    name: str


def argument(given: Mapping[str, Any], file: str) -> Any:
    """A constant, a `Name`, or a list of them.

    Raises:
        UnsupportedCheckpoint: If it is of a kind that is not passed on here.
        Exception: Whatever Python raises on JSON that is none of an argument.
    """
    ((kind, value),) = given.items()
    if kind in _CONSTANTS:
        return _CONSTANTS[kind](value)
    if kind in _NAMED:
        return _named(value)
    if kind in _LISTS:
        return [_named(entry) for entry in value]
    raise UnsupportedCheckpoint(
        f"{file} passes an argument of kind {printable(kind)}, which cannot be passed here; export "
        "the network's forward pass alone."
    )


def _named(value: Any) -> Any:
    """A tensor, a size or a list's entry, of which each may be a constant instead."""
    match value:
        case {"name": str(name)} | {"as_tensor": {"name": str(name)}} | {"as_name": str(name)}:
            return Name(name)
        case {"as_none": _}:
            return None
        case {"as_int": int(number)} | {"as_float": float(number)} | {"as_bool": bool(number)}:
            return number
    raise ValueError(f"an argument {value!r:.100}")


def _checked(*kinds: type) -> Callable[[Any], Any]:
    def constant(value: Any) -> Any:
        entries = value if isinstance(value, list) else [value]
        if not all(isinstance(entry, kinds) for entry in entries):
            raise TypeError(f"a constant {value!r:.100}")
        return value

    return constant


_CONSTANTS: Mapping[str, Callable[[Any], Any]] = {
    "as_none": lambda _: None,
    "as_int": _checked(int),
    "as_ints": _checked(int),
    "as_bool": _checked(bool),
    "as_bools": _checked(bool),
    "as_string": _checked(str),
    # infinity is written as text
    "as_float": float,
    "as_floats": lambda values: [float(value) for value in values],
    "as_scalar_type": lambda code: TYPES[code],
    "as_memory_format": lambda code: _FORMATS[code],
    "as_layout": lambda code: {7: torch.strided}[code],
    "as_device": lambda _: None,  # where tensors are made is decided here
}
_NAMED = ("as_tensor", "as_sym_int", "as_sym_float", "as_sym_bool", "as_optional_tensor")
_LISTS = ("as_tensors", "as_sym_ints", "as_sym_floats", "as_sym_bools", "as_optional_tensors")


def filled(given: Any, values: Mapping[str, Any]) -> Any:
    """The argument with what the names in it stand for."""
    match given:
        case Name(name):
            return values[name]
        case list():
            return [filled(entry, values) for entry in given]
    return given
