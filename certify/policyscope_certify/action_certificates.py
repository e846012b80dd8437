"""Certificates of single actions, in states that the policy visits, every way there is.

| way | of | norm | holds |
|---|---|---|---|
| smoothing | the policy under noise | L2 | with confidence: `action_smoothing.py` |
| lines, intervals | the policy itself | L2 and L∞ | for certain: `action_radius.py`, `bounds.py` |

Beside them stands how far each state is from the next kink of a ReLU network: `relu_regions.py`.

An adversary moves one observation as the policy sees it, all frames of a stack, and leaves a
recurrent policy's memory alone. Deterministic bounds need a network that can be followed, without
memory and not too wide; where there are none, the reason is told.

References: those of the files named.
"""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Float
from torch import Tensor

from policyscope.analyzers.subject import Subject
from policyscope.policies.flips import is_discrete
from policyscope.policies.gradients import action_units
from policyscope.policies.policy import Memory
from policyscope.reports.results import ActionCertificates
from policyscope.rollouts.replay import replayed
from policyscope.rollouts.seeds import generator
from policyscope_certify.action_radius import (
    action_bounds,
    certified_radii,
    interval_leads,
    steady_radii,
)
from policyscope_certify.action_smoothing import (
    ActionNoise,
    smoothed_decisions,
    smoothed_medians,
    smoothed_steadiness,
)
from policyscope_certify.bounds import Interval, interval_bounds, linear_bounds, score_bounds
from policyscope_certify.network import Network, NoBounds
from policyscope_certify.regions import NORMS, Region
from policyscope_certify.relu_regions import linear_pieces
from policyscope_certify.tracing import network_of

PURPOSE = "states of action certificates"
WIDEST = 8192
"""Numbers in all activations of a network whose actions are bounded in an analysis."""
GRADIENTS = 1 << 24
"""Numbers in all gradients that are taken to find the pieces of a ReLU network."""
REACH = 10.0
"""In deviations of the noise: how far deterministic radii are searched."""
SHARES = (0.25, 0.5, 1.0)
"""Of the deviation: radii at which continuous actions are bounded."""

Certified = tuple[Float[np.ndarray, " state"], Float[np.ndarray, " epsilon state"]]
"""Radii, and the most that an action moves at each of some radii, if it is continuous."""


@dataclass(frozen=True, eq=False)
class AroundStates:
    """Where, how far and how surely actions are to be certified."""

    sigma: float
    """Deviation of the noise, in units."""
    unit: Float[np.ndarray, " *observation"]
    """Of each feature of a new observation, or of all."""
    counted: str
    """What units are, in the plural."""
    states: int
    draws: int
    alpha: float
    """Probability that any of the smoothed certificates is wrong."""
    tolerance: float
    """How many half ranges a continuous action may move within its radius."""


def action_certificates(subject: Subject, around: AroundStates) -> ActionCertificates:
    """Certify the actions in states drawn from those that the policy visited."""
    seen, memory = _drawn(subject, around.states)
    units = np.broadcast_to(around.unit, seen.shape[1:])
    discrete = is_discrete(subject.policy)
    epsilons = () if discrete else tuple(share * around.sigma for share in SHARES)
    rows = [_smoothed(subject, seen.numpy(), memory, around, units, epsilons)]
    ways, missing = [("smoothing", "l2")], None
    kinks, bent = np.zeros(0), None
    try:
        network = _narrow(network_of(subject.policy))
        kinks, bent = _kinks(network, seen, units, REACH * around.sigma)
        for method, norm in product(("lines", "intervals"), NORMS):
            region = Region.around(seen, NORMS[norm], torch.from_numpy(units.copy()))
            rows.append(_certain(subject, network, region, method, around, epsilons))
            ways.append((method, norm))
    except NoBounds as error:
        missing = str(error)
    methods, norms = zip(*ways, strict=True)
    radii, changes = zip(*rows, strict=True)
    return ActionCertificates(
        methods=methods,
        norms=norms,
        radii=np.stack(radii),
        tolerance=0.0 if discrete else around.tolerance,
        epsilons=epsilons,
        changes=np.stack(changes),
        reach=REACH * around.sigma,
        sigma=around.sigma,
        unit=around.counted,
        draws=around.draws,
        missing=missing,
        kinks=kinks,
        bent=bent,
        confidence=1 - around.alpha,
    )


