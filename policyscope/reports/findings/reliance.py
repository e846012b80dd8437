"""What is found when a part of what the policy sees is hidden."""

from collections.abc import Iterator

import numpy as np

from policyscope import statistics
from policyscope.reports.report import Finding
from policyscope.reports.results import Attribution, count_salient
from policyscope.statistics import Estimate

ANYWAY = 0.9
"""A share of kept actions from which on a picture is not called incomplete."""
HALF = 0.5
"""Overlap under which a mask does not stay."""
NEAR = 0.25
"""How far, from chance to a mask that stays, an overlap has to get in order not to be near it."""


def from_reliance(name: str, result: Attribution) -> Iterator[Finding]:
    """S7 to S10."""
    reliance = result.reliance
    place = _nearest(reliance.rhos, reliance.rho)
    kept = {
        mask: row[place] for mask, row in zip(reliance.masks, reliance.keeps_action, strict=True)
    }
    if {"salient", "random"} <= kept.keys():
        yield _left(name, result, kept, reliance.rhos[place])
    if {"removed", "random_removed"} <= kept.keys():
        yield _removed(name, result, kept, reliance.rhos[place])
    if reliance.played and {"salient", "random"} <= kept.keys():
        yield _played(name, result)
    moved = [
        (shift, overlap)
        for shift, overlap in zip(reliance.shifts, reliance.overlaps, strict=True)
        if overlap.high < HALF and _near(overlap, result.reliance.chance_overlap)
    ]
    if moved:
        yield _unstable(name, result, moved)


def _nearest(rhos: tuple[float, ...], rho: float) -> int:
    return int(np.abs(np.array(rhos) - rho).argmin())


def _left(name: str, result: Attribution, kept: dict[str, Estimate], rho: float) -> Finding:
    """S7: whether the salient part is enough."""
    salient, random = kept["salient"], kept["random"]
    part = _part(result, rho, result.reliance.size)
    severity, title = "warning", "The picture is incomplete"
    verdict = "what decides is not all in the picture"
    advice = "Do not call the rest irrelevant; the figure says how much has to be left."
    if salient.low > random.high:
        severity, title = "info", "It acts on what the picture shows"
        verdict = "the picture holds what it acts on"
        advice = "Where this share is far from 100%, something else plays a part too."
    elif salient.value >= ANYWAY:
        severity, title = "info", "Hardly anything has to be seen"
        verdict = "a part at random is not surely worse, so that little is learned from this"
        advice = f"Look at a larger ρ: --set {name}.rhos=…, and at whether the action ever changes."
    return Finding(
        code="S7",
        severity=severity,
        title=title,
        sentence=f"With only the most important {part} that it sees left it "
        f"{_keeps(result, salient)}, with as many left at random {random:.0%}: {verdict}.",
        advice=advice,
        evidence=f"{name}.keeps_action[mask=salient,rho={rho:g}]",
    )


def _removed(name: str, result: Attribution, kept: dict[str, Estimate], rho: float) -> Finding:
    """S8: whether it needs the salient part."""
    removed, random = kept["removed"], kept["random_removed"]
    part = _part(result, rho, result.reliance.size)
    needed = removed.high < random.low
    verdict = "it needs what the picture shows"
    if not needed:
        verdict = "it finds the same elsewhere, or the picture shows something else"
    return Finding(
        code="S8",
        severity="info" if needed else "warning",
        title="It needs what the picture shows" if needed else "It does without the picture",
        sentence=f"Without the most important {part} that it sees it "
        f"{_keeps(result, removed)}, without as many at random {random:.0%}: {verdict}.",
        advice="Guard what is in the picture: noise, dirt and delay there count."
        if needed
        else "Do not conclude from the picture what the policy would miss.",
        evidence=f"{name}.keeps_action[mask=removed,rho={rho:g}]",
    )


def _part(result: Attribution, rho: float, size: int) -> str:
    if result.features:
        return f"{count_salient(size, rho)} of the {size} numbers"
    return f"{100 * (1 - rho):.3g}% of the pixels"


def _keeps(result: Attribution, share: Estimate) -> str:
    if result.discrete:
        return f"keeps its action in {share:.0%} of states"
    return f"keeps its actions {share:.0%} close"


def _played(name: str, result: Attribution) -> Finding:
    """S9: whole episodes with only the salient part, against as much at random."""
    reliance = result.reliance
    place = _nearest(reliance.played, reliance.rho)
    rho = reliance.played[place]
    salient, random = (reliance.masks.index(mask) for mask in ("salient", "random"))
    returns = reliance.returns[:, place]
    gain = statistics.mean(returns[salient] - returns[random], reliance.confidence)
    loss = statistics.mean(reliance.clean - returns[salient], reliance.confidence)
    # every observation is masked alone, whatever is remembered
    part = _part(result, rho, reliance.size // max(len(result.credit_of_past), 1))
    severity, title = "info", "Whether the picture is enough to play is open"
    verdict = f"no sure difference ({gain})"
    advice = f"Play more episodes with masked observations, --set {name}.episodes=…"
    if gain.low > 0:
        title, verdict = "It plays by the picture", f"{gain} more"
        advice = (
            "Compare with the return of random actions: more may still be far from playing well."
        )
    elif loss.low > 0:
        severity, title = "warning", "The picture is not enough to play"
        advice = "What keeps single actions does not keep an episode; try a smaller ρ."
    return Finding(
        code="S9",
        severity=severity,
        title=title,
        sentence=f"Seeing only the most important {part} of every observation, by "
        f"{reliance.quick}, it returns {reliance.mean_return(salient, place)} in place of "
        f"{reliance.clean.mean():.4g}, and {reliance.mean_return(random, place)} with as "
        f"much at random: {verdict}, over {gain.n} paired episodes.",
        advice=advice,
        evidence=f"{name}.return[mask=salient,rho={rho:g}]",
    )


def _near(overlap: Estimate, chance: float) -> bool:
    return overlap.value < chance + NEAR * (1 - chance)


def _unstable(name: str, result: Attribution, moved: list[tuple[str, Estimate]]) -> Finding:
    listed = ", ".join(f"{shift.replace('_', ' ')} ({overlap:.2f})" for shift, overlap in moved)
    return Finding(
        code="S10",
        severity="warning",
        title="The picture does not stay",
        sentence=f"Under {listed} hardly more of the salient part stays where it was than by "
        f"chance ({result.reliance.chance_overlap:.2f}, as intersection over union).",
        advice="Draw no conclusion from one map: what it shows depends on what should not matter.",
        evidence=f"{name}.mask_overlap[shift={moved[0][0]}]",
    )
