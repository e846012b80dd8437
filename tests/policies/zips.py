"""Zip archives with one member changed, or that two readers see differently."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def members(archive: bytes | Path) -> dict[str, bytes]:
    """Name and content of each member."""
    source = archive if isinstance(archive, Path) else io.BytesIO(archive)
    with zipfile.ZipFile(source) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def archive(contents: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as opened:
        for name, content in contents.items():
            opened.writestr(name, content)
    return buffer.getvalue()


def changed(source: bytes | Path, change: Callable[[str, bytes], bytes]) -> bytes:
    """The archive with each member's content passed through `change`."""
    return archive({name: change(name, content) for name, content in members(source).items()})


def with_member(source: bytes | Path, ending: str, content: bytes) -> bytes:
    """The archive with another content in the member whose name ends so."""
    return changed(source, lambda name, old: content if name.endswith(ending) else old)


def with_data(source: Path, **entries: Any) -> bytes:
    """A stable-baselines3 zip with other entries in its JSON."""
    data = json.loads(members(source)["data"]) | entries
    return with_member(source, "data", json.dumps(data).encode())


def with_two_directories(first: bytes, parts: dict[str, bytes]) -> bytes:
    """An archive that holds `first` where its end points to, and the parts just before its end.

    torch looks at the former, Python at the latter.
    """
    size, start = struct.unpack("<II", first[-10:-2])
    buffer = io.BytesIO(first[: start + size])
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "w") as opened:
        for name, content in parts.items():
            opened.writestr(name, content)
        missing = size - sum(46 + len(name) for name in parts) - 46 - len("padding") - 4
        padding = zipfile.ZipInfo("padding")
        padding.extra = struct.pack("<HH", 0x9999, missing) + bytes(missing)
        opened.writestr(padding, b"")
    both = bytearray(buffer.getvalue())
    directory = struct.unpack("<I", both[-6:-2])[0]
    moved = directory - start
    entry = directory
    while both[entry : entry + 4] == b"PK\x01\x02":
        position = struct.unpack("<I", both[entry + 42 : entry + 46])[0]
        both[entry + 42 : entry + 46] = struct.pack("<I", position - moved)
        entry += 46 + sum(struct.unpack("<HHH", both[entry + 28 : entry + 34]))
    both[-14:-2] = first[-14:-2]
    return bytes(both)


def with_two_long_ends(first: bytes, second: bytes) -> bytes:
    """Two archives in one file, each with an end in the format for large files.

    Python takes the end that is the last, torch the one that the last record names.
    """
    (_, first_at), (number, second_at) = directory(first), directory(second)
    moved = bytearray(second[second_at:-22])
    entry = 0
    while entry < len(moved):
        at = struct.unpack("<I", moved[entry + 42 : entry + 46])[0]
        moved[entry + 42 : entry + 46] = struct.pack("<I", at + first_at)
        entry += 46 + sum(struct.unpack("<HHH", moved[entry + 28 : entry + 34]))
    both = first[:first_at] + second[:second_at]
    named = len(both) + len(moved)
    both += bytes(moved) + long_end(number, len(moved), len(both))
    last = first[first_at:-22]
    both += last + long_end(directory(first)[0], len(last), len(both))
    both += struct.pack("<4sIQI", b"PK\x06\x07", 0, named, 1)
    return both + struct.pack("<4sHHHHIIH", b"PK\x05\x06", *[0xFFFF] * 4, *[0xFFFFFFFF] * 2, 0)


def directory(archive: bytes) -> tuple[int, int]:
    """How many members an archive has, and where its directory begins."""
    number, _, at = struct.unpack("<HII", archive[-12:-2])
    return number, at


def long_end(number: int, size: int, at: int) -> bytes:
    return struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, number, number, size, at)
