"""Which episode each lane plays, and where its rows stand in fixed batches.

Matrix products round differently at different batch sizes, and at different rows of one batch: a
flipped argmax sends an episode elsewhere. So inference runs in batches of one fixed size, padded,
and episode i always stands in row i mod that size. Then every number that decides episode i is
the same whatever the number of lanes and whoever else is playing.
"""

from collections import deque
from collections.abc import Callable, Iterable

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor


class Lockstep:
    """The lanes that are playing, the episodes they play, and the episodes that still wait."""

    lanes: Int[np.ndarray, " lane"]
    """Lanes that are playing."""
    episodes: Int[np.ndarray, " lane"]
    """The number of the episode in each."""

    def __init__(self, episodes: Iterable[int], lanes: int, batch: int) -> None:
        self._batch = batch
        # one queue per row of the batch: a lane that goes on in its row never needs another batch
        self._waiting: dict[int, deque[int]] = {}
        for episode in episodes:
            self._waiting.setdefault(episode % batch, deque()).append(episode)
        first = []
        while self._waiting and len(first) < lanes:
            first.append(self._next(row=None))
        self.lanes = np.arange(len(first))
        self.episodes = np.array(first, np.int64)
        self._place()

    def finish(
        self, done: Bool[np.ndarray, " lane"]
    ) -> tuple[Int[np.ndarray, " begun"], Int[np.ndarray, " kept"]]:
        """Give each lane that is done a new episode, or let it go.

        Returns:
            Positions that began a new episode, after the call; positions that were kept, before it.
        """
        begun, gone = [], []
        for position in np.flatnonzero(done).tolist():
            if self._waiting:
                self.episodes[position] = self._next(int(self.episodes[position]) % self._batch)
                begun.append(position)
            else:
                gone.append(position)
        kept = np.setdiff1d(np.arange(len(self.lanes)), gone)
        self.lanes, self.episodes = self.lanes[kept], self.episodes[kept]
        self._place()
        # lanes are let go only behind those that begin, so no position of these has moved
        return np.array(begun, np.int64), kept

    def in_fixed_batches(
        self, function: Callable[..., tuple[Tensor, ...]], inputs: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """Apply a function of batches to inputs with one row per lane, one batch at a time."""
        batches = zip(*(self._in_batches(rows) for rows in inputs), strict=True)
        outputs = [function(*batch) for batch in batches]
        return tuple(torch.cat(parts)[self._places] for parts in zip(*outputs, strict=True))

    def _in_batches(self, rows: Tensor) -> tuple[Tensor, ...]:
        # always in memory of torch's own: its alignment may decide how a product is rounded
        padded = torch.zeros(self._size, *rows.shape[1:], dtype=rows.dtype)
        padded[self._places] = rows
        return padded.split(self._batch)

    def _next(self, row: int | None) -> int:
        """The next waiting episode of a row; of the row that waited longest where it has none."""
        row = row if row in self._waiting else next(iter(self._waiting))
        queue = self._waiting.pop(row)
        episode = queue.popleft()
        if queue:
            self._waiting[row] = queue
        return episode

    def _place(self) -> None:
        """Find each lane's row among all batches."""
        places = places_in_batches(self.episodes, self._batch)
        self._size = int(places.max(initial=-1)) // self._batch * self._batch + self._batch
        # mostly every lane stands in the place of its number, and copying them all is faster
        in_order = np.array_equal(places, np.arange(len(places)))
        self._places = slice(len(places)) if in_order else torch.from_numpy(places)


def places_in_batches(episodes: Int[np.ndarray, " lane"], batch: int) -> Int[np.ndarray, " lane"]:
    """Row among all batches: i mod `batch` within one, in the first batch where it is free."""
    rows = episodes % batch
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    number = np.empty(len(rows), np.int64)
    number[order] = np.arange(len(rows)) - np.searchsorted(ordered, ordered)
    return number * batch + rows
