"""Which episode each lane plays, and where its rows stand in fixed batches.

Matrix products round differently at different batch sizes, and at different rows of one batch: a
flipped argmax sends an episode elsewhere. So inference runs in batches of one fixed size, padded,
and episode i always stands in row i mod BLOCK. Then every number that decides episode i is the
same whatever the number of lanes and whoever else is playing.
"""

from collections import deque
from collections.abc import Callable, Iterable

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

BLOCK = 128
"""Rows of every batch: enough to use the processor well, few enough to waste little on one lane."""


class Lockstep:
    """The lanes that are playing, the episodes they play, and the episodes that still wait."""

    lanes: Int[np.ndarray, " lane"]
    """Lanes that are playing."""
    episodes: Int[np.ndarray, " lane"]
    """The number of the episode in each."""

    def __init__(self, episodes: Iterable[int], lanes: int) -> None:
        # one queue per row of the batch: a lane that goes on in its row never needs another batch
        self._waiting: dict[int, deque[int]] = {}
        for episode in episodes:
            self._waiting.setdefault(episode % BLOCK, deque()).append(episode)
        first = []
        while self._waiting and len(first) < lanes:
            first.append(self._next(row=None))
        self.lanes = np.arange(len(first))
        self.episodes = np.array(first, np.int64)
        self._places = _places(self.episodes)

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
                self.episodes[position] = self._next(row=int(self.episodes[position]) % BLOCK)
                begun.append(position)
            else:
                gone.append(position)
        kept = np.setdiff1d(np.arange(len(self.lanes)), gone)
        self.lanes, self.episodes = self.lanes[kept], self.episodes[kept]
        self._places = _places(self.episodes)
        return np.searchsorted(kept, np.array(begun, np.int64)), kept

    def _next(self, row: int | None) -> int:
        """The next waiting episode of a row; of the row that waited longest where it has none."""
        row = row if row in self._waiting else next(iter(self._waiting))
        queue = self._waiting.pop(row)
        episode = queue.popleft()
        if queue:
            self._waiting[row] = queue
        return episode

    def in_fixed_batches(
        self, function: Callable[..., tuple[Tensor, ...]], inputs: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """Apply a function of batches to inputs with one row per lane, BLOCK rows at a time."""
        size = (int(self._places.max()) // BLOCK + 1) * BLOCK
        places = torch.from_numpy(self._places)
        padded = [torch.zeros(size, *rows.shape[1:], dtype=rows.dtype) for rows in inputs]
        for target, rows in zip(padded, inputs, strict=True):
            target[places] = rows
        outputs = [
            function(*batch) for batch in zip(*(p.split(BLOCK) for p in padded), strict=True)
        ]
        return tuple(torch.cat(parts)[places] for parts in zip(*outputs, strict=True))


def _places(episodes: Int[np.ndarray, " lane"]) -> Int[np.ndarray, " lane"]:
    """Row among all batches: i mod BLOCK within a batch, in the first batch where it is free."""
    rows = episodes % BLOCK
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    batch = np.empty(len(rows), np.int64)
    batch[order] = np.arange(len(rows)) - np.searchsorted(ordered, ordered)
    return batch * BLOCK + rows
