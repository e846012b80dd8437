"""What is found in equations that would do the same job."""

from collections.abc import Iterator

import numpy as np

from policyscope.readable.text import bare
from policyscope.reports.report import Finding
from policyscope.reports.results import SparseDynamics, SparseEquations, SparsePolicy

LEAVING = 0.05
"""Share of steps outside the data from which on it is spoken of."""
ILL = 1e4
"""Condition number from which on single coefficients mean little."""
SUDDEN, OFF = 0.5, 0.1
"""Share of the error in a hundredth of the steps, and error in deviations, that mean contacts."""
TOLERATED = 0.1
"""Part of the return that equations may lose, at most, to do the same job."""
ASIDE = 0.5
"""Deviations from its mean from which on a feature is named."""
LISTED = 3
"""How many names are listed."""


def from_sparse_equations(name: str, result: SparseEquations) -> Iterator[Finding]:
    """Q1 to Q8."""
    policy = result.policy
    yield _short(name, policy) if policy.loss().low > 0 else _same(name, policy)
    yield from _simpler(name, policy)
    if policy.extrapolation.value > LEAVING:
        yield _leaving(name, policy)
    if result.dynamics is None:
        yield Finding(
            code="Q5",
            severity="info",
            title="The dynamics were not written down",
            sentence=f"There are no equations of the dynamics: {result.unfitted}.",
            advice="Play more or longer episodes.",
            evidence=name,
        )
        return
    yield _horizon(name, result.dynamics)
    yield from _resting(name, result.dynamics)
    yield from _doubts(name, result.dynamics)


def _same(name: str, policy: SparsePolicy) -> Finding:
    loss, clean = policy.loss(), policy.network_return()
    settled = loss.high <= TOLERATED * abs(clean.value)
    return Finding(
        code="Q1",
        severity="info",
        title=f"Equations {'would' if settled else 'may'} do the same job",
        sentence=f"{_size(policy)} return {policy.own_return()} in the real environment where the "
        f"network returns {clean}: no difference is sure ({_paired(policy)}). "
        f"{_fidelity(policy)}.",
        advice="Read them in the report; check what they say against what you know."
        if settled
        else f"They may lose more than {TOLERATED:.0%} of the return: play more episodes "
        "(--episodes) before you take them for the network.",
        evidence=f"{name}.policy.return",
    )


def _short(name: str, policy: SparsePolicy) -> Finding:
    return Finding(
        code="Q2",
        severity="warning",
        title="Equations fall short of the network",
        sentence=f"{_size(policy)} return {policy.own_return()} in the real environment, and the "
        f"network {policy.network_return()}: surely less ({_paired(policy)}). "
        f"{_fidelity(policy)}. {_where(policy)}.",
        advice="Read them as a sketch; more terms (--set "
        f"{name}.size=…) or rounds (--set {name}.rounds=…) may get closer.",
        evidence=f"{name}.policy.loss",
    )


def _where(policy: SparsePolicy) -> str:
    """What the states have in common in which the ensemble disagrees most."""
    ranked = np.argsort(-np.abs(policy.unusual), kind="stable")[:LISTED].tolist()
    parts = [
        f"{bare(policy.surrogate.features[i])} is {abs(policy.unusual[i]):.1f} deviations "
        f"{'above' if policy.unusual[i] > 0 else 'below'} its mean"
        for i in ranked
        if abs(policy.unusual[i]) >= ASIDE or i == ranked[0]
    ]
    return f"The ensemble is most in doubt where {_listed(parts)}"


def _size(policy: SparsePolicy) -> str:
    terms = f"{policy.size} term{'s' * (policy.size != 1)}"
    return f"Equations of {terms} in place of {policy.parameters:,} parameters"


def _paired(policy: SparsePolicy) -> str:
    loss = policy.loss()
    return f"paired loss {loss}, {loss.n} episodes"


def _fidelity(policy: SparsePolicy) -> str:
    if policy.discrete:
        return f"They choose the same action in {policy.fidelity:.1%} of the states"
    return f"Their actions are off by {policy.fidelity:.2g} half ranges"


def _simpler(name: str, policy: SparsePolicy) -> Iterator[Finding]:
    """Q3: something smaller that does no worse."""
    rows = list(zip(policy.rivals, policy.rival_sizes, strict=True))
    for i, (rival, size) in enumerate(rows):
        smaller = size < policy.size
        if smaller and policy.rival_return(i).value >= policy.own_return().value:
            yield Finding(
                code="Q3",
                severity="info",
                title="Something simpler would do",
                sentence=f"A {rival} policy of {size} numbers returns {policy.rival_return(i)}, no "
                f"less than the {policy.size} terms.",
                advice="Read that instead, if what it does is all that matters.",
                evidence=f"{name}.{rival}.return",
            )
            return


