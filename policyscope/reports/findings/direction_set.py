"""What is found in the directions along which decisions break."""

from collections.abc import Iterator

import numpy as np

from policyscope import statistics
from policyscope.reports.report import Finding
from policyscope.reports.results import INDEPENDENT, DirectionSet, Impact
from policyscope.statistics import Estimate

MOST, ENOUGH = 3, 0.8
"""How many features are named, unless fewer hold this share of the direction's squared length."""
GRAVE = 0.25
"""Share of the return that the smallest step has to cost, beyond random ones, to be critical."""
NEARLY_ALL = 0.95
"""Share of one direction from which on Λ has no room left to fall."""
SETTLED = 0.75
"""Λ of an independent run: three of the paper's four games are above, and Pong, at 0.49, is not."""
FURTHER = 0.1
"""How far Λ has to fall, beside being surely lower, to be spoken of."""
FEWEST = 5
"""Episodes below which resamples are too few for intervals of Λ to be compared."""
LISTED = 3
"""How many shifts are named."""
PRINCIPAL, RANDOM = ("principal", "principal+", "principal-"), "random"
"""Ways of moving that are compared."""


def from_directions(name: str, result: DirectionSet) -> Iterator[Finding]:
    """D1 to D5."""
    yield _where(name, result)
    impact = result.impact
    if len(impact.clean) and RANDOM in impact.along:
        yield _cost(name, result)
    saturated = result.shares[0].value >= NEARLY_ALL
    if saturated:
        yield _saturation(name, result.shares[0])
    if INDEPENDENT in result.shifts:
        yield from _shifts(name, result, saturated)


def _where(name: str, result: DirectionSet) -> Finding:
    """D1: how near other decisions are; continuous actions have none, and change."""
    impact = result.impact
    evidence = f"action_change[along={impact.along[0]},epsilon={min(impact.epsilons):g}]"
    near = ""
    if impact.flip_along:
        evidence, near = "flip_distance", _nearest(result)
    return Finding(
        code="D1",
        severity="info",
        title="Where decisions break",
        sentence=f"Decisions {'break' if near else 'change'} most along {_mix(result)}{near}. "
        f"{_response(result)}.",
        advice="Check what disturbs observations in this way in use: noise, calibration, light.",
        evidence=f"{name}.{evidence}",
    )


def _nearest(result: DirectionSet) -> str:
    distance, share = result.impact.flip_distances[0], result.impact.flip_share
    if distance.value >= result.impact.reach:
        return f", but at most states no other action is within {result.steps(result.impact.reach)}"
    across = f", {share:.1%} of the visited range" if share is not None else ""
    return (
        f": at half of the visited states another action is {distance:.2g} {result.step}s away "
        f"along it{across}"
    )


def _response(result: DirectionSet) -> str:
    """What the smallest step changes, and what random ones of its length do."""
    impact = result.impact
    least = int(np.argmin(impact.epsilons))
    along = dict(zip(impact.along, impact.responses, strict=True))
    format, what = (".0%", "of decisions") if impact.flip_along else (".2g", "half ranges")
    changed = f"{impact.responses[0][least]:{format}} {what}"
    if not impact.flip_along:
        changed = f"actions by {changed}"
    chance = f", random ones {along[RANDOM][least]:{format}}" if RANDOM in along else ""
    return f"A step of {result.steps(impact.epsilons[least])} changes {changed}{chance}"


def _mix(result: DirectionSet) -> str:
    """The principal direction in words."""
    if len(result.spectrum):
        return "one pattern of pixels, which the report draws"
    direction = result.directions[0]
    ranked = np.argsort(-np.abs(direction), kind="stable")
    enough = int(np.searchsorted(np.cumsum(direction[ranked] ** 2), ENOUGH)) + 1
    names = result.features or tuple(f"feature {i}" for i in range(len(direction)))
    parts = [f"{names[i]} ({direction[i]:.2f})" for i in ranked[: min(enough, MOST)]]
    return ("a mix of " if len(parts) > 1 else "") + _listed(parts).replace("(-", "(−")


def _cost(name: str, result: DirectionSet) -> Finding:
    """D2: the smallest step that costs surely more than random ones, if any does."""
    impact = result.impact
    ways = [impact.along.index(way) for way in PRINCIPAL if way in impact.along]
    random = impact.along.index(RANDOM)
    # as many comparisons are looked through as would find something by chance otherwise
    confidence = 1 - (1 - impact.confidence) / (len(ways) * len(impact.epsilons))
    order = np.argsort(impact.epsilons).tolist()
    for epsilon in order:
        way = min(ways, key=lambda way: impact.returns[way, epsilon].mean())
        moved, others = impact.returns[way, epsilon], impact.returns[random, epsilon]
        more = statistics.mean(others - moved, confidence)
        loss = statistics.mean(impact.clean - moved, confidence)
        if min(more.low, loss.low) > 0:
            grave = more.value >= GRAVE * abs(float(impact.clean.mean()))
            return _costly(name, result, (way, epsilon), grave and epsilon == order[0])
    return _harmless(name, result, order[-1])


