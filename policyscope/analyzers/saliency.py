"""Saliency: what does the policy act on, and is that picture true?

What decides in a state is the score S of the chosen action against the mean of its alternatives
(`attributions.decision`). Several methods say what S rests on in states sampled from those that the
policy visits (`attributions.catalogue`), integrated gradients for example:

    contribution   c_j(s) = (s_j − s̄_j) ∫₀¹ ∂S/∂s_j (s̄ + α(s − s̄)) dα
    importance_j   = mean over outputs of Σ_s |c_j(s)| / Σ_j Σ_s |c_j(s)|
    sensitivity_j  = the same share of the plain gradient, per usual change of the feature

Each method is scored in the same states beside random attributions (`analyzers.scoring`); the one
with the largest area between its insertion and its deletion curve is shown, and the report says so
where none is better than chance. Then the policy itself is asked whether it relies on what the
picture shows (`analyzers.reliance`), and which single change would change its action
(`analyzers.single_changes`). Intervals come from a bootstrap over episodes (over blocks of one).

References: Sundararajan, Taly, Yan 2017, https://arxiv.org/abs/1703.01365 (integrated gradients);
Petsiuk, Das, Saenko 2018, https://arxiv.org/abs/1806.07421 (insertion and deletion);
Bertoin et al. 2022, https://arxiv.org/abs/2209.09203 (SGQN).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Float, Int
from torch import Tensor

from policyscope.analyzers.averaging import Averaging
from policyscope.analyzers.reliance import Looks, reliance
from policyscope.analyzers.scoring import scored
from policyscope.analyzers.single_changes import single_changes
from policyscope.analyzers.subject import Need, Subject
from policyscope.attributions.catalogue import ADDITIVE, METHODS, ONE_PASS
from policyscope.attributions.completeness import COMPLETE, incompleteness
from policyscope.attributions.decision import decision, each_score
from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.gradient import Gradient
from policyscope.attributions.method import Maps, Method, Reference
from policyscope.attributions.sampling import compared, drawn, glimpsed, one_at_a_time
from policyscope.attributions.slopes import values
from policyscope.policies.flips import is_discrete
from policyscope.policies.policy import Policy
from policyscope.reports.results import Attribution, Faithfulness, NotApplicable, WhatIf
from policyscope.statistics import CONFIDENCE, Estimate


@dataclass(frozen=True)
class Saliency:
    """What does the policy act on, and is that picture true?"""

    states: int = 1000
    """How many visited states are explained, of observations that are vectors."""
    images: int = 40
    """How many are explained of observations that are images."""
    singles: int = 20
    """How many are explained of policies that answer one observation at a time."""
    scored: int = 200
    """In how many of these the methods are compared."""
    window: int = 8
    """Of policies with memory: by how many of its last observations a decision is explained."""
    rho: float = 0.9
    """Share of what is seen that does not count as salient."""
    rhos: tuple[float, ...] = (0.5, 0.75, 0.9, 0.95)
    """Shares that are hidden to see whether the action stays."""
    played: tuple[float, ...] = (0.9,)
    """Shares that are hidden while episodes are played."""
    episodes: int = 5
    """How many of the episodes are played again with masked observations."""
    reach: float = 3.0
    """How far single changes are searched, in usual changes of a feature."""
    confidence: float = CONFIDENCE
    """Of every interval."""

    needs: ClassVar[tuple[Need, ...]] = ()

    def __post_init__(self) -> None:
        counts = (self.states, self.images, self.singles, self.scored, self.window)
        if min(*counts, self.episodes - 1) < 1:
            raise ValueError(
                "Saliency needs states, images, singles, scored and window ≥ 1, and episodes ≥ 2."
            )
        if not self.rhos or not all(0 < r < 1 for r in (self.rho, *self.rhos, *self.played)):
            raise ValueError("Saliency needs rho, rhos and played between 0 and 1.")
        if self.reach <= 0:
            raise ValueError("Saliency needs a reach above 0.")

    def run(self, subject: Subject, rng: np.random.Generator) -> Attribution | NotApplicable:
        """See `Analyzer.run`."""
        policy, visited = subject.policy, subject.visited
        count = self.states if _sees_vectors(policy) else self.images
        window = min(self.window, int(visited.lengths.max())) if policy.memory_shapes else 1
        if one_at_a_time(policy):
            count, window = self.singles, 1
        steps = drawn(visited, count, window, rng)
        glimpses = glimpsed(policy, visited, steps, window)
        reference = compared(policy, visited, window)
        averaging = Averaging(visited, rng, self.confidence)
        places = glimpses.evenly(self.scored)
        faithfulness = scored(subject, glimpses[places], reference, averaging)
        if not faithfulness.methods:
            reasons = "; ".join(f"{name}: {why}" for name, why in faithfulness.skipped)
            return NotApplicable(f"no method can explain this policy ({reasons})")
        what_if = single_changes(glimpses[places], places, reference.unit, self.reach, averaging)
        return self._shown(subject, glimpses, reference, averaging, faithfulness, what_if)

    def _shown(  # noqa: PLR0913  everything but the maps
        self,
        subject: Subject,
        glimpses: Glimpses,
        reference: Reference,
        averaging: Averaging,
        faithfulness: Faithfulness,
        what_if: WhatIf | None,
    ) -> Attribution:
        """The maps of the best method, and what the policy makes of them."""
        visited, steps, vectors = subject.visited, glimpses.steps, _sees_vectors(subject.policy)
        name, additive = faithfulness.methods[0], _first(faithfulness.methods, ADDITIVE)
        quick = name if vectors else _first(faithfulness.methods, ONE_PASS)
        with subject.progress(name, 1) as advance:
            explained = _explained(METHODS[name], METHODS[additive], glimpses, reference)
            advance(1)
        importance = explained.decision.abs().sum(1)
        looks = Looks(self.rho, self.rhos, self.played, self.episodes, self.confidence)
        return Attribution(
            features=tuple(feature.name for feature in subject.features) if vectors else (),
            outputs=_output_names(subject),
            actions=tuple(action.name for action in subject.actions) if vectors else (),
            method=name,
            additive=additive,
            states=glimpses.seen.numpy().astype(visited.observations.dtype),
            episodes=visited.episode_of_step[steps],
            times=steps - visited.first_steps[visited.episode_of_step[steps]],
            chosen=explained.chosen.numpy(),
            baseline=reference.baseline.numpy(),
            decision=explained.decision.numpy(),
            each=explained.each.numpy(),
            value=explained.value.numpy(),
            importance=_importance(explained.decision, steps, averaging) if vectors else (),
            sensitivity=_sensitivity(glimpses, reference, averaging) if vectors else (),
            credit_of_past=_credit_of_past(explained.decision, glimpses, averaging),
            completeness_error=_completeness(name, glimpses, explained, reference, averaging),
            faithfulness=faithfulness,
            reliance=reliance(
                subject, glimpses, (name, quick), reference, importance, looks, averaging
            ),
            what_if=what_if,
            discrete=is_discrete(subject.policy),
            unit=visited.unit,
        )


@dataclass(frozen=True, eq=False)
class _Explained:
    """Maps of one method in all states."""

    chosen: Int[Tensor, " state output"]
    targets: Float[Tensor, " state output score"]
    """Of the decision."""
    decision: Float[Tensor, " state output *seen"]
    each: Float[Tensor, " state action *seen"]
    value: Float[Tensor, " state value *seen"]


def _explained(
    method: Method, additive: Method, glimpses: Glimpses, reference: Reference
) -> _Explained:
    """The decision by one method; each score, of vectors only, and the value by another."""
    scores = values(glimpses, torch.arange(len(glimpses)), glimpses.seen)
    targets, chosen = decision(glimpses.policy, scores)
    decided = method.attribute(glimpses, targets, reference)
    each = value = decided[:, :0]
    if _sees_vectors(glimpses.policy):
        each = additive.attribute(glimpses, each_score(scores), reference)
    valuing = glimpses.valuing()
    if valuing is not None and additive.obstacle(valuing) is None:
        value = additive.attribute(valuing, torch.ones(len(glimpses), 1, 1), reference)
    return _Explained(chosen, targets, decided, each, value)


def _sees_vectors(policy: Policy) -> bool:
    return len(policy.observation_shape or ()) == 1


def _first(ranked: tuple[str, ...], wanted: Collection[str]) -> str:
    """The best of those that are wanted, or the best of all."""
    return next((name for name in ranked if name in wanted), ranked[0])


def _importance(
    decisions: Maps, steps: Int[np.ndarray, " state"], averaging: Averaging
) -> tuple[Estimate, ...]:
    """Of each feature; of all times together."""
    sizes = decisions.abs()
    return averaging.shares(steps, (sizes.sum(2) if sizes.ndim > 3 else sizes).double().numpy())


def _sensitivity(
    glimpses: Glimpses, reference: Reference, averaging: Averaging
) -> tuple[Estimate, ...]:
    if Gradient().obstacle(glimpses) is not None:
        return ()
    scores = values(glimpses, torch.arange(len(glimpses)), glimpses.seen)
    targets, _ = decision(glimpses.policy, scores)
    maps = Gradient().attribute(glimpses, targets, reference)
    return _importance(maps, glimpses.steps, averaging)


def _credit_of_past(
    decisions: Maps, glimpses: Glimpses, averaging: Averaging
) -> tuple[Estimate, ...]:
    """Of each step back; none without memory."""
    if not glimpses.memory:
        return ()
    sizes = decisions.abs().flatten(3).sum(3).flip(2)
    return averaging.shares(glimpses.steps, sizes.double().numpy())


def _completeness(
    name: str,
    glimpses: Glimpses,
    explained: _Explained,
    reference: Reference,
    averaging: Averaging,
) -> Estimate | None:
    """How far contributions are from adding up, where the method says that they do."""
    if name not in COMPLETE:
        return None
    errors, changes = incompleteness(glimpses, explained.targets, explained.decision, reference)
    return averaging.ratios(glimpses.steps, errors, changes)[0]


def _output_names(subject: Subject) -> tuple[str, ...]:
    match subject.policy.action_space:
        case spaces.MultiDiscrete(nvec=nvec):
            return tuple(f"chosen action {group}" for group in range(nvec.size))
        case spaces.Box():
            return tuple(action.name for action in subject.actions)
        case _:
            return ("chosen action",)
