"""(seed, purpose, episode) → an independent random generator, and nothing else does.

Each triple spawns its own `numpy.random.SeedSequence` child, so episode i draws the same numbers
whatever the number of lanes, workers or machines, and whatever was drawn for other purposes.
"""

import zlib

import numpy as np


def sequence(seed: int, purpose: str, episode: int = 0) -> np.random.SeedSequence:
    """The seed sequence of one purpose in one episode."""
    return np.random.SeedSequence(seed, spawn_key=(zlib.crc32(purpose.encode()), episode))


def generator(seed: int, purpose: str, episode: int = 0) -> np.random.Generator:
    """The generator of one purpose in one episode."""
    return np.random.Generator(np.random.PCG64(sequence(seed, purpose, episode)))


def environment_seed(seed: int, episode: int) -> int:
    """What `env.reset(seed=...)` gets for one episode: 31 bits, as every simulator accepts."""
    return int(sequence(seed, "environment", episode).generate_state(1)[0] >> 1)


class Generators:
    """One purpose's generators of many episodes, made when first drawn from."""

    def __init__(self, seed: int, purpose: str) -> None:
        self._seed = seed
        self._purpose = purpose
        self._made: dict[int, np.random.Generator] = {}

    def of(self, episode: int) -> np.random.Generator:
        """The generator of one episode, in the state that its last draw left."""
        if episode not in self._made:
            self._made[episode] = generator(self._seed, self._purpose, episode)
        return self._made[episode]
