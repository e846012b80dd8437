"""What a `torch.export.save` archive holds, read as data.

    models/model.json                       the graph: operators by name, arguments, signature
    data/weights/model_weights_config.json  parameters and buffers: type, shape and file of each
    data/weights/weight_0 …                 their bytes; pickled where `use_pickle` says so
    data/constants/…                        the same for constants, and pickled objects
    data/sample_inputs/model.pt             the pickled arguments of the export
    data/aotinductor/…                      compiled code (not read)

torch 2.8 pickles weights and constants whole (`data/weights/model.pt`); until 2.7 the archive is
flat (`serialized_exported_program.json`, `serialized_state_dict.pt`, …). `torch.export.load`
unpickles the pickled ones without restraint, and evaluates the text of symbolic sizes; neither is
done here: the graph is JSON, pickles go through `tensors`, and sample inputs, symbols and guards
are left alone.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from policyscope.errors import (
    CheckpointError,
    DamagedCheckpoint,
    UnsafeCheckpoint,
    UnsupportedCheckpoint,
)
from policyscope.policies.archives import unpack
from policyscope.policies.quoting import first_line
from policyscope.policies.records import Record
from policyscope.policies.tensors import read_raw, read_tensors

TYPES: Mapping[int, torch.dtype] = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
"""Types of numbers, by their code in the format."""
_LARGEST_GRAPH = 1 << 24
"""Bytes of a graph: no policy comes near, and JSON takes many times as much to read."""
_MAJOR = 8
"""Version of the format since torch 2.5."""
_STRIDED = 7
_FLAT = "serialized_exported_program.json"


@dataclass(frozen=True, eq=False)
class Archive:
    """A program as its file holds it."""

    program: dict[str, Any]
    """The JSON of the graph and its signature, not looked at yet."""
    tensors: dict[str, Tensor]
    """Parameters, buffers and constants by name."""


def looks_exported(members: tuple[str, ...]) -> bool:
    """Whether these are the names inside a `torch.export.save` or AOTInductor archive."""
    inside = {member.partition("/")[2] for member in members}
    graphs = (name for name in inside if name.startswith("models/") and name.endswith(".json"))
    compiled = (name for name in inside if name.startswith("data/aotinductor/"))
    return _FLAT in members or any(graphs) or any(compiled)


def read_archive(data: bytes, file: str) -> Archive:
    """The graph and its tensors.

    Raises:
        DamagedCheckpoint: If the archive is cut off or contradicts itself.
        UnsafeCheckpoint: If it holds compiled code, or objects that would be unpickled.
        UnsupportedCheckpoint: If it holds several programs, or is of a version that is not known.
    """
    members = unpack(data, file)
    try:
        return _read(members, file)
    except CheckpointError:
        raise
    except Exception as error:  # JSON may describe anything
        raise damaged(error, file) from error


def damaged(error: Exception, file: str) -> DamagedCheckpoint:
    """What to say of a file that cannot be read."""
    return DamagedCheckpoint(
        f"{file} cannot be read as a torch.export program ({type(error).__name__}: "
        f"{first_line(error)}); get a fresh copy."
    )


def _read(members: Mapping[str, bytes], file: str) -> Archive:
    if _FLAT in members:
        tensors = {
            name: tensor
            for member in ("serialized_state_dict.pt", "serialized_constants.pt")
            for name, tensor in _pickled(members[member], file).items()
        }
        return Archive(_graph(members[_FLAT], file), tensors)
    inside = {name.partition("/")[2]: content for name, content in members.items()}
    if inside.get("byteorder", b"little") != b"little":
        raise UnsupportedCheckpoint(f"{file} was exported on a big-endian machine.")
    name = _model(tuple(inside), file)
    tensors = {
        n: t for part in ("weights", "constants") for n, t in _part(inside, part, name, file)
    }
    return Archive(_graph(inside[f"models/{name}.json"], file), tensors)


def _model(inside: tuple[str, ...], file: str) -> str:
    models = [
        name.removeprefix("models/").removesuffix(".json")
        for name in inside
        if name.startswith("models/") and name.endswith(".json")
    ]
    if not models and any(name.startswith("data/aotinductor/") for name in inside):
        raise UnsafeCheckpoint(
            f"{file} holds compiled code (AOTInductor), which is not run; save the program itself "
            "with torch.export.save."
        )
    if len(models) != 1 and "model" not in models:
        raise UnsupportedCheckpoint(
            f"{file} holds {len(models)} programs ({', '.join(models)[:200]}) and none is called "
            "model; save one with torch.export.save."
        )
    return "model" if "model" in models else models[0]


def _graph(content: bytes, file: str) -> dict[str, Any]:
    if len(content) > _LARGEST_GRAPH:
        raise UnsupportedCheckpoint(
            f"{file} holds a graph of {len(content):,} bytes, and {_LARGEST_GRAPH:,} is the most "
            "that is read; export the policy alone."
        )
    program = json.loads(content)
    version = program["schema_version"]["major"]
    if version != _MAJOR:
        raise UnsupportedCheckpoint(
            f"{file} is a torch.export program of format {version!r:.20}, and only {_MAJOR} (torch "
            "2.5 and later) is known; export it again."
        )
    return program


def _part(
    inside: Mapping[str, bytes], part: str, model: str, file: str
) -> list[tuple[str, Tensor]]:
    """The tensors of `weights` or `constants`."""
    whole, folder = inside.get(f"data/{part}/{model}.pt"), f"data/{part}/"
    if whole is not None:
        return list(_pickled(whole, file).items())
    config = json.loads(inside[f"{folder}{model}_{part}_config.json"])["config"]
    return [
        (name, _tensor(inside[folder + entry["path_name"]], entry, file))
        for name, entry in config.items()
    ]


def _tensor(raw: bytes, entry: Mapping[str, Any], file: str) -> Tensor:
    meta = entry["tensor_meta"]
    if entry["use_pickle"] or meta is None:
        return _plain(read_tensors(raw, file), file)
    if meta["layout"] != _STRIDED or meta["dtype"] not in TYPES:
        raise UnsupportedCheckpoint(
            f"{file} holds a tensor that is sparse, complex or quantised; save ordinary ones."
        )
    sizes, strides = (tuple(s["as_int"] for s in meta[key]) for key in ("sizes", "strides"))
    offset = meta["storage_offset"]["as_int"]
    return read_raw(raw, TYPES[meta["dtype"]], offset, sizes, strides)


def _pickled(content: bytes, file: str) -> dict[str, Tensor]:
    tensors = read_tensors(content, file) if content else {}
    return {str(name): _plain(tensor, file) for name, tensor in dict(tensors).items()}


def _plain(content: Any, file: str) -> Tensor:
    if isinstance(content, Tensor):
        return content
    kind = content.origin if isinstance(content, Record) else type(content).__name__
    raise UnsafeCheckpoint(
        f"{file} keeps a {kind} among its tensors, which would have to be unpickled; export a "
        "program of tensors alone."
    )
