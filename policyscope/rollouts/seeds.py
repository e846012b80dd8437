"""(seed, purpose, episode) → an independent random generator, and nothing else does.

Each triple spawns its own `numpy.random.SeedSequence` child, so episode i draws the same numbers
whatever the number of lanes, workers or machines, and whatever was drawn for other purposes.
"""

import math
import zlib

import numpy as np
from jaxtyping import Float, Int

AHEAD = 256
"""Normal numbers that are drawn at once for each episode: one call for each is slow."""


def sequence(seed: int, purpose: str, episode: int = 0) -> np.random.SeedSequence:
    """The seed sequence of one purpose in one episode."""
    return np.random.SeedSequence(seed, spawn_key=(zlib.crc32(purpose.encode()), episode))


def generator(seed: int, purpose: str, episode: int = 0) -> np.random.Generator:
    """The generator of one purpose in one episode."""
    return np.random.Generator(np.random.PCG64(sequence(seed, purpose, episode)))


def environment_seed(seed: int, episode: int) -> int:
    """What `env.reset(seed=...)` gets for one episode: 31 bits, as every simulator accepts."""
    return int(sequence(seed, "environment", episode).generate_state(1)[0] >> 1)


def another_seed(seed: int, purpose: str, number: int = 0) -> int:
    """A seed of other episodes than those of this one."""
    return int(generator(seed, purpose, number).integers(2**31))


class Generators:
    """One purpose's generators of many episodes, made when first drawn from."""

    def __init__(self, seed: int, purpose: str) -> None:
        self._seed = seed
        self._purpose = purpose
        self._made: dict[int, np.random.Generator] = {}
        self._episodes = np.zeros(0, np.int64)
        self._rows = np.zeros(0, np.int64)
        self._ahead = np.zeros((0, 0))
        self._used = np.zeros(0, np.int64)

    def of(self, episode: int) -> np.random.Generator:
        """The generator of one episode, in the state that its last draw left."""
        if episode not in self._made:
            self._made[episode] = generator(self._seed, self._purpose, episode)
        return self._made[episode]

    def standard_normal(
        self, episodes: Int[np.ndarray, " lane"], shape: tuple[int, ...]
    ) -> Float[np.ndarray, " lane *shape"]:
        """The next normal numbers of every episode: those that `of` would draw one by one.

        They are drawn ahead, so a purpose that draws them here draws nothing else, always of one
        shape; an episode that is left out of a call has ended, and no call has more than the first.
        """
        size = math.prod(shape)
        if not np.array_equal(episodes, self._episodes):
            self._keep(episodes, max(AHEAD // max(size, 1), 1) * size)
        width = self._ahead.shape[1]
        for lane in np.flatnonzero(self._used[self._rows] == width).tolist():
            row = self._rows[lane]
            self._ahead[row] = self.of(int(episodes[lane])).standard_normal(width)
            self._used[row] = 0
        places = self._used[self._rows, None] + np.arange(size)
        self._used[self._rows] += size
        return self._ahead[self._rows[:, None], places].reshape(len(episodes), *shape)

    def _keep(self, episodes: np.ndarray, width: int) -> None:
        """Leave what was drawn ahead where it is, and find it for the lanes as they are now."""
        _, now, before = np.intersect1d(episodes, self._episodes, return_indices=True)
        for episode in np.setdiff1d(self._episodes, episodes).tolist():
            del self._made[episode]
        rows = np.full(len(episodes), -1)
        rows[now] = self._rows[before]
        if len(self._ahead) < len(episodes):  # at the first call
            self._ahead = np.empty((len(episodes), width))
            self._used = np.full(len(episodes), width)
        free = np.setdiff1d(np.arange(len(self._ahead)), rows)
        begun = rows < 0
        rows[begun] = free[: begun.sum()]
        self._used[rows[begun]] = width
        self._episodes, self._rows = episodes.copy(), rows
