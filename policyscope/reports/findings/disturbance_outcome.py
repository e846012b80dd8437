"""What is found in returns under disturbed actions and changed physics."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

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
from policyscope.statistics import Estimate


def from_disturbances(name: str, result: DisturbanceOutcome) -> Iterator[Finding]:
    """P1 to P5."""
    lost = surely_won(-result.held_out, -result.held_out_clean, result.confidence)
    least = first_won(lost)
    yield _nothing(name, result) if least is None else _lowered(name, result, least, lost)
    if result.left_out:
        called = [_called(result, disturbance) for disturbance in result.left_out]
        yield left_out(name, "P3", "Disturbances were left out", called)
    changed = list(_changed(name, result))
    if changed:
        yield _physics(result, changed)


def _lowered(name: str, result: DisturbanceOutcome, least: int, lost: list[float]) -> Finding:
    clean = statistics.mean(result.held_out_clean, result.confidence)
    return Finding(
        code="P1",
        severity=severity(lost[least], clean.value),
        title="Forces lower the return" if result.pushed else "Disturbed actions lower the return",
        sentence=f"{_what(result)} {result.epsilons[least]:g} ({result.unit}) lower the "
        f"return from {clean} to {result.worst_return(least)}, by "
        f"{_called(result, result.strongest[least])} ({clean.n} held-out episodes).",
        advice="Judge whether wind, slopes or people can push so hard, and train against such "
        "forces."
        if result.pushed
        else "Judge whether motors can be off, late or worn by so much, and train against such "
        "disturbances.",
        evidence=f"{name}.worst.return[epsilon={result.epsilons[least]:g}]",
    )


def _nothing(name: str, result: DisturbanceOutcome) -> Finding:
    clean = statistics.mean(result.held_out_clean, result.confidence)
    largest = len(result.epsilons) - 1
    return Finding(
        code="P2",
        severity="info",
        title=f"No {_kind(result)} was found that lowers the return",
        sentence=f"None of {len(result.disturbances)} {_kind(result, many=True)} surely lowers the "
        f"return, up to {result.epsilons[largest]:g} ({result.unit}): "
        f"{result.worst_return(largest)} against {clean} ({clean.n} held-out episodes).",
        advice=f"This proves nothing: give more time (--set {name}.minutes=10).",
        evidence=f"{name}.worst.return[epsilon={result.epsilons[largest]:g}]",
    )


@dataclass(frozen=True, eq=False)
class _Changed:
    """Another physics than that of training, and what it costs."""

    what: str
    factors: tuple[float, ...]
    returned: Estimate
    losses: Float[np.ndarray, " episode"]
    evidence: str

    @property
    def away(self) -> float:
        """How far it is from that of training."""
        return float(np.abs(np.log(np.maximum(self.factors, 1e-9))).sum())


def _changed(name: str, result: DisturbanceOutcome) -> Iterator[_Changed]:
    for i, mass in enumerate(result.masses):
        for j, friction in enumerate(result.frictions):
            if (mass, friction) != (1, 1):
                yield _Changed(
                    f"masses ×{mass:g} and friction ×{friction:g} leave",
                    (mass, friction),
                    result.physics_return(i, j),
                    result.clean - result.physics[i, j],
                    f"{name}.physics.return[mass={mass:g},friction={friction:g}]",
                )
    for i, gravity in enumerate(result.gravities):
        if gravity != 1:
            yield _Changed(
                f"gravity ×{gravity:g} leaves",
                (gravity,),
                result.gravity_return(i),
                result.clean - result.gravity[i],
                f"{name}.gravity.return[gravity={gravity:g}]",
            )


def _physics(result: DisturbanceOutcome, changed: list[_Changed]) -> Finding:
    """P4 or P5; corrected for the number of physics that are looked at."""
    clean = result.clean_return()
    sure = 1 - (1 - result.confidence) / len(changed)
    half = GRAVE * abs(clean.value)
    lost = [one for one in changed if statistics.mean(one.losses, sure).low > half]
    told = min(lost, key=lambda one: one.away, default=None)
    told = told or max(changed, key=lambda one: one.losses.mean())
    return Finding(
        code="P4" if lost else "P5",
        severity="warning" if lost else "info",
        title="Another physics costs half of the return" if lost else "Other physics is endured",
        sentence=f"Under {len(lost) or 'none'} of {len(changed)} changed physics more than half "
        f"of the return is surely lost. The {'mildest' if lost else 'costliest'}: {told.what} "
        f"{told.returned} of {clean} ({clean.n} episodes).",
        advice="Measure the masses, the friction and the weight of the real body, and train over "
        "their range.",
        evidence=told.evidence,
    )


def _what(result: DisturbanceOutcome) -> str:
    return "Forces on the body of" if result.pushed else "Actions that are disturbed by"


def _kind(result: DisturbanceOutcome, many: bool = False) -> str:
    plural = "s" if many else ""
    return f"force{plural}" if result.pushed else f"disturbance{plural} of actions"


def _called(result: DisturbanceOutcome, disturbance: str) -> str:
    """A disturbance in words."""
    noise = disturbance.endswith("noise")
    kind = "force" if result.pushed else "disturbance"
    return disturbance.replace("_", " ") if noise else f"a {disturbance} {kind}"
