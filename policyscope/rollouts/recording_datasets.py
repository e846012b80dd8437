"""Recordings in HDF5: Minari datasets, and files of D4RL.

::

    Minari   NAME/data/main_data.hdf5    episode_0/observations, episode_0/actions, episode_1/…
    D4RL     NAME.hdf5                   observations, actions, terminals, timeouts

Minari's episodes end with the observation after their last action, at which nothing was decided
any more; it is left out. Links and data outside the file are refused, and nothing is read before
its declared size was held against the file's.
"""

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from policyscope.errors import RecordingError
from policyscope.policies.quoting import first_line
from policyscope.rollouts.recording import (
    ACTIONS,
    COLUMNS,
    EPISODE,
    FEATURES,
    OBSERVATIONS,
    Recording,
    assembled,
    require_room,
)

if TYPE_CHECKING:
    import h5py

PLACES = (Path("data", "main_data.hdf5"), Path("main_data.hdf5"))
"""Where a Minari dataset's folder has its file."""


def file_inside(folder: Path) -> Path:
    """The file of a Minari dataset.

    Raises:
        RecordingError: If the folder is none.
    """
    found = next((folder / place for place in PLACES if (folder / place).is_file()), None)
    if found is None:
        raise RecordingError(
            f"{folder} is no Minari dataset: there is no {PLACES[0]} in it. Give the folder of a "
            "dataset in HDF5, or a file of observations."
        )
    return found


def read_hdf5(path: Path, file: str, digest: str) -> Recording:
    """Read a Minari dataset or a file of D4RL.

    Args:
        path: The file.
        file: What it is called in reports.
        digest: SHA-256 of the file.

    Raises:
        RecordingError: If it is damaged, of another layout, or h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise RecordingError(
            f"{file} is an HDF5 file, and reading it needs: pip install 'policyscope[minari]'"
        ) from error
    try:
        with h5py.File(path, "r") as opened:
            columns = _columns(opened, path.stat().st_size, file)
    except RecordingError:
        raise
    except Exception as error:  # the reader fails on damaged files in many ways
        raise RecordingError(
            f"{file} is an HDF5 file that cannot be read ({first_line(error)}); get a fresh copy."
        ) from error
    return assembled(columns, file, digest)


def _columns(opened: "h5py.File", packed: int, file: str) -> dict[str, np.ndarray]:
    names = list(map(str, opened))
    numbered = [name for name in names if re.fullmatch(r"episode_\d+", name, re.ASCII)]
    if not numbered:
        plain = [name for name in names if name in COLUMNS - {FEATURES}]
        wanted = {name: _dataset(opened, name, file) for name in plain}
        require_room(sum(map(_size, wanted.values())), packed, file)
        return {name: dataset[()] for name, dataset in wanted.items()}
    in_order = sorted(numbered, key=lambda name: int(name.removeprefix("episode_")))
    episodes = [_episode(opened, name, file) for name in in_order]
    require_room(sum(_size(d) for e in episodes for d in e.values()), packed, file)
    return _joined([{name: d[()] for name, d in e.items()} for e in episodes], file)


def _episode(opened: "h5py.File", name: str, file: str) -> dict[str, Any]:
    group = _own(opened, name, file)
    wanted = [column for column in (OBSERVATIONS[0], ACTIONS) if column in group]
    return {column: _dataset(group, column, file) for column in wanted}


def _joined(episodes: list[dict[str, np.ndarray]], file: str) -> dict[str, np.ndarray]:
    """Episodes one after the other."""
    observations, actions = [], []
    for episode in episodes:
        seen, done = episode.get(OBSERVATIONS[0]), episode.get(ACTIONS)
        if seen is None or seen.ndim == 0:
            raise RecordingError(f"{file} has an episode without observations; get a fresh copy.")
        observations.append(seen if done is None else seen[: len(done)])
        actions.append(done)
    if len({array.shape[1:] for array in observations}) > 1:
        raise RecordingError(
            f"{file} has observations of several shapes, and a policy takes one; give those of one "
            "environment."
        )
    counts = [len(array) for array in observations]
    joined = {
        OBSERVATIONS[0]: np.concatenate(observations),
        EPISODE: np.repeat(np.arange(len(counts)), counts),
    }
    if all(done is not None for done in actions) and len({a.shape[1:] for a in actions}) == 1:
        joined[ACTIONS] = np.concatenate(actions)
    return joined


def _dataset(group: Any, name: str, file: str) -> Any:
    """An array that lies in this very file."""
    import h5py

    found = _own(group, name, file)
    if not isinstance(found, h5py.Dataset):
        raise RecordingError(
            f"{file} holds {name} made of several parts (a Dict or Tuple), and only arrays of "
            "numbers can be analysed; store them flattened."
        )
    if found.external or found.is_virtual:
        raise RecordingError(f"{file} takes {name} from other files; store it in one.")
    if found.dtype.kind not in "biuf":
        raise RecordingError(
            f"{file} holds {name} of type {found.dtype}, perhaps compressed images; store plain "
            "numbers (minari: jpeg_encoding=False)."
        )
    return found


def _size(dataset: Any) -> int:
    """Bytes that reading it takes; a chunk is unpacked whole, however little of it is used."""
    return max(dataset.nbytes, math.prod(dataset.chunks or ()) * dataset.dtype.itemsize)


def _own(group: Any, name: str, file: str) -> Any:
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise RecordingError(
            f"{file} takes {name} from elsewhere by a link; store it in its place."
        )
    return group[name]