def _drawn(subject: Subject, count: int) -> tuple[Float[Tensor, " state *observation"], Memory]:
    """Visited states, and what was remembered there."""
    total = int(subject.visited.lengths.sum())
    rng = generator(subject.seed, PURPOSE)
    chosen = rng.choice(total, min(count, total), replace=False)
    parts = []
    for steps, seen, memory in replayed(subject.policy, subject.visited):
        here = torch.from_numpy(np.flatnonzero(np.isin(steps, chosen)))
        parts.append((seen[here], *(part[here] for part in memory)))
    seen, *memory = (torch.cat(column) for column in zip(*parts, strict=True))
    return seen.float(), tuple(memory)  # pixels are numbers here


def _smoothed(  # noqa: PLR0913  whom, where, and under what
    subject: Subject,
    seen: np.ndarray,
    memory: Memory,
    around: AroundStates,
    units: np.ndarray,
    epsilons: tuple[float, ...],
) -> Certified:
    """By noise. Of continuous actions radii and changes share what may be wrong."""
    alpha = around.alpha / len(seen)
    noise = ActionNoise(around.sigma, subject.seed, around.draws, alpha=alpha)
    policy = subject.policy
    if not epsilons:
        radii = smoothed_decisions(policy, seen, noise, units, memory).radii
        return radii, np.zeros((0, len(seen)))
    half = replace(noise, alpha=alpha / 2)
    tolerance = around.tolerance * action_units(policy).numpy()
    radii = smoothed_steadiness(policy, seen, half, tolerance, units, memory)
    found = smoothed_medians(policy, seen, half, epsilons, units, memory)
    centre = found.medians[:, None]
    return radii, _moved(subject, found.high - centre, centre - found.low).T


def _certain(  # noqa: PLR0913  whom, where, and how
    subject: Subject,
    network: Network,
    region: Region,
    method: str,
    around: AroundStates,
    epsilons: tuple[float, ...],
) -> Certified:
    """By what the network computes."""
    actions, reach = subject.policy.action_space, REACH * around.sigma
    if not isinstance(actions, spaces.Box):
        leads = linear_bounds if method == "lines" else interval_leads
        radii = certified_radii(network, actions, region, reach, leads)
        return radii.numpy(), np.zeros((0, len(radii)))
    bounds = score_bounds if method == "lines" else interval_bounds
    tolerance = around.tolerance * action_units(subject.policy)
    radii = steady_radii(network, actions, region, reach, tolerance, bounds)
    here = action_bounds(actions, Interval(*[network.values(region.states)[1]] * 2)).low
    parts = []
    for epsilon in epsilons:
        found = action_bounds(actions, bounds(network, region.of_radius(epsilon)))
        parts.append(_moved(subject, (found.high - here).numpy(), (here - found.low).numpy()))
    return radii.numpy(), np.stack(parts)


def _kinks(
    network: Network, seen: Tensor, units: np.ndarray, reach: float
) -> tuple[Float[np.ndarray, " state"], str | None]:
    """How far the next kink is, up to a reach, or why that is not known."""
    numbers = sum(network.shapes[layer.after].numel() for layer in network.layers)
    if numbers * seen.numel() > GRADIENTS:
        return np.zeros(0), "Linear pieces are looked for in small networks alone."
    try:
        pieces = linear_pieces(network, Region.around(seen, 2, torch.from_numpy(units.copy())))
    except NoBounds as error:
        return np.zeros(0), str(error)
    return pieces.distances.clamp(max=reach).numpy(), None


def _moved(
    subject: Subject, up: Float[np.ndarray, " *row output"], down: Float[np.ndarray, " *row output"]
) -> Float[np.ndarray, " *row"]:
    """The larger of two movements of the worst dimension, in half ranges."""
    return (np.maximum(up, down) / action_units(subject.policy).numpy()).max(-1)


def _narrow(network: Network) -> Network:
    """The network, if it is not too wide.

    Raises:
        NoBounds: If it is.
    """
    width = sum(network.shapes[layer.after].numel() for layer in network.layers)
    if width > WIDEST:
        raise NoBounds(
            f"The network's activations give {width:,} numbers, and deterministic bounds are "
            f"looked for up to {WIDEST:,}."
        )
    return network
