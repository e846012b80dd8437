"""Weights of an ONNX model in the one file beside it that torch's exporter writes.

`torch.onnx.export` with dynamo puts them into `policy.onnx.data`. A model may name any other file,
which would then be read: only that one is, and its bytes are put where they would otherwise be.
"""

from pathlib import Path
from typing import Any

from policyscope.errors import DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.provenance import digest

LARGEST = 1 << 28
"""Bytes that a model may have: no policy comes near, and reading takes a few times as many."""
EXTERNAL = 1


def inlined(model: Any, path: Path) -> tuple[str, ...]:
    """Put the weights from the file beside into the model; what should be heard about that.

    Raises:
        DamagedCheckpoint: If the file is missing or too short.
        UnsupportedCheckpoint: If it is larger than any policy.
    """
    beside = path.with_name(f"{path.name}.data")
    places = [
        (tensor, {entry.key: entry.value for entry in tensor.external_data})
        for tensor in model.graph.initializer
        if tensor.data_location == EXTERNAL
    ]
    places = [(tensor, place) for tensor, place in places if place.get("location") == beside.name]
    if not places:
        return ()
    if not beside.is_file():
        raise DamagedCheckpoint(
            f"{path.name} keeps its weights in {beside.name}, which is not there; put both files "
            "into one folder."
        )
    if beside.stat().st_size > LARGEST:
        raise UnsupportedCheckpoint(
            f"{beside.name} has {beside.stat().st_size:,} bytes, and {LARGEST:,} is the most that "
            "is read; export the policy alone."
        )
    content, room = beside.read_bytes(), LARGEST
    for tensor, place in places:
        raw = _part(content, place)
        room -= len(raw or b"")
        if raw is None or room < 0:
            raise DamagedCheckpoint(
                f"{beside.name} does not hold the weights that {path.name} looks for; get fresh "
                "copies of both."
            )
        tensor.raw_data = raw
        tensor.ClearField("data_location")
        tensor.ClearField("external_data")
    return (
        f"Its weights are in {beside.name} (SHA-256 {digest(beside)}), which the digest of the "
        "checkpoint leaves out.",
    )


def _part(content: bytes, place: dict[str, str]) -> bytes | None:
    """The bytes of one tensor; None where they are not there."""
    try:
        start = int(place.get("offset", 0))
        length = int(place.get("length", len(content) - start))
    except ValueError:
        return None
    inside = 0 <= start <= start + length <= len(content) and length >= 0
    return content[start : start + length] if inside else None
