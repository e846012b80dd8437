"""What is found in returns under disturbed actions and changed physics."""

from collections.abc import Iterator

import numpy as np

from policyscope import statistics
from policyscope.reports.findings.lowered import (
    GRAVE,
    first_won,
    left_out,
    severity,
    surely_won,
)
from policyscope.reports.report import Finding
from policyscope.reports.results import DisturbanceOutcome


def from_disturbances(name: str, result: DisturbanceOutcome) -> Iterator[Finding]:
    """P1 to P5."""
    lost = surely_won(-result.held_out, -result.held_out_clean, result.confidence)
    least = first_won(lost)
    yield _nothing(name, result) if least is None else _lowered(name, result, least, lost)
    if result.left_out:
        called = [_called(disturbance) for disturbance in result.left_out]
        yield left_out(name, "P3", "Disturbances were left out", called)
    changed = [
        (i, j)
        for i, mass in enumerate(result.masses)
        for j, friction in enumerate(result.frictions)
        if (mass, friction) != (1, 1)
    ]
    if changed:
        yield _physics(name, result, changed)


def _lowered(name: str, result: DisturbanceOutcome, least: int, lost: list[float]) -> Finding:
    clean = statistics.mean(result.held_out_clean, result.confidence)
    return Finding(
        code="P1",
        severity=severity(lost[least], clean.value),
        title="Disturbed actions lower the return",
        sentence=f"Actions that are disturbed by {result.epsilons[least]:g} ({result.unit}) lower "
        f"the return from {clean} to {result.worst_return(least)}, by "
        f"{_called(result.strongest[least])} ({clean.n} held-out episodes).",
        advice="Judge whether motors can be off, late or worn by so much, and train against such "
        "disturbances.",
        evidence=f"{name}.worst.return[epsilon={result.epsilons[least]:g}]",
    )


def _nothing(name: str, result: DisturbanceOutcome) -> Finding:
    clean = statistics.mean(result.held_out_clean, result.confidence)
    largest = len(result.epsilons) - 1
    return Finding(
        code="P2",
        severity="info",
        title="No disturbance of actions was found that lowers the return",
        sentence=f"None of {len(result.disturbances)} disturbances of actions surely lowers the "
        f"return, up to {result.epsilons[largest]:g} ({result.unit}): "
        f"{result.worst_return(largest)} against {clean} ({clean.n} held-out episodes).",
        advice=f"This proves nothing: give more time (--set {name}.minutes=10).",
        evidence=f"{name}.worst.return[epsilon={result.epsilons[largest]:g}]",
    )


def _physics(name: str, result: DisturbanceOutcome, changed: list[tuple[int, int]]) -> Finding:
    """P4 or P5; corrected for the number of physics that are looked at."""
    clean = result.clean_return()
    sure = 1 - (1 - result.confidence) / len(changed)
    half = GRAVE * abs(clean.value)
    losses = {cell: statistics.mean(result.clean - result.physics[cell], sure) for cell in changed}
    lost = [cell for cell in changed if losses[cell].low > half]
    told = min(lost, key=lambda cell: _away(result, cell), default=None)
    told = told or max(changed, key=lambda cell: losses[cell].value)
    mass, friction = result.masses[told[0]], result.frictions[told[1]]
    return Finding(
        code="P4" if lost else "P5",
        severity="warning" if lost else "info",
        title="Another physics costs half of the return" if lost else "Other physics is endured",
        sentence=f"Under {len(lost) or 'none'} of {len(changed)} changed physics more than half "
        f"of the return is surely lost. The {'mildest' if lost else 'costliest'}: masses "
        f"×{mass:g} and friction ×{friction:g} leave {result.physics_return(*told)} of {clean} "
        f"({clean.n} episodes).",
        advice="Measure the masses and the friction of the real body, and train over their range.",
        evidence=f"{name}.physics.return[mass={mass:g},friction={friction:g}]",
    )


def _away(result: DisturbanceOutcome, cell: tuple[int, int]) -> float:
    """How far a physics is from that of training."""
    factors = np.array([result.masses[cell[0]], result.frictions[cell[1]]])
    return float(np.abs(np.log(np.maximum(factors, 1e-9))).sum())


def _called(disturbance: str) -> str:
    """A disturbance in words."""
    noise = disturbance.endswith("noise")
    return disturbance.replace("_", " ") if noise else f"a {disturbance} disturbance"
