"""A policy's network as affine maps with activations between them.

    z_k = f_k(x, h_0, …, h_{k−1})      h_k = σ_k(z_k)      scores = f_K(x, h_0, …, h_{K−1})

Every f_k is affine and every σ_k is applied to each number alone; layers that branch, join or skip
are no exception. `tracing.py` finds them in a policy. Everything is computed in double precision,
where the policy rounds to single: `rounding` is how much they were seen to differ.

Reference: Xu et al. 2020, https://arxiv.org/abs/2002.12920 (bounds on graphs of operators).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from policyscope.errors import PolicyscopeError
from policyscope_certify.activations import Activation
from policyscope_certify.operators import MIXING, Function


class NoBounds(PolicyscopeError):
    """A network through which no bounds can be carried; the message says why."""


@dataclass(frozen=True)
class Value:
    """A number of the network that depends on the observation: the place of its step."""

    place: int


@dataclass(frozen=True, eq=False)
class Step:
    """One operator: what it computes from earlier values and constants."""

    function: Function
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]

    def inputs(self) -> set[int]:
        """Places of the values that it takes."""
        return {argument.place for argument in flat(self.arguments) if isinstance(argument, Value)}

    def computed(self, values: Mapping[int, Any]) -> Any:
        """What it answers for these values."""
        return self.function(*_put(self.arguments, values), **self.keywords)

    def half_width(self, values: Mapping[int, Any]) -> Any:
        """Half the width of what it answers, for half widths of what it takes."""
        if self.function not in MIXING:
            return self.computed(values)
        rule = MIXING[self.function]
        arguments = list(_put(self.arguments, values))
        for place in rule.terms:
            if not isinstance(self.arguments[place], Value) and arguments[place] is not None:
                arguments[place] = 0 * arguments[place]
        for place in rule.factors:
            if not isinstance(self.arguments[place], Value):
                arguments[place] = abs(arguments[place])
        return rule.of_half_widths(*arguments)


@dataclass(frozen=True, eq=False)
class Layer:
    """An activation, and the places of what goes in and comes out."""

    activation: Activation
    before: int
    after: int


@dataclass(frozen=True, eq=False)
class Network:
    """Steps from place 0, the observation, to the scores of one observation."""

    shape: tuple[int, ...]
    steps: Mapping[int, Step]
    """The affine ones, by place."""
    layers: tuple[Layer, ...]
    """In the order in which they are computed."""
    scores: int
    """Place of the scores."""
    shapes: Mapping[int, torch.Size]
    """Of one row of each source, and of the scores."""
    rounding: float = 0.0
    """By how much they differed from the policy's, as a share of the largest."""

    @property
    def sources(self) -> frozenset[int]:
        """Places where an affine map begins: the observation, and what activations put out."""
        return frozenset({0, *(layer.after for layer in self.layers)})

    def path(self, target: int) -> tuple[list[int], list[int]]:
        """The sources that a place is an affine map of, and the steps from them to it."""
        waiting, found = [target], set()
        while waiting:
            place = waiting.pop()
            if place not in found:
                found.add(place)
                waiting += [] if place in self.sources else self.steps[place].inputs()
        return sorted(found & self.sources), sorted(found - self.sources)

    def affine(self, target: int) -> tuple[list[int], Callable[..., Tensor]]:
        """The sources of one place, and the function of one row of each that computes it."""
        sources, path = self.path(target)

        def function(*given: Tensor) -> Tensor:
            values: dict[int, Any] = dict(zip(sources, given, strict=True))
            for place in path:
                values[place] = self.steps[place].computed(values)
            return values[target]

        return sources, function

    def half_widths(self, target: int) -> Callable[..., Tensor]:
        """The function of half widths of the same sources, for half widths of the place."""
        sources, path = self.path(target)

        def function(*given: Tensor) -> Tensor:
            values: dict[int, Any] = dict(zip(sources, given, strict=True))
            for place in path:
                values[place] = self.steps[place].half_width(values)
            return values[target]

        return function

    def values(
        self, observations: Float[Tensor, " state *observation"]
    ) -> tuple[list[Float[Tensor, " state *number"]], Float[Tensor, " state score"]]:
        """What goes into each activation, and the scores."""
        known = {0: observations.double()}
        before = []
        for layer in self.layers:
            before.append(self.computed(layer.before, known))
            known[layer.after] = layer.activation(before[-1])
        return before, self.computed(self.scores, known)

    def computed(self, target: int, known: Mapping[int, Tensor]) -> Float[Tensor, " state *number"]:
        """A place's numbers, of rows of the sources'."""
        sources, function = self.affine(target)
        return torch.vmap(function)(*(known[source] for source in sources))


def flat(arguments: Iterable[Any]) -> Iterable[Any]:
    """Arguments, and those inside of lists."""
    for argument in arguments:
        if isinstance(argument, tuple | list):
            yield from flat(argument)
        else:
            yield argument


def _put(arguments: Iterable[Any], values: Mapping[int, Any]) -> tuple[Any, ...]:
    """Arguments with values in their places."""
    return tuple(
        values[a.place]
        if isinstance(a, Value)
        else list(_put(a, values))
        if isinstance(a, tuple | list)
        else a
        for a in arguments
    )
