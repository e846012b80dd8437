"""Tensors from torch files of every generation: no object of the file is built, nothing is run.

A torch file is a pickle that names storages, beside the storages' bytes: as members of a zip
archive, or one after the other behind the pickle in files of before torch 1.6. The pickle is read
as data, and each tensor is made from its storage here, after its size was held against the bytes
that are there. (torch's own weights-only reader would crash on some pickles, and its older
versions read beyond a storage's end.)
"""

import io
import struct
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from policyscope.errors import (
    CheckpointError,
    DamagedCheckpoint,
    UnsafeCheckpoint,
    UnsupportedCheckpoint,
)
from policyscope.policies import pickles
from policyscope.policies.archives import unpack
from policyscope.policies.quoting import first_line
from policyscope.policies.records import Record, replaced, volume
from policyscope.policies.safetensors import is_safetensors, read_safetensors

_LEGACY = 0x1950A86A20F9469CFC6C
"""The first of the pickles in a file of before torch 1.6."""
_BIG_ENDIAN = "was written on a big-endian machine; save it again on an ordinary one"
_STORAGES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
    "ComplexFloat": torch.complex64,
    "ComplexDouble": torch.complex128,
}


def read_tensors(data: bytes, what: str) -> Any:
    """What `torch.save` wrote: tensors, plain containers, and a `Record` for everything else.

    Args:
        data: The file's bytes, saved from any device.
        what: What the bytes are, for the error message.

    Raises:
        UnsafeCheckpoint: If it is an object that would have to be imported and run.
        DamagedCheckpoint: If it is cut off or no torch file.
    """
    return without_objects(read_content(data, what), what)


def without_objects(content: Any, what: str) -> Any:
    """The content itself, unless it is an object that would have to be imported and run.

    Raises:
        UnsafeCheckpoint: If it is.
    """
    if isinstance(content, Record):
        raise refusal(content, what)
    return content


def read_content(data: bytes, what: str) -> Any:
    """Like `read_tensors`, and a `Record` where an object would have to be imported and run."""
    if is_safetensors(data[:9]):
        return read_safetensors(data, what)
    if data.startswith(b"PK"):
        return read_archived(unpack(data, what), "data.pkl", what)
    return _read_stream(io.BytesIO(data), what)


def read_archived(members: Mapping[str, bytes], pickle: str, what: str) -> Any:
    """One pickle of a torch archive, with the tensors whose storages lie in the folder beside it.

    Args:
        members: The archive's contents.
        pickle: Its name without the archive's root folder, such as `data.pkl`.
        what: What the archive is, for the error message.

    Raises:
        DamagedCheckpoint: If there is no such pickle, or storages are missing or too short.
    """
    roots = {name.partition("/")[0] for name in members}
    inside = {name.partition("/")[2]: content for name, content in members.items()}
    if pickle not in inside or len(roots) > 1:
        raise DamagedCheckpoint(
            f"{what} is no torch archive: it has no {pickle}, or several folders; check the file."
        )
    if inside.get("byteorder", b"little") != b"little":
        raise UnsupportedCheckpoint(f"{what} {_BIG_ENDIAN}.")
    folder = pickle.removesuffix(".pkl")
    storages = {
        name.removeprefix(f"{folder}/"): content
        for name, content in inside.items()
        if name.startswith(f"{folder}/")
    }
    return _with_tensors(pickles.read(inside[pickle], what), storages, what)


def read_raw(raw: bytes, kind: torch.dtype, offset: int, size: Any, stride: Any) -> Tensor:
    """A tensor whose storage is these bytes.

    Raises:
        ValueError: Or another of Python's and torch's, if it does not fit in them.
    """
    return _strided(_flat(raw, kind, len(raw) // kind.itemsize), offset, size, stride)


def refusal(content: Record, what: str) -> CheckpointError:
    """Why an object that would have to be built cannot become a policy."""
    if content.origin.endswith(".VecNormalize"):
        return UnsupportedCheckpoint(
            f"{what} holds the statistics of observations, not a policy; give the policy's file, "
            "and this one with --normalisation."
        )
    return UnsafeCheckpoint(
        f"{what} is a pickle that would import and run {content.origin} when loaded, so it was not "
        "loaded. Save the weights alone, `torch.save(module.state_dict(), path)`, and bring those."
    )


def _read_stream(file: io.BytesIO, what: str) -> Any:
    magic = pickles.read(file, what)
    if magic == _LEGACY:
        return _read_legacy(file, what)
    if isinstance(magic, Record):
        return magic
    raise UnsupportedCheckpoint(
        f"{what} is a pickle of a {type(magic).__name__}, not a torch file; save the weights with "
        "`torch.save(module.state_dict(), path)`."
    )


def _read_legacy(file: io.BytesIO, what: str) -> Any:
    _protocol, machine, content, keys = (pickles.read(file, what) for _ in range(4))
    if isinstance(machine, dict) and machine.get("little_endian") is False:
        raise UnsupportedCheckpoint(f"{what} {_BIG_ENDIAN}.")
    sizes: dict[Any, int] = {}

    def note(record: Record) -> Record:
        if record.origin == "persistent":
            kind, key, _ = _storage(record)
            sizes[key] = kind.itemsize
        return record

    try:
        replaced(content, note)
        storages: dict[Any, bytes] = {}
        for key in keys:
            (count,) = struct.unpack("<q", file.read(8))
            storages[key] = file.read(max(count, 0) * sizes[key])
    except Exception as error:  # the pickle may describe anything
        raise _damage(error, what) from error
    return _with_tensors(content, storages, what)


def _with_tensors(content: Any, storages: Mapping[Any, bytes], what: str) -> Any:
    made: dict[Any, Tensor] = {}

    def build(record: Record) -> Any:
        match record:
            case Record(
                "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor",
                (storage, offset, size, stride, *_),
            ):
                kind, key, count = _storage(storage)
                if (kind, key) not in made:
                    made[kind, key] = _flat(storages[key], kind, count)
                return _strided(made[kind, key], offset, size, stride)
            case Record("torch._utils._rebuild_parameter", (Tensor() as tensor, *_)):
                return tensor
        return record

    try:
        return replaced(content, build)
    except Exception as error:  # the pickle may describe anything
        raise _damage(error, what) from error


def _flat(raw: bytes, kind: torch.dtype, count: int) -> Tensor:
    if count == 0:
        return torch.empty(0, dtype=kind)
    return torch.frombuffer(bytearray(raw), dtype=kind, count=count)  # which holds the bounds


def _strided(flat: Tensor, offset: Any, size: Any, stride: Any) -> Tensor:
    # torch holds the bounds, but would let a few bytes pass for any number of rows
    if volume(size) > len(flat):
        raise ValueError(f"a tensor of shape {size} in a storage of {len(flat)} numbers")
    return flat.as_strided(size, stride, offset)


def _storage(record: Any) -> tuple[torch.dtype, Any, int]:
    """Type, key and length of the storage that a tensor names."""
    match record:
        case Record("persistent", (("storage", Record(origin=kind), key, _, int(count), *_),)):
            return _STORAGES[kind.removeprefix("torch.").removesuffix("Storage")], key, count
    raise ValueError("a tensor without a storage")


def _damage(error: Exception, what: str) -> CheckpointError:
    return DamagedCheckpoint(
        f"{what} cannot be read as a torch file ({type(error).__name__}: "
        f"{first_line(error)}); "
        "it is cut off or damaged, so get a fresh copy."
    )
