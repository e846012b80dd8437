"""torch.export programs, and the two older layouts of their archives."""

import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from zips import archive, members

BATCH = torch.export.Dim("batch")


def saved(
    module: nn.Module, path: Path, *example: Tensor, decomposed: bool = False, free: bool = False
) -> Path:
    """Save a module as torch.export does; with a free batch, or for the example's alone."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, about its own insides
        shapes = tuple({0: BATCH} for _ in example) if free else None
        program = torch.export.export(module, example, dynamic_shapes=shapes)
        program = program.run_decompositions() if decomposed else program
        torch.export.save(program, buffer)
    path.write_bytes(buffer.getvalue())
    return path


def pickled(path: Path) -> bytes:
    """The layout of torch 2.8: weights and constants are pickles."""
    parts = members(path)
    kept = {n: c for n, c in parts.items() if "/data/weights/" not in n and "/constants/" not in n}
    for part, name in (("weights", "weights"), ("constants", "constants")):
        kept[f"{root(path)}/data/{part}/model.pt"] = torch_file(tensors(path, name))
    return archive(kept)


def flat(path: Path) -> bytes:
    """The layout until torch 2.7."""
    graph = json.loads(members(path)[f"{root(path)}/models/model.json"])
    return archive(
        {
            "serialized_exported_program.json": json.dumps(graph).encode(),
            "serialized_state_dict.pt": torch_file(tensors(path, "weights")),
            "serialized_constants.pt": torch_file(tensors(path, "constants")),
            "serialized_example_inputs.pt": torch_file(((torch.zeros(1, 4),), {})),
            "version": f"{graph['schema_version']['major']}.1".encode(),
        }
    )


def root(path: Path) -> str:
    """The folder that holds everything."""
    return next(iter(members(path))).partition("/")[0]


def tensors(path: Path, part: str) -> dict[str, Tensor]:
    """Weights or constants by name, all of them float32 and contiguous."""
    parts, folder = members(path), f"{root(path)}/data/{part}/"
    config = json.loads(parts[f"{folder}model_{part}_config.json"])["config"]
    found: dict[str, Tensor] = {}
    for name, entry in config.items():
        flat = torch.frombuffer(bytearray(parts[folder + entry["path_name"]]), dtype=torch.float32)
        tensor = flat.clone().reshape([s["as_int"] for s in entry["tensor_meta"]["sizes"]])
        found[name] = nn.Parameter(tensor) if entry["is_param"] else tensor
    return found


def torch_file(content: Any) -> bytes:
    """What torch.save writes."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def edited(path: Path, change: Callable[[dict[str, Any]], Any], member: str = "model.json") -> Path:
    """The file with its graph, or another JSON of it, passed through a change."""
    parts = members(path)
    (name,) = [name for name in parts if name.endswith(member)]
    content = json.loads(parts[name])
    change(content)
    path.write_bytes(archive(parts | {name: json.dumps(content).encode()}))
    return path


def node(target: str, output: dict[str, Any], **arguments: dict[str, Any]) -> dict[str, Any]:
    """A node of a graph."""
    inputs = [{"name": name, "arg": value, "kind": 1} for name, value in arguments.items()]
    return {"target": target, "inputs": inputs, "outputs": [output], "metadata": {}}