def _costly(name: str, result: DirectionSet, place: tuple[int, int], grave: bool) -> Finding:
    way, epsilon = place
    impact = result.impact
    moved = impact.mean_return(way, epsilon)
    random = impact.mean_return(impact.along.index(RANDOM), epsilon)
    return Finding(
        code="D2",
        severity="critical" if grave else "warning",
        title="A step along the principal direction costs return",
        sentence=f"With every observation moved by {result.steps(impact.epsilons[epsilon])} along "
        f"the principal direction ({impact.along[way]}) the policy returns {moved} in place of "
        f"{impact.clean.mean():.4g}, and {random} where they are moved as far along random "
        f"directions ({moved.n} paired episodes).",
        advice="Expect an adversary, or a sensor that drifts this way, to break the policy; train "
        "with noise along the direction, or guard it.",
        evidence=_loss(name, impact, way, epsilon),
    )


def _harmless(name: str, result: DirectionSet, epsilon: int) -> Finding:
    impact = result.impact
    random = impact.along.index(RANDOM)
    ways = [impact.along.index(way) for way in PRINCIPAL if way in impact.along]
    way = min(ways, key=lambda way: impact.returns[way, epsilon].mean())
    return Finding(
        code="D2",
        severity="info",
        title="The principal direction costs no more than chance",
        sentence=f"No step of up to {result.steps(impact.epsilons[epsilon])} along the principal "
        f"direction surely costs more return than along random ones: the longest loses "
        f"{impact.loss(way, epsilon)} along it and {impact.loss(random, epsilon)} along these "
        f"({len(impact.clean)} paired episodes).",
        advice=f"Try longer steps with --set {name}.epsilons=…, or more episodes.",
        evidence=_loss(name, impact, way, epsilon),
    )


def _loss(name: str, impact: Impact, way: int, epsilon: int) -> str:
    return f"{name}.loss[along={impact.along[way]},epsilon={impact.epsilons[epsilon]:g}]"


def _saturation(name: str, share: Estimate) -> Finding:
    return Finding(
        code="D3",
        severity="info",
        title="Λ cannot tell shifts apart",
        sentence=f"One direction holds {share:.1%} of the gradients' squared length: whatever is "
        "seen it hardly moves, and Λ near 1 is no sign of robustness.",
        advice=f"Look at returns and flips instead; --set {name}.length=unit counts every state "
        "alike, and may show others.",
        evidence=f"{name}.eigenvalue_share[k=1]",
    )


def _shifts(name: str, result: DirectionSet, saturated: bool) -> Iterator[Finding]:
    """D4 and D5: what moves the direction further than an independent run does."""
    pairs = dict(zip(result.shifts, result.correlations, strict=True))
    baseline = pairs.pop(INDEPENDENT)
    ranked = sorted(pairs.items(), key=lambda pair: pair[1].value)
    moved = [pair for pair in ranked if _lower(pair[1], baseline)]
    unsettled = baseline.value < SETTLED
    enough = baseline.n >= FEWEST
    if moved and enough:
        yield _moved(name, moved, baseline)
    elif ranked and enough and not saturated and not unsettled:
        yield _kept(name, ranked[0], baseline)
    if unsettled:
        yield Finding(
            code="D5",
            severity="warning",
            title="The principal direction is not settled",
            sentence=f"Λ of an independent run is only {baseline:.2f} (n = {baseline.n}): "
            "the direction depends on which episodes were played.",
            advice=f"Play more episodes, --episodes and --set {name}.episodes=…, and read every "
            "other Λ against this one.",
            evidence=f"{name}.correlation[shift={INDEPENDENT}]",
        )


def _lower(estimate: Estimate, baseline: Estimate) -> bool:
    return estimate.high < baseline.low and estimate.value <= baseline.value - FURTHER


def _moved(name: str, moved: list[tuple[str, Estimate]], baseline: Estimate) -> Finding:
    more = [f"{len(moved) - LISTED} more shifts"] * (len(moved) > LISTED)
    named = [f"{shift.replace('_', ' ')} ({at:.2f})" for shift, at in moved[:LISTED]]
    return Finding(
        code="D4",
        severity="info",
        title="Shifts move the principal direction",
        sentence=f"Λ is surely lower than the {baseline:.2f} of an independent run under "
        f"{_listed(named + more)}: there, decisions break along other directions.",
        advice="Do not carry over what was learned here; compare returns under these shifts, and "
        "protect against their directions too.",
        evidence=f"{name}.correlation[shift={moved[0][0]}]",
    )


def _kept(name: str, lowest: tuple[str, Estimate], baseline: Estimate) -> Finding:
    shift, estimate = lowest
    return Finding(
        code="D4",
        severity="info",
        title="No shift moves the principal direction",
        sentence="No shift moves the principal direction surely further than an independent run "
        f"does, with Λ {baseline:.2f}: the lowest is {shift.replace('_', ' ')}, {estimate:.2f}.",
        advice="Nothing shows that they change where decisions break; more episodes tell more.",
        evidence=f"{name}.correlation[shift={shift}]",
    )


def _listed(parts: list[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)
