"""Zip archives with one member changed, for tests of what a loader makes of them."""

import io
import json
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
