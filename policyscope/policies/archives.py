"""Zip archives from strangers, read once, so that what was checked is what is used.

Two readers of one zip can see two archives: names that occur twice or differ in case only, a
second directory elsewhere in the file, contents that contradict their checksum (torch does not
look at it). Here Python's reader decides, and torch is given an archive written from what it read.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from policyscope.errors import CheckpointError, DamagedCheckpoint
from policyscope.policies.quoting import first_line

ROOM = 1 << 26
"""Bytes that any archive may unpack to."""
SHRINKAGE = 20
"""How much larger than the file its contents may be beyond that: weights hardly shrink at all."""


def names(path: Path) -> tuple[str, ...]:
    """What a zip archive's directory lists; nothing if it is damaged or no archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(member.filename for member in _members(archive))
    except Exception:  # the reader fails on a damaged directory in many ways, and nothing was run
        return ()


def unpack(data: bytes, what: str, *wanted: str) -> dict[str, bytes]:
    """Members of an archive by name, complete and with the right checksum.

    Args:
        data: The archive's bytes.
        what: What they are, for the error message.
        wanted: Names to read, if not all.

    Raises:
        DamagedCheckpoint: If it is cut off, inconsistent, or unpacks to implausibly many bytes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = _members(archive)
            chosen = [m for m in members if m.filename in wanted or not wanted]
            _require_one_meaning([m.filename for m in members], what)
            _require_room(sum(m.file_size for m in chosen), len(data), what)
            return {m.filename: _content(archive, m) for m in chosen}
    except CheckpointError:
        raise
    except Exception as error:  # as in `names`
        raise DamagedCheckpoint(
            f"{what} is a zip archive whose contents cannot be read ({first_line(error)}); it "
            "is cut off or damaged, so get a fresh copy."
        ) from error


def pack(members: Mapping[str, bytes]) -> bytes:
    """An archive of these members, in their order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def require_measured(member: zipfile.ZipInfo) -> None:
    """Refuse methods that Python unpacks all at once, whatever they unpack to.

    Raises:
        BadZipFile: If it is neither of the two that torch, numpy and stable-baselines3 use.
    """
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise zipfile.BadZipFile(f"{member.filename} is packed by a method that no library uses")


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    members = [member for member in archive.infolist() if not member.is_dir()]
    # a file that is cut off can end with an archive that was a member of it
    if members and min(member.header_offset for member in members) > 0:
        raise zipfile.BadZipFile("its beginning belongs to something else")
    return members


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    # asking for a number of bytes bounds what a lying header can make of a few; asking for one more
    # than there are has even an empty member checked
    require_measured(member)
    with archive.open(member) as opened:
        content = opened.read(member.file_size + 1)
    if len(content) != member.file_size:
        raise EOFError(f"{member.filename} ends early")
    return content


def _require_one_meaning(listed: list[str], what: str) -> None:
    if len({name.lower() for name in listed}) < len(listed):
        raise DamagedCheckpoint(
            f"{what} is a zip archive with two members of one name; get a fresh copy."
        )


def _require_room(unpacked: int, packed: int, what: str) -> None:
    if unpacked > ROOM + SHRINKAGE * packed:
        raise DamagedCheckpoint(
            f"{what} is a zip archive of {packed:,} bytes that claims to unpack to {unpacked:,}, "
            "which no policy does; get a fresh copy."
        )
