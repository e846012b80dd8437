"""Saliency: what does the policy act on, and is that picture true?

What decides in a state is the score S of the chosen action against the mean of its alternatives
(`attributions.decision`). Several methods say what S rests on in states sampled from those that the
policy visits (`attributions.catalogue`), integrated gradients for example:

    contribution   c_j(s) = (s_j − s̄_j) ∫₀¹ ∂S/∂s_j (s̄ + α(s − s̄)) dα,       Σ_j c_j(s) = S(s) − S(s̄)
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

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Float
from torch import Tensor

from policyscope.analyzers.reliance import Looks, reliance
from policyscope.analyzers.scoring import scored
from policyscope.analyzers.single_changes import single_changes
from policyscope.analyzers.subject import Need, Subject
from policyscope.attributions.averaging import Averaging
from policyscope.attributions.catalogue import METHODS
from policyscope.attributions.decision import decision, one_by_one
from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.gradient import Gradient
from policyscope.attributions.method import Maps, Method, Reference, Targets
from policyscope.attributions.sampling import compared, drawn, glimpsed
from policyscope.reports.results import Attribution, NotApplicable
from policyscope.statistics import CONFIDENCE, Estimate


@dataclass(frozen=True)
class Saliency:
    """What does the policy act on, and is that picture true?"""

    states: int = 1000
    """How many visited states are explained, of observations that are vectors."""
    images: int = 50
    """How many are explained of observations that are images."""
    scored: int = 200
    """In how many of these the methods are compared."""
    window: int = 8
    """Of policies with memory: by how many of its last observations a decision is explained."""
    rhos: tuple[float, ...] = (0.9, 0.5, 0.75, 0.95)
    """Shares that are hidden; the first decides what counts as salient."""
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
        if min(self.states, self.images, self.scored, self.window, self.episodes) < 1:
            raise ValueError(
                "Saliency needs states, images, scored, window and episodes of at least 1."
            )
        if not self.rhos or not all(0 < rho < 1 for rho in (*self.rhos, *self.played)):
            raise ValueError("Saliency needs rhos and played between 0 and 1.")
        if self.reach <= 0:
            raise ValueError("Saliency needs a reach above 0.")

    def run(self, subject: Subject, rng: np.random.Generator) -> Attribution | NotApplicable:
        """See `Analyzer.run`."""
        policy, visited = subject.policy, subject.visited
        vectors = len(policy.observation_shape or ()) == 1
        window = min(self.window, int(visited.lengths.max())) if policy.memory_shapes else 1
        steps = drawn(visited, self.states if vectors else self.images, window, rng)
        glimpses = glimpsed(policy, visited, steps, window)
        reference = compared(policy, visited, window)
        averaging = Averaging(visited, rng, self.confidence)
        faithfulness = scored(subject, glimpses.evenly(self.scored), reference, averaging)
        if not faithfulness.methods:
            return NotApplicable("; ".join(f"{name}: {why}" for name, why in faithfulness.skipped))
        name = faithfulness.methods[0]
        ...
