"""From a policy to the affine maps and activations of its network.

They are found by following one observation through the network, whatever it was written in: what a
trace leaves are torch's own operators. What is neither affine nor an activation of `activations.py`
is refused with its name, and the answer is held against the policy's own.

Source: https://docs.pytorch.org/docs/stable/fx.html (the graph of a trace).
"""

import operator
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

from policyscope.policies.policy import MISFITS, Policy
from policyscope_certify.activations import ACTIVATIONS
from policyscope_certify.network import Layer, Network, NoBounds, Step, Value, flat
from policyscope_certify.operators import MIXING, MOVING, Function

aten = torch.ops.aten

TRIALS, TOLERANCE = 64, 1e-5
"""Observations on which the answer is compared, and by what share of the scores it may differ."""
_CONVERTING = frozenset({aten._to_copy.default, aten.lift_fresh_copy.default})


def network_of(policy: Policy) -> Network:
    """The network of a policy without memory, in double precision.

    Raises:
        NoBounds: If it holds anything but affine maps and known activations, or does not answer as
            the policy does.
    """
    shape = policy.observation_shape
    if policy.memory_shapes or not policy.differentiable or shape is None:
        raise NoBounds(
            "Bounds of actions need a policy without memory whose network can be followed, and "
            f"{policy.checkpoint.file} {'has a memory' if policy.memory_shapes else 'is none'}."
        )
    graph = _traced(policy, shape)
    places: dict[fx.Node, Any] = {}
    steps: dict[int, Step] = {}
    layers: list[Layer] = []
    for place, node in enumerate(graph.graph.nodes):
        places[node] = _translated(node, place, places, graph)
        match places[node]:
            case Step() as step:
                steps[place] = step
            case Layer() as layer:
                layers.append(layer)
            case _:
                continue
        places[node] = Value(place)
    (answer,) = (node for node in graph.graph.nodes if node.op == "output")
    scores = places[answer]
    if not isinstance(scores, Value):
        raise NoBounds(f"The scores of {policy.checkpoint.file} do not depend on observations.")
    nodes = list(graph.graph.nodes)
    known = (0, *(layer.after for layer in layers), scores.place)
    shapes = {place: nodes[place].meta["val"].shape for place in known}
    return _checked(policy, Network(shape, steps, tuple(layers), scores.place, shapes))


def _traced(policy: Policy, shape: tuple[int, ...]) -> fx.GraphModule:
    def of_one_row(observation: Tensor) -> Tensor:
        return policy.scores(observation[None])[0][0]

    example = torch.linspace(-1, 1, int(torch.tensor(shape).prod())).reshape(shape)
    try:
        with torch.inference_mode(False), torch.no_grad():
            return make_fx(torch.func.functionalize(of_one_row))(example)
    except MISFITS as error:
        raise NoBounds(
            f"The network of {policy.checkpoint.file} cannot be followed operator by operator "
            f"({str(error).strip().splitlines()[0]})."
        ) from error


def _translated(
    node: fx.Node, place: int, places: Mapping[fx.Node, Any], graph: fx.GraphModule
) -> Any:
    """A node's step or layer, the value that it passes on, or its constant."""
    if node.op == "placeholder":
        return Value(place)
    if node.op == "output":
        return places[node.args[0]]  # pyright: ignore[reportArgumentType]
    if node.op == "get_attr":
        return operator.attrgetter(str(node.target))(graph)
    arguments = fx.map_arg(node.args, lambda inner: places[inner])
    keywords = fx.map_arg(node.kwargs, lambda inner: places[inner])
    if not any(isinstance(a, Value) for a in flat((arguments, *keywords.values()))):
        return node.target(*arguments, **keywords)  # pyright: ignore[reportCallIssue]
    return _step(node, place, arguments, keywords)


def _step(node: fx.Node, place: int, arguments: Any, keywords: Mapping[str, Any]) -> Any:
    function: Any = node.target
    kind = node.meta.get("tensor_meta")
    if function in _CONVERTING:
        if kind is not None and not kind.dtype.is_floating_point:
            raise NoBounds("The network rounds its observations to whole numbers, has no slope.")
        return arguments[0]
    arguments = _double(arguments)
    varying = [i for i, a in enumerate(arguments) if isinstance(a, Value)]
    if function in ACTIVATIONS and len(varying) == 1:
        constants = (*arguments[: varying[0]], *arguments[varying[0] + 1 :])
        activation = ACTIVATIONS[function](*constants, **keywords)
        if activation is not None:
            return Layer(activation, arguments[varying[0]].place, place)
    plain = not set(keywords) - {"dtype", "device", "layout", "pin_memory", "memory_format"}
    if plain and (function in MOVING or _affine(function, set(varying))):
        return Step(function, arguments, {})
    raise NoBounds(
        f"The network computes {_named(function)} of numbers that depend on the observation, "
        "through which no bounds are carried; those of affine maps, ReLU, tanh, sigmoid and the "
        "like are."
    )


def _affine(function: Function, varying: set[int]) -> bool:
    """Whether no factor that varies meets another."""
    rule = MIXING.get(function)
    if rule is None:
        return False
    factors = varying & set(rule.factors)
    allowed = set(rule.factors if rule.varying is None else rule.varying)
    return len(factors) <= 1 and factors <= allowed and not varying - factors - set(rule.terms)


def _checked(policy: Policy, network: Network) -> Network:
    """The network, if it answers as the policy does."""
    draws = torch.randn(TRIALS, *network.shape, generator=torch.Generator().manual_seed(0))
    trials = torch.cat([draws, 10 * draws, 100 * draws.abs()])
    with torch.no_grad():
        own, _ = policy.scores(trials)
        _, found = network.values(trials)
    share = float((own - found).abs().max() / own.abs().max().clamp(min=1e-30))
    if not share <= TOLERANCE:
        raise NoBounds(
            f"Followed operator by operator, {policy.checkpoint.file} answers differently by "
            f"{share:.2g} of its largest score: its path depends on the observation."
        )
    return replace(network, rounding=share)


def _double(argument: Any) -> Any:
    """The same arguments with every tensor of real numbers in double precision."""
    if isinstance(argument, Tensor) and argument.is_floating_point():
        return argument.detach().double()
    if isinstance(argument, tuple | list):
        return tuple(map(_double, argument))
    return argument


def _named(function: Function) -> str:
    return str(function).removeprefix("aten.").partition(".")[0]
