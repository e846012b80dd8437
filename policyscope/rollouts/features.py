"""What each number of an observation is called: by its environment, or by its place in the space.

A Dict's parts give their keys: `position[0]`, `arm.angle` for the angle inside `arm`, `gear=2` for
the number that is 1 where the gear is 2.
"""

from collections.abc import Iterator

import numpy as np
from gymnasium import Space, spaces

from policyscope.rollouts.names import Feature, feature_names


def features_of(environment: str, observations: Space) -> tuple[Feature, ...]:
    """Names of the numbers of an observation, in the order of its vector; images have none."""
    if isinstance(observations, spaces.Box):
        one_row = len(observations.shape) == 1
        return feature_names(environment, *observations.shape) if one_row else ()
    return tuple(Feature(name) for name in _names("", observations))


def _names(key: str, space: Space) -> Iterator[str]:
    match space:
        case spaces.Dict():
            for inner, part in space.spaces.items():
                yield from _names(f"{key}.{inner}" if key else str(inner), part)
        case spaces.Tuple():
            for place, part in enumerate(space.spaces):
                yield from _names(f"{key}[{place}]", part)
        case spaces.Discrete(n=n, start=start):
            yield from (f"{key or 'state'}={value}" for value in range(start, start + n))
        case spaces.MultiDiscrete(nvec=nvec, start=start):
            for place in np.ndindex(nvec.shape):
                choice = spaces.Discrete(int(nvec[place]), start=int(start[place]))
                yield from _names(f"{key}{_index(place)}", choice)
        case _:
            shape = space.shape or (spaces.flatdim(space),)
            alone = key and spaces.flatdim(space) == 1
            yield from (key if alone else f"{key}{_index(place)}" for place in np.ndindex(shape))


def _index(place: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, place))}]"
