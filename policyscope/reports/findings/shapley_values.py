"""What is found in Shapley values: what carries what it does, and where the two games differ."""

from collections.abc import Iterator

import numpy as np

from policyscope.reports.findings.surrogates import from_surrogates
from policyscope.reports.report import Finding
from policyscope.reports.results import OnManifold, ShapleyValues

HARDLY = 0.02
"""A feature whose contributions are surely below this part of all does hardly anything."""
HALF = 0.5
"""Share of all that is most of it."""
MOST = 3
"""How many features are said to carry."""
LISTED = 6
"""How many are listed in one sentence."""
APART = 2.0
"""How many times larger a feature's share is in one game than in the other where they differ."""
NOTABLE = 0.05
"""Share that a feature has at least in one game, where the games are said to differ in it."""
EMPTY = 0.5
"""Share of sets without a match above which the game on the manifold is not to be believed."""
UNSETTLED = 0.25
"""Standard error of single values, as a part of their mean size, above which they are unsettled."""


def from_shapley_values(name: str, result: ShapleyValues) -> Iterator[Finding]:
    """H1 to H5, and L1 to L4 of its surrogates."""
    yield from from_surrogates(name, result.surrogates)
    ranked = sorted(range(len(result.features)), key=lambda i: -result.shares[i])
    yield _carrying(name, result, ranked)
    whole = sum(estimate.value for estimate in result.importance)
    idle = [i for i in ranked if result.importance[i].high <= HARDLY * whole]
    if idle and whole > 0:
        yield _idle(name, result, idle)
    if result.on_manifold is not None:
        yield from _games(name, result, result.on_manifold, ranked)
    sizes = np.abs(result.values).mean()
    if result.standard_error.value > UNSETTLED * sizes:
        yield Finding(
            code="H5",
            severity="warning",
            title="Single Shapley values are unsettled",
            sentence=f"Their mean standard error is {result.standard_error.value:.2g}, and their "
            f"mean size {sizes:.2g} ({result.measured_in}).",
            advice=f"Believe averages; for single states --set {name}.background=1000.",
            evidence=f"{name}.standard_error",
        )


def _carrying(name: str, result: ShapleyValues, ranked: list[int]) -> Finding:
    shares = result.shares
    if not shares.any():
        return Finding(
            code="H1",
            severity="info",
            title="No feature contributes",
            sentence=f"It does the same in all {len(result.states)} explained states, whatever it "
            "sees.",
            advice="A policy that does not look needs no network.",
            evidence=name,
        )
    enough = int(np.searchsorted(np.cumsum(shares[ranked]), HALF)) + 1
    top = ranked[: min(enough, MOST)]
    listed = " and ".join(
        f"{result.features[i]} ({shares[i]:.0%}, mean |φ| {result.importance[i]:.2g})" for i in top
    )
    half = shares[top].sum() >= HALF
    part = "most is" if half else f"the {len(top)} largest parts are"
    return Finding(
        code="H1",
        severity="info",
        title="What carries its decisions" if result.discrete else "What carries its actions",
        sentence=f"Of what the policy does differently from state to state, {part} "
        f"contributed by {listed}; in {len(result.states)} states, {result.measured_in}, summed "
        "over actions.",
        advice="Check that these are measured well in use, and as they were in training.",
        evidence=f"{name}.importance[feature={_slug(result, top[0])}]",
    )


def _idle(name: str, result: ShapleyValues, idle: list[int]) -> Finding:
    more = f" and {len(idle) - LISTED} more" if len(idle) > LISTED else ""
    contribute = "contributes less" if len(idle) == 1 else "contribute each less"
    return Finding(
        code="H2",
        severity="info",
        title="What contributes nothing",
        sentence=f"{len(idle)} of {len(result.features)} features surely {contribute} than "
        f"{HARDLY:.0%} of all: {_listed(result, idle[:LISTED])}{more}.",
        advice="Leave them out of an explanation; if the task needs them, they were not learned.",
        evidence=f"{name}.importance[feature={_slug(result, idle[0])}]",
    )


def _games(
    name: str, result: ShapleyValues, on: OnManifold, ranked: list[int]
) -> Iterator[Finding]:
    """H3, or H4 where too few states agree for a comparison."""
    if on.alone.value > EMPTY:
        yield Finding(
            code="H4",
            severity="warning",
            title="Too few states agree for the game on the manifold",
            sentence=f"In {on.alone:.0%} of the sets of features no other of {on.visited:,} "
            "visited states agrees with the explained one, so that its values say little.",
            advice=f"Play more episodes, or let states further apart agree: --set {name}.tolerance="
            f"{2 * on.tolerance:g}.",
            evidence=f"{name}.no_match",
        )
        return
    here, there = result.shares, result.shares_on_manifold
    large = np.maximum(here, there) >= NOTABLE
    off = [i for i in ranked if large[i] and here[i] > APART * there[i]]
    only = [i for i in ranked if large[i] and there[i] > APART * here[i]]
    parts = []
    if off:
        parts.append(
            f"{_compared(result, off)}: the network uses more of it than one learns from it"
        )
    if only:
        parts.append(
            f"{_compared(result, only)}: it tells more of what is done than the network uses"
        )
    if parts:
        yield Finding(
            code="H3",
            severity="info",
            title="The two games disagree",
            sentence="Shares in the interventional game and on the manifold differ, where features "
            f"depend on one another. {'. '.join(map(_capital, parts))}.",
            advice="Where what is seen stays as in training, read the second; where features can "
            "come apart, as when a sensor fails, the first.",
            evidence=f"{name}.importance_on_manifold[feature={_slug(result, (off + only)[0])}]",
        )


def _compared(result: ShapleyValues, features: list[int]) -> str:
    here, there = result.shares, result.shares_on_manifold
    return " and ".join(
        f"{result.features[i]} ({here[i]:.0%} and {there[i]:.0%})" for i in features[:MOST]
    )


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _listed(result: ShapleyValues, features: list[int]) -> str:
    return ", ".join(result.features[i] for i in features)


def _slug(result: ShapleyValues, feature: int) -> str:
    return result.features[feature].replace(" ", "_")
