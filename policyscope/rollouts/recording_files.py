"""From a file to a recording, judged by its first bytes: what it is called does not matter."""

from os import PathLike
from pathlib import Path

from policyscope.errors import RecordingError
from policyscope.provenance import digest
from policyscope.rollouts.recording import Recording
from policyscope.rollouts.recording_arrays import read_npy, read_npz
from policyscope.rollouts.recording_datasets import file_inside, read_hdf5
from policyscope.rollouts.recording_tables import read_csv


def read_recording(path: str | PathLike[str], seed: int = 0) -> Recording:
    """Read recorded observations; nothing in the file is executed.

    Args:
        path: A `.npz`, `.npy` or `.csv` file, a file of D4RL, or the folder of a Minari dataset.
        seed: Decides the states that are drawn, where the file states ranges.

    Raises:
        RecordingError: With one sentence about what the file is and what would help.
    """
    given = Path(path)
    try:
        if given.is_dir():
            inside = file_inside(given)
            return read_hdf5(inside, given.resolve().name, digest(inside))
        if not given.is_file():
            raise RecordingError(f"There is no file {given}; check the path of the observations.")
        return _read_file(given, seed)
    except OSError as error:
        raise RecordingError(
            f"{given} cannot be opened ({error.strerror}); check the path and who may read it."
        ) from error


def _read_file(path: Path, seed: int) -> Recording:
    with path.open("rb") as file:
        head = file.read(8)
    seal = digest(path)
    if head.startswith(b"PK"):
        return read_npz(path, seal)
    if head.startswith(b"\x93NUMPY"):
        return read_npy(path, seal)
    if head == b"\x89HDF\r\n\x1a\n":
        return read_hdf5(path, path.name, seal)
    if path.suffix.lower() == ".csv":
        return read_csv(path, seal, seed)
    raise RecordingError(
        f"{path.name} is no recording that can be read; give a .npz, .npy or .csv file, an HDF5 "
        "file of D4RL, or the folder of a Minari dataset."
    )
