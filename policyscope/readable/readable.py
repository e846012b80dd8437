"""A policy that a person can read, with the names and bounds of what goes in and comes out."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from policyscope.readable.equations import Equations
from policyscope.readable.tree import Tree


@dataclass(frozen=True, eq=False)
class Readable:
    """Equations or a tree in place of a network; in the environment's own units."""

    form: Equations | Tree
    features: tuple[str, ...]
    """Name of each number of the observation, with its unit: `cart position (m)`."""
    actions: tuple[str, ...]
    """Name of each score: an action to choose, or a dimension of a continuous one."""
    groups: tuple[int, ...] = ()
    """How many alternatives each choice has; none where actions are continuous."""
    starts: tuple[int, ...] = ()
    """Number of the first alternative of each choice."""
    low: tuple[float | None, ...] = ()
    """Least value of each dimension of a continuous action; None where it has no bound."""
    high: tuple[float | None, ...] = ()
    """Largest value of each."""
    environment: str = ""
    """Where it was made to act; empty where nobody said."""

    def __post_init__(self) -> None:
        if self.form.features > len(self.features) or (
            isinstance(self.form, Equations) and self.form.features < len(self.features)
        ):
            raise ValueError(
                f"It has {len(self.features)} names and {self.form.features} features."
            )
        if len(self.actions) != self.form.outputs:
            raise ValueError(f"It has {self.form.outputs} scores and names {len(self.actions)}.")
        if self.groups:
            if sum(self.groups) != self.form.outputs or min(self.groups) < 1:
                raise ValueError("Its groups of actions do not add up to its scores.")
            if len(self.starts) != len(self.groups) or self.low or self.high:
                raise ValueError("Choices have a first number each, and no bounds.")
        elif not len(self.low) == len(self.high) == self.form.outputs or self.starts:
            raise ValueError("Continuous actions have two bounds each, and no first number.")

    @property
    def discrete(self) -> bool:
        """Whether actions are chosen among alternatives, and not computed."""
        return bool(self.groups)

    @property
    def size(self) -> int:
        """How many numbers a reader has to read."""
        return self.form.size

    @property
    def kind(self) -> str:
        """What it is, in words."""
        if isinstance(self.form, Tree):
            return f"tree of {int(self.form.leaves.sum())} leaves"
        degrees = {0: "constant", 1: "linear", 2: "quadratic", 3: "cubic"}
        shape = degrees.get(self.form.degree, f"polynomial of degree {self.form.degree}")
        return f"{shape}, {self.size} coefficients"

    def scores(
        self, observations: Float[np.ndarray, " row feature"]
    ) -> Float[np.ndarray, " row output"]:
        """Scores of each observation."""
        return self.form.scores(observations)

    def decisions(
        self, observations: Float[np.ndarray, " row feature"]
    ) -> Shaped[np.ndarray, " row choice"]:
        """What is done at each observation: a number per choice, or per dimension."""
        return self.done(self.scores(observations))

    def done(self, scores: Float[np.ndarray, " row output"]) -> Shaped[np.ndarray, " row choice"]:
        """What is done where these are the scores."""
        if self.groups:
            parts = np.split(scores, np.cumsum(self.groups)[:-1], axis=1)
            return np.stack([part.argmax(1) for part in parts], 1) + self.starts
        low = [-np.inf if bound is None else bound for bound in self.low]
        high = [np.inf if bound is None else bound for bound in self.high]
        return np.clip(scores, low, high)
