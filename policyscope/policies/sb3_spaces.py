"""Observation and action spaces, from the plain text beside their pickles in `data`."""

import re
from typing import Any

import numpy as np
from gymnasium import Space, spaces

from policyscope.errors import DamagedCheckpoint, UnsupportedCheckpoint


def read_observations(space: Any, file: str) -> tuple[tuple[int, ...], str]:
    """Shape and type of one observation.

    Raises:
        UnsupportedCheckpoint: If it is no array.
        DamagedCheckpoint: If the shape is missing.
    """
    kind = _kind(space)
    if kind != "Box":
        raise UnsupportedCheckpoint(
            f"{file} observes a {kind} space; only arrays (Box) can be analysed."
        )
    dtype = str(space.get("dtype", "float32"))
    shape = _shape(space)
    if shape is None:
        raise DamagedCheckpoint(f"{file} does not say what shape its observations have.")
    return shape, dtype


def is_image(space: dict[str, Any], file: str) -> bool:
    """Whether the library takes these arrays for images, which it scales: bytes from 0 to 255.

    Raises:
        DamagedCheckpoint: If the bounds are missing.
    """
    shape, dtype = read_observations(space, file)
    if len(shape) != 3 or "uint8" not in dtype:
        return False
    # large arrays are printed with dots in the middle
    low, high = (set(_numbers(space.get(bound)).tolist()) for bound in ("low", "high"))
    if not (low and high):
        raise DamagedCheckpoint(f"{file} does not say what bounds its images have.")
    return low == {0} and high == {255}


def read_actions(space: Any, file: str) -> Space:
    """The action space.

    Raises:
        UnsupportedCheckpoint: If it is neither discrete, multi-discrete nor continuous.
        DamagedCheckpoint: If its description is incomplete.
    """
    try:
        match _kind(space):
            case "Discrete":
                return spaces.Discrete(int(space["n"]), start=int(space.get("start", 0)))
            case "MultiDiscrete":
                return spaces.MultiDiscrete(_numbers(space["nvec"]).astype(np.int64))
            case "Box":
                return _box(space)
    except (KeyError, TypeError, ValueError, OverflowError, AssertionError) as error:
        raise DamagedCheckpoint(
            f"{file} describes its action space incompletely ({error})."
        ) from error
    raise UnsupportedCheckpoint(f"{file} acts in a {_kind(space)} space, which is not supported.")


def _box(space: dict[str, Any]) -> spaces.Box:
    low, high = (_numbers(space[bound]) for bound in ("low", "high"))
    if np.isnan([low, high]).any() or (low > high).any():
        raise ValueError("its bounds are no bounds")
    with np.errstate(over="ignore"):  # bounds beyond single precision mean no bounds
        low, high = low.astype(np.float32), high.astype(np.float32)
    shape = _shape(space) or low.shape
    return spaces.Box(low.reshape(shape), high.reshape(shape), dtype=np.float32)


def _shape(space: dict[str, Any]) -> tuple[int, ...] | None:
    shape = space.get("shape", space.get("_shape"))
    return None if shape is None else tuple(int(size) for size in _numbers(shape))


def _kind(space: Any) -> str:
    """`Box` from a space's recorded type, `<class 'gym.spaces.box.Box'>`."""
    text = space.get(":type:", "") if isinstance(space, dict) else ""
    return str(text).rpartition(".")[2].rstrip("'>") or "missing"


def _numbers(text: Any) -> np.ndarray:
    """Numbers from a list, or from an array printed as text."""
    words = re.findall(r"[-+]?(?:inf|nan|\d+\.?\d*(?:e[-+]?\d+)?)", str(text))
    return np.array([float(word) for word in words])