def _leaving(name: str, policy: SparsePolicy) -> Finding:
    return Finding(
        code="Q4",
        severity="warning",
        title="The equations leave the data",
        sentence=f"When the equations act, {policy.extrapolation:.1%} of the steps are outside the "
        "range of all states that they were fitted to.",
        advice=f"Add rounds (--set {name}.rounds=…), and do not trust what they do there.",
        evidence=f"{name}.policy.extrapolation",
    )


def _horizon(name: str, dynamics: SparseDynamics) -> Finding:
    ahead = len(dynamics.errors)
    how_far = (
        f"as far as was looked, {ahead} steps"
        if dynamics.foreseen
        else f"for {dynamics.horizon.value:g} steps {dynamics.horizon.interval('g')}"
    )
    first = dynamics.errors[0]
    return Finding(
        code="Q5",
        severity="info",
        title="How far ahead the dynamics can be trusted",
        sentence=f"Equations of {int(np.count_nonzero(dynamics.coefficients[:-1]))} terms foresee "
        f"the state {how_far}, to half a deviation; a single step to {first:.2g} ({first.n} "
        "episodes).",
        advice="Play policies in them for no longer than that, and measure again where it matters.",
        evidence=f"{name}.dynamics.horizon",
    )


def _resting(name: str, dynamics: SparseDynamics) -> Iterator[Finding]:
    if dynamics.smooth or not len(dynamics.stable):
        return
    names = [target.removeprefix("change of ") for target in dynamics.targets[:-1]]
    moduli = dynamics.moduli[:, 0]
    place = int(np.argmin(moduli))
    point = zip(names, dynamics.fixed_points[place], strict=True)
    at = ", ".join(f"{feature} {value:.3g}" for feature, value in list(point)[:8])
    stable = int(dynamics.stable.sum())
    yield Finding(
        code="Q6",
        severity="info",
        title="Where the closed loop comes to rest" if stable else "The closed loop does not rest",
        sentence=f"Policy and dynamics as equations have {len(moduli)} fixed point"
        f"{'s' * (len(moduli) != 1)} in the range of the data, of which {stable or 'none'} "
        f"{'is' if stable == 1 else 'are'} stable: the calmest is at {at}, where a deviation is "
        f"multiplied by up to {moduli[place]:.3g} a step.",
        advice="Check that the policy is meant to rest there.",
        evidence=f"{name}.fixed_points.{'stable' if stable else 'unstable'}",
    )


def _doubts(name: str, dynamics: SparseDynamics) -> Iterator[Finding]:
    """Q7 and Q8: what the equations of the dynamics cannot say."""
    sudden = np.flatnonzero((dynamics.suddenness > SUDDEN) & (dynamics.one_step > OFF)).tolist()
    if sudden:
        yield Finding(
            code="Q7",
            severity="warning",
            title="Sudden changes are not in the equations",
            sentence=f"One step in a hundred holds most of the error in the "
            f"{_listed([dynamics.targets[i] for i in sudden])}: contacts, walls or clipping, which "
            "polynomials cannot follow.",
            advice="Trust the equations between such events only.",
            evidence=f"{name}.dynamics.error[steps=1]",
        )
    if dynamics.condition > ILL:
        yield Finding(
            code="Q8",
            severity="warning",
            title="The data hardly tell some terms apart",
            sentence=f"The dictionary's condition number on the data is {dynamics.condition:.2g}: "
            "predictions may be right where single coefficients are not.",
            advice=f"Read inclusion and spread; more exploring (--set {name}.exploring=…) or a "
            f"lower degree (--set {name}.dynamics_degree=…) separates them.",
            evidence=f"{name}.dynamics.condition",
        )
    elif dynamics.redundant:
        yield Finding(
            code="Q8",
            severity="info",
            title="Some terms say what others do",
            sentence=f"In the data, {len(dynamics.redundant)} terms follow exactly from others, "
            f"and were left out: {_listed(list(dynamics.redundant))}.",
            advice="Nothing need be done; another environment may tell them apart.",
            evidence=name,
        )


def _listed(parts: list[str]) -> str:
    more = [f"{len(parts) - LISTED} more"] * (len(parts) > LISTED)
    shown = [*parts[:LISTED], *more]
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)
