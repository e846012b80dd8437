"""Scoring: which method of attribution tells the truth about this policy?

Every method explains the decision in the same states, and so do random attributions. Each is held
against what the policy does:

    insertion, deletion    areas under the curves of the kept action        `attributions.curves`
    AIM AUM PGI PGU RIS    the scores of XRL-Bench                `attributions.benchmark_scores`
    infidelity, sensitivity                                             `attributions.infidelity`
    completeness error                                                `attributions.completeness`
    randomised weights     do maps change when the weights do?       `attributions.randomisation`

Methods are ranked by the area between insertion and deletion, less that of chance in the same
states. A method is refused where that advantage is not surely above 0, and where its maps hardly
change when the network's weights are shuffled.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from policyscope.analyzers.averaging import Averaging
from policyscope.analyzers.subject import Subject
from policyscope.attributions.benchmark_scores import benchmark_scores
from policyscope.attributions.catalogue import METHODS
from policyscope.attributions.chance import Chance
from policyscope.attributions.completeness import COMPLETE, incompleteness
from policyscope.attributions.curves import Curves, curves
from policyscope.attributions.decision import decision
from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.infidelity import infidelity, sensitivity
from policyscope.attributions.method import Maps, Method, Reference, Targets
from policyscope.attributions.randomisation import cascades, resemblance, unshuffled
from policyscope.attributions.slopes import values
from policyscope.reports.results import CHANCE, Faithfulness
from policyscope.rollouts.seeds import generator
from policyscope.statistics import Estimate

SCORES = (
    "insertion",
    "deletion",
    "AIM",
    "AUM",
    "PGI",
    "PGU",
    "RIS",
    "infidelity",
    "sensitivity",
    "completeness error",
    "randomised weights",
)
UNCHANGED = 0.8
"""Rank correlation with maps of shuffled weights, surely above which a method is refused."""


@dataclass(frozen=True, eq=False)
class _Asked:
    """What all methods explain."""

    glimpses: Glimpses
    targets: Targets
    reference: Reference


@dataclass(frozen=True, eq=False)
class _Judged:
    """What is known of one method."""

    curves: Curves
    columns: dict[str, Float[np.ndarray, " state"]]
    """Scores of each state; of what makes no sense there are none."""


def scored(
    subject: Subject, glimpses: Glimpses, reference: Reference, averaging: Averaging
) -> Faithfulness:
    """Score every method that can explain this policy, and rank them."""
    every = torch.arange(len(glimpses))
    targets, _ = decision(glimpses.policy, values(glimpses, every, glimpses.seen))
    asked = _Asked(glimpses, targets, reference)
    obstacles = {name: method.obstacle(glimpses) for name, method in METHODS.items()}
    usable = {CHANCE: Chance(subject.seed)}
    usable |= {name: METHODS[name] for name, reason in obstacles.items() if reason is None}
    judged = {}
    with subject.progress("scores of attributions", len(usable)) as advance:
        for name, method in usable.items():
            judged[name] = _judged(name, method, asked, subject.seed)
            advance(1)
    chance = judged.pop(CHANCE)
    advantages = {
        name: averaging.means(glimpses.steps, _advantage(found, chance)[:, None])[0]
        for name, found in judged.items()
    }
    estimates = {name: _estimates(found, glimpses, averaging) for name, found in judged.items()}
    refused = {name: _refusal(advantages[name], estimates[name]) for name in judged}
    ranked = sorted(judged, key=lambda name: (bool(refused[name]), -advantages[name].value))
    drawn = [*(judged[name].curves for name in ranked), chance.curves]
    return Faithfulness(
        methods=tuple(ranked),
        refused=tuple(refused[name] for name in ranked),
        advantages=tuple(advantages[name] for name in ranked),
        scores=SCORES,
        values=tuple(estimates[name] for name in ranked),
        chance=_estimates(chance, glimpses, averaging),
        fractions=chance.curves.fractions,
        insertion=np.stack([found.insertion.mean(0) for found in drawn]),
        deletion=np.stack([found.deletion.mean(0) for found in drawn]),
        skipped=tuple((name, reason) for name, reason in obstacles.items() if reason is not None),
    )


def _judged(name: str, method: Method, asked: _Asked, seed: int) -> _Judged:
    glimpses, targets, reference = asked.glimpses, asked.targets, asked.reference
    maps = method.attribute(glimpses, targets, reference)
    found = curves(glimpses, maps.abs().sum(1), reference)
    columns = {"insertion": found.insertion_area, "deletion": found.deletion_area}
    columns |= benchmark_scores(glimpses, method, targets, maps, reference, seed)
    columns["infidelity"] = infidelity(glimpses, targets, maps, reference, seed)
    columns["sensitivity"] = sensitivity(glimpses, method, targets, maps, reference, seed)
    if name in COMPLETE:
        errors, changes = incompleteness(glimpses, targets, maps, reference)
        usual = max(changes.sum(1).mean(), np.finfo(float).tiny)
        columns["completeness error"] = errors.sum(1) / usual
    if unshuffled(glimpses.policy.network) is None:
        columns["randomised weights"] = _after_shuffling(method, asked, maps, seed)
    return _Judged(found, columns)


def _after_shuffling(
    method: Method, asked: _Asked, maps: Maps, seed: int
) -> Float[np.ndarray, " state"]:
    """How alike maps are when all weights are shuffled."""
    *_, network = cascades(asked.glimpses.policy.network, generator(seed, "shuffled weights"))
    shuffled = asked.glimpses.through(network)
    return resemblance(maps, method.attribute(shuffled, asked.targets, asked.reference))


def _advantage(found: _Judged, chance: _Judged) -> Float[np.ndarray, " state"]:
    return found.curves.between - chance.curves.between


def _estimates(
    found: _Judged, glimpses: Glimpses, averaging: Averaging
) -> tuple[Estimate | None, ...]:
    """Every score, or None where there is none."""
    names = [name for name in SCORES if name in found.columns]
    columns = np.column_stack([found.columns[name] for name in names])
    means = dict(zip(names, averaging.means(glimpses.steps, columns), strict=True))
    return tuple(means.get(name) for name in SCORES)


def _refusal(advantage: Estimate, estimates: tuple[Estimate | None, ...]) -> str:
    """Why not to believe a method; nothing where it may be believed."""
    if advantage.low <= 0:
        return "its order is not surely better than chance"
    resemblance = estimates[SCORES.index("randomised weights")]
    if resemblance is not None and resemblance.low > UNCHANGED:
        return "its maps stay when the weights are shuffled"
    return ""
