"""Recordings as numpy stores them: `.npz` archives and single `.npy` arrays.

Nothing is unpickled, and nothing is allocated before the declared shape was held against the bytes
that are there.
"""

import io
import math
import warnings
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from policyscope.errors import RecordingError
from policyscope.policies.archives import require_measured
from policyscope.policies.quoting import first_line
from policyscope.rollouts.recording import (
    COLUMNS,
    OBSERVATIONS,
    Recording,
    assembled,
    require_room,
)

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_npz(path: Path, digest: str) -> Recording:
    """Read an archive with `observations`, or with one array alone.

    Raises:
        RecordingError: If it is damaged, or holds no observations.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {
                member.filename.removesuffix(".npy"): member for member in archive.infolist()
            }
            wanted = set(members) & COLUMNS or set(members)
            if len(wanted) != 1 and not wanted.intersection(OBSERVATIONS):
                raise RecordingError(
                    f"{path.name} holds {', '.join(sorted(members))[:200]}, and none is named "
                    "observations; name it so, or store it alone."
                )
            chosen = {name: members[name] for name in sorted(wanted)}
            size = sum(member.file_size for member in chosen.values())
            require_room(size, path.stat().st_size, path.name)
            columns = {
                name: _array(_content(archive, member), f"{name} in {path.name}")
                for name, member in chosen.items()
            }
    except RecordingError:
        raise
    except Exception as error:  # the reader fails on a damaged archive in many ways
        raise RecordingError(
            f"{path.name} is an archive that cannot be read ({first_line(error)}); get a fresh "
            "copy."
        ) from error
    if not columns.keys() & COLUMNS:
        (alone,) = columns.values()
        columns = {OBSERVATIONS[0]: alone}
    return assembled(columns, path.name, digest)


def read_npy(path: Path, digest: str) -> Recording:
    """Read one array: the observations, one row per step.

    Raises:
        RecordingError: If it is damaged.
    """
    array = _array(path.read_bytes(), path.name)
    return assembled({OBSERVATIONS[0]: array}, path.name, digest)


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    require_measured(member)
    return archive.read(member)


def _array(content: bytes, what: str) -> np.ndarray:
    """One stored array, as large as it says."""
    stream = io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            shape, in_columns, dtype = HEADERS[npy.read_magic(stream)](stream)
    except Exception as error:  # a damaged header fails in as many ways as Python's own parser
        raise RecordingError(
            f"{what} is no array of numpy ({first_line(error)}); get a fresh copy."
        ) from error
    if dtype.hasobject:
        raise RecordingError(
            f"{what} holds Python objects, and those are never unpickled; store numbers."
        )
    room = len(content) - stream.tell()
    if math.prod(shape) * dtype.itemsize != room:
        raise RecordingError(
            f"{what} declares the shape {shape} of {dtype}, and {room:,} bytes follow; it is cut "
            "off or damaged, so get a fresh copy."
        )
    values = np.frombuffer(content, dtype, offset=stream.tell())
    return values.reshape(shape, order="F" if in_columns else "C")
