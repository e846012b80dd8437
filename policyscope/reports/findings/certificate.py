"""What is found in certificates."""

from collections.abc import Iterator

import numpy as np

from policyscope.reports.findings.action_certificates import from_action_certificates
from policyscope.reports.report import Finding
from policyscope.reports.results import Certificate

LITTLE, LEAST = 0.5, 0.1
"""Share of the clean return above the floor: with less left under noise, hardly a policy; none."""
VACUOUS = 0.05
"""Share of the noisy return above the floor: a certificate of less than that says nothing."""


def from_certificate(name: str, result: Certificate) -> Iterator[Finding]:
    """G1 to G6."""
    if result.contradictions:
        yield _contradicted(name, result)
    elif result.attacked is None and result.alone:
        yield _alone(name, result)
    order = np.argsort(result.budgets).tolist()
    above = result.bounds - result.floor
    noisy = result.noisy.mean(1) - result.floor
    worth = above > VACUOUS * noisy[:, None]
    told = [j for j in order if result.budgets[j] > 0 and worth[:, j].any()]
    if told:
        yield _kept(name, result, told)
    lost = [j for j in order if not worth[0, j]]
    if lost:
        yield _vacuous(name, result, lost[0], grave=not told)
    clean = float(result.clean.mean()) - result.floor
    left = float(noisy[0])
    if left < LITTLE * clean and result.noisy_mean(0).high < result.clean_mean().low:
        yield _useless(name, result, none=left < LEAST * clean)
    if result.actions is not None:
        yield from from_action_certificates(name, result.actions)


def _kept(name: str, result: Certificate, told: list[int]) -> Finding:
    """The certificate at some budgets, of the noise that certifies most there."""
    some = [told[i] for i in np.unique(np.linspace(0, len(told) - 1, 3).round().astype(int))]
    best = {j: int(result.bounds[:, j].argmax()) for j in some}
    several = len(result.sigmas) > 1
    parts = [
        f"{_amount(result, result.bounds[best[j], j])} up to {result.budgets[j]:g}"
        + (f" (noise of {result.sigmas[best[j]]:g})" if several else "")
        for j in some
    ]
    noise = "the best noise for each" if several else f"noise of {result.sigmas[0]:g}"
    first = some[0]
    where = f"l2={result.budgets[first]:g},sigma={result.sigmas[best[first]]:g}"
    return Finding(
        code="G1",
        severity="info",
        title="What no adversary can take away",
        sentence=f"Under {noise}, no adversary of a total l2 budget in {result.unit} pushes the "
        f"mean {_quantity(result)} below {', '.join(parts)} ({100 * result.confidence:.6g}% "
        f"confidence, {result.noisy.shape[1]} episodes each).",
        advice="It is the noisy policy that is certified: add the noise where it is used.",
        evidence=f"{name}.{result.counted}_lower_bound[{where}]",
    )


def _contradicted(name: str, result: Certificate) -> Finding:
    """The certificate that an adversary surely got below, and by most."""
    attacked = result.attacked
    assert attacked is not None, "nothing else contradicts"  # noqa: S101
    limits = {
        (i, j): float(attacked.limits[i, attacked.within(result.budgets[j]) or 0])
        for i, j in result.contradictions
    }
    i, j = max(limits, key=lambda place: result.bounds[place] - limits[place])
    strongest = attacked.strongest[i][attacked.within(result.budgets[j]) or 0]
    return Finding(
        code="G4",
        severity="critical",
        title="An adversary got below the certificate",
        sentence=f"Noise of {result.sigmas[i]:g} certifies {_amount(result, result.bounds[i, j])} "
        f"against an adversary of {result.budgets[j]:g}, and {strongest} left "
        f"{result.attacked_mean(i, j)}, at most {_amount(result, limits[i, j])} with "
        f"{100 * attacked.confidence:.6g}% confidence ({attacked.episodes} episodes).",
        advice="Both cannot be true: rely on no certificate of this report before it is known "
        "whether the floor, the simulator, the noise or the formula is at fault.",
        evidence=f"{name}.consistent",
    )


def _alone(name: str, result: Certificate) -> Finding:
    return Finding(
        code="G5",
        severity="info",
        title="A certificate without an attack beside it",
        sentence=f"How much is left under the worst adversary is known from below alone: "
        f"{result.alone}.",
        advice="What an attack achieves says how much of the gap is caution.",
        evidence=f"{name}.{result.counted}_lower_bound[l2={result.budgets[0]:g}]",
    )


def _vacuous(name: str, result: Certificate, first: int, grave: bool) -> Finding:
    budget, sigma = result.budgets[first], result.sigmas[0]
    return Finding(
        code="G2",
        severity="warning" if grave else "info",
        title="A certificate that says nothing",
        sentence=f"From a budget of {budget:g} on, noise of {sigma:g} certifies "
        f"{_amount(result, result.bounds[0, first])} or less, hardly above what any policy has.",
        advice=f"Try more noise, --set {name}.sigma=…, or more episodes, "
        f"--set {name}.episodes=…; a policy that was trained under noise keeps more.",
        evidence=f"{name}.{result.counted}_lower_bound[l2={budget:g},sigma={sigma:g}]",
    )


def _useless(name: str, result: Certificate, none: bool) -> Finding:
    return Finding(
        code="G3",
        severity="critical" if none else "warning",
        title="The noise itself breaks the policy",
        sentence=f"Under noise of {result.sigmas[0]:g} the mean {_quantity(result)} is "
        f"{result.noisy_mean(0)}, and without it {result.clean_mean()}: what is certified is a "
        "policy that nobody would use.",
        advice="Train it under the same noise, as examples/train_cartpole_smoothed.py does, or "
        f"take less, --set {name}.sigma=….",
        evidence=f"{name}.noisy_{result.counted}[sigma={result.sigmas[0]:g}]",
    )


def _quantity(result: Certificate) -> str:
    return "return" if result.goal is None else f"share of episodes that return {result.goal:g}"


def _amount(result: Certificate, value: float) -> str:
    return f"{value:.4g}" if result.goal is None else f"{value:.1%}"
