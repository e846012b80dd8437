"""Recordings as tables of text: one row per step, or one range per feature.

::

    episode,cart position (m),pole angle (rad)        feature,low,high
    0,0.01,-0.02                                      cart position (m),-2.4,2.4
    0,0.02,-0.01                                      pole angle (rad),-0.2,0.2
"""

import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from policyscope.errors import RecordingError
from policyscope.policies.quoting import first_line
from policyscope.rollouts.recording import (
    EPISODE,
    FEATURES,
    OBSERVATIONS,
    Recording,
    assembled,
)
from policyscope.rollouts.seeds import generator

RANGES = ["feature", "low", "high"]
"""The header of a table of ranges."""
SAMPLES = 10_000
"""States that are drawn from ranges."""


def read_csv(path: Path, digest: str, seed: int) -> Recording:
    """Read a table with a header row, of observations or of ranges to draw them from.

    Raises:
        RecordingError: If it is no such table.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            header = [name.strip() for name in next(csv.reader(lines), [])]
            if header == RANGES:
                return _drawn(list(csv.reader(lines)), path.name, digest, seed)
            _require_header(header, path.name)
            table = _table(lines, path.name)
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecordingError(
            f"{path.name} is no table of text ({first_line(error)}); get a fresh copy."
        ) from error
    if table.shape[1] != len(header):
        raise RecordingError(
            f"{path.name} has {len(header)} names in its header row and {table.shape[1]} values in "
            "the rows below; give each column a name."
        )
    features = [i for i, name in enumerate(header) if name != EPISODE]
    columns = {
        OBSERVATIONS[0]: table[:, features],
        FEATURES: np.array([header[i] for i in features]),
    }
    if EPISODE in header:
        columns[EPISODE] = table[:, header.index(EPISODE)]
    return assembled(columns, path.name, digest)


def _table(lines: Iterator[str], file: str) -> np.ndarray:
    first = next(lines, None)
    if first is None:
        raise RecordingError(f"{file} has a header row and nothing below it; record more.")
    try:
        return np.loadtxt(
            chain([first], lines), delimiter=",", comments=None, quotechar='"', ndmin=2
        )
    except UnicodeDecodeError:
        raise
    except ValueError as error:
        reason = str(error).partition(";")[0].rstrip(".")
        raise RecordingError(
            f"{file} is no table of numbers below its header row: {reason}."
        ) from error


def _require_header(header: list[str], file: str) -> None:
    if not header or all(map(_is_number, header)):
        raise RecordingError(
            f"{file} has no header row; put the names of the features into the first."
        )
    if header.count(EPISODE) > 1:
        raise RecordingError(f"{file} has two columns named {EPISODE}; rename one of them.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _drawn(rows: list[list[str]], file: str, digest: str, seed: int) -> Recording:
    """States drawn uniformly and independently of each other."""
    names, low, high = [], [], []
    for row in filter(None, rows):
        if len(row) != len(RANGES) or not all(map(_is_number, row[1:])):
            raise RecordingError(
                f"{file} has the row {','.join(row)[:80]!r}, where a feature's name and two "
                "numbers belong."
            )
        names.append(row[0].strip())
        low.append(float(row[1]))
        high.append(float(row[2]))
    lowest, highest = np.array(low), np.array(high)
    with np.errstate(over="ignore", invalid="ignore"):
        sound = np.isfinite(highest - lowest) & (lowest <= highest)
    if not names or not sound.all():
        which = names[int(np.argmin(sound))] if names else ""
        raise RecordingError(
            f"{file} gives {f'{which!r} no range' if names else 'no ranges'}: low and high are "
            "finite numbers, and low is not above high."
        )
    states = [generator(seed, "observations", i).uniform(lowest, highest) for i in range(SAMPLES)]
    return Recording(
        observations=np.stack(states),
        lengths=np.ones(SAMPLES, np.int64),
        features=tuple(names),
        file=file,
        digest=digest,
        sampled=True,
    )
