"""Observation and action spaces, from the plain text beside their pickles in `data`."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import Space, spaces

from policyscope.errors import DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies.quoting import first_line

# as Python prints a dictionary of spaces: 'position': Box(-inf, inf, (3,), float32)
_PART = re.compile(r"""(?:'([^'\\]*)'|"([^"\\]*)")(?:: |, )(\w+)\(((?:[^()]|\([^()]*\))*)\)""")
_BETWEEN = re.compile(r"(OrderedDict)?[\s,()\[\]{}]*")
_BOX = re.compile(r"(?P<low>[^,]+), (?P<high>[^,]+), \((?P<_shape>[\d, ]*)\), (?P<dtype>\w+)")


@dataclass(frozen=True)
class Part:
    """One array of an observation, as the network takes it: discrete ones one-hot."""

    shape: tuple[int, ...]
    dtype: str
    image: bool
    """Whether the library takes it for an image, which it scales: bytes from 0 to 255."""

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def size_in_words(self) -> str:
        """For example `3×64×64`."""
        return "×".join(map(str, self.shape))


def read_observations(space: Any, file: str) -> tuple[Part, dict[str, Part]]:
    """One observation as a policy sees it, and the parts that its flat vector has if it is a Dict.

    Raises:
        UnsupportedCheckpoint: If it is neither an array nor a Dict of arrays.
        DamagedCheckpoint: If its description is incomplete.
    """
    try:
        if _kind(space) != "Dict":
            return _part(_kind(space), space, file), {}
        parts = dict(_parts(str(space["spaces"]), file))
        return Part((sum(part.size for part in parts.values()),), "numbers", False), parts
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise DamagedCheckpoint(
            f"{file} describes its observations incompletely ({first_line(error)})."
        ) from error


def described(parts: Mapping[str, Part]) -> str:
    """Shape and type of each part, in words."""
    return ", ".join(f"{key} {part.shape} {part.dtype}".strip() for key, part in parts.items())


def _parts(text: str, file: str) -> Iterator[tuple[str, Part]]:
    found = list(_PART.finditer(text))
    if not found or not _BETWEEN.fullmatch(_PART.sub("", text)):
        raise UnsupportedCheckpoint(
            f"{file} observes a Dict of spaces that its text does not tell ({text[:80]}); save the "
            "model with a version of stable-baselines3 and gymnasium of today."
        )
    for match in found:
        single, double, kind, arguments = match.groups()
        key = double if single is None else single
        yield key, _part(kind, _attributes(kind, arguments), file)


def _attributes(kind: str, arguments: str) -> dict[str, str]:
    """A space's attributes, from how it prints."""
    first = arguments.partition("start=")[0]
    match kind:
        case "Box":
            found = _BOX.fullmatch(arguments)
            # gym before 0.18 printed the shape alone, which does not tell images
            if found is None and not re.fullmatch(r"\d+,( ?\d+)?", arguments):
                raise ValueError(f"Box({arguments}) is not enough")
            return found.groupdict() if found else {"_shape": arguments}
        case "Discrete" | "MultiBinary":
            return {"n": first}
    return {"nvec": first}


def _part(kind: str, space: dict[str, Any], file: str) -> Part:
    match kind:
        case "Box":
            shape = _shape(space)
            if shape is None:
                raise ValueError("the shape is missing")
            dtype = str(space.get("dtype", "float32"))
            return Part(shape, dtype, _is_image(shape, dtype, space))
        case "Discrete":
            return Part((int(_numbers(space["n"])[0]),), "one-hot", False)
        case "MultiDiscrete":
            return Part((int(_numbers(space["nvec"]).sum()),), "one-hot", False)
        case "MultiBinary":
            return Part(tuple(int(n) for n in _numbers(space["n"])), "bits", False)
    raise UnsupportedCheckpoint(
        f"{file} observes a {kind} space; only arrays (Box), discrete ones and a Dict of these can "
        "be analysed."
    )


def _is_image(shape: tuple[int, ...], dtype: str, space: dict[str, Any]) -> bool:
    if len(shape) != 3 or "uint8" not in dtype:
        return False
    # large arrays are printed with dots in the middle
    low, high = (set(_numbers(space.get(bound)).tolist()) for bound in ("low", "high"))
    if not (low and high):
        raise ValueError("it does not say what bounds its images have")
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
            f"{file} describes its action space incompletely ({first_line(error)})."
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
