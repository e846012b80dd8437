"""A tree: questions about one feature at a time, until the scores are known."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

LEAF = -1
"""In place of the feature where nothing is asked."""
LARGEST = 4095
"""Nodes: no one reads more."""

Condition = tuple[int, bool, float]
"""A feature, whether it is at most the threshold, and the threshold."""


@dataclass(frozen=True, eq=False)
class Tree:
    """A binary tree, its nodes numbered so that each comes before those below it; 0 is asked first.

    A feature that is at most the threshold leads to `below`, one that is larger to `above`.
    """

    asked: Int[np.ndarray, " node"]
    """The feature that each node asks for; `LEAF` where it answers."""
    thresholds: Float[np.ndarray, " node"]
    below: Int[np.ndarray, " node"]
    above: Int[np.ndarray, " node"]
    answers: Float[np.ndarray, " node output"]
    """Scores; those of nodes that ask are not used."""

    def __post_init__(self) -> None:
        nodes = len(self.asked)
        parts = (self.thresholds, self.below, self.above, self.answers)
        if not nodes or self.answers.ndim != 2 or any(len(part) != nodes for part in parts):
            raise ValueError("A tree needs a feature, a threshold, two ways and scores per node.")
        if nodes > LARGEST:
            raise ValueError(f"A tree has at most {LARGEST:,} nodes, and this one {nodes:,}.")
        asking = np.flatnonzero(~self.leaves)
        ways = np.stack([self.below, self.above])[:, asking]
        once = np.array_equal(np.sort(ways, None), np.arange(1, nodes))
        if self.asked.min() < LEAF or not once or (ways <= asking).any():
            raise ValueError("Each node of a tree but the first is below one that comes before it.")
        if not (np.isfinite(self.thresholds).all() and np.isfinite(self.answers).all()):
            raise ValueError("Thresholds and scores of a tree are finite numbers.")

    @classmethod
    def grown(cls, nodes: Any, answers: Float[np.ndarray, " node output"]) -> "Tree":
        """The tree that scikit-learn has in `tree_`, with these scores."""
        leaf = nodes.children_left < 0
        return cls(
            asked=np.where(leaf, LEAF, nodes.feature).astype(np.int64),
            thresholds=np.where(leaf, 0.0, nodes.threshold),
            below=np.where(leaf, LEAF, nodes.children_left).astype(np.int64),
            above=np.where(leaf, LEAF, nodes.children_right).astype(np.int64),
            answers=answers,
        )

    @property
    def leaves(self) -> Bool[np.ndarray, " node"]:
        """Which nodes answer."""
        return self.asked == LEAF

    @property
    def features(self) -> int:
        """How many features it takes at least."""
        return int(self.asked.max()) + 1

    @property
    def outputs(self) -> int:
        """How many scores there are."""
        return self.answers.shape[1]

    @property
    def size(self) -> int:
        """How many numbers a reader has to read: a threshold per question, an answer per leaf."""
        return len(self.asked)

    @property
    def depth(self) -> int:
        """Most questions on the way to an answer."""
        above = np.zeros(len(self.asked), int)
        for node in np.flatnonzero(~self.leaves):
            above[[self.below[node], self.above[node]]] = above[node] + 1
        return int(above.max())

    def scores(
        self, observations: Float[np.ndarray, " row feature"]
    ) -> Float[np.ndarray, " row output"]:
        """Scores of each observation."""
        at = np.zeros(len(observations), int)
        rows = np.arange(len(observations))
        for _ in range(self.depth):
            going = rows[~self.leaves[at]]
            node = at[going]
            small = observations[going, self.asked[node]] <= self.thresholds[node]
            at[going] = np.where(small, self.below[node], self.above[node])
        return self.answers[at]

    def rules(self) -> Iterator[tuple[tuple[Condition, ...], int]]:
        """The conditions of each leaf, and its node, from left to right."""
        waiting: list[tuple[int, tuple[Condition, ...]]] = [(0, ())]
        while waiting:
            node, conditions = waiting.pop()
            if self.leaves[node]:
                yield conditions, node
                continue
            feature, threshold = int(self.asked[node]), float(self.thresholds[node])
            waiting.append((int(self.above[node]), (*conditions, (feature, False, threshold))))
            waiting.append((int(self.below[node]), (*conditions, (feature, True, threshold))))
