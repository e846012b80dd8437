"""Directions: along which directions in observation space do a policy's decisions break?

For each visited state s the gradient g(s) of the softmax cross entropy, with the label fixed at the
clean decision, in units of each feature; then

    L(S) = Σ_{s∈S} g(s) g(s)ᵀ        G_S = its principal eigenvector        share_k = λ_k / tr L
    Λ(S', S) = G_{S'}ᵀ L(S) G_{S'} / λ_max(L(S))   ∈ [0, 1]

Λ compares the states S' seen under a shift (another run, noise, another light, an adversary) with
S: 1 where the principal direction stays. It is read against Λ of an independent run and of a random
direction. Continuous actions, which the paper leaves out, have the Jacobian of the mean action in
the gradient's place, L = Σ JᵀJ; that form is ours.

Whether a direction matters is measured by playing: every observation is moved by ε along +G, −G,
or G with the sign that lowers the decision's margin in each state (`principal`), against the
state's own gradient and against random directions, and by the distance to the nearest other
decision.

What a unit is: the deviation that a normaliser recorded in training, else that of the visited
states; 255 for images. Λ's formula is reconstructed from its description (it is bounded by 1, and 1
for equal directions); so is the strength of the shifts.

Reference: Korkmaz 2024, Understanding and Diagnosing Deep Reinforcement Learning, ICML,
https://arxiv.org/abs/2406.16979
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float

from policyscope import registry, statistics
from policyscope.analyzers.direction_change import direction_change
from policyscope.analyzers.impact import Moves, impact
from policyscope.analyzers.subject import Need, Subject
from policyscope.images import radial_spectrum
from policyscope.moments import LEADING, oriented, principal, quotient
from policyscope.policies.flips import is_discrete
from policyscope.reports.results import (
    INDEPENDENT,
    DirectionComparison,
    DirectionSet,
    NotApplicable,
)
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.instability import Gradients, Instability, instability, square
from policyscope.rollouts.seeds import another_seed
from policyscope.rollouts.units import usual_changes
from policyscope.rollouts.visited import Visited
from policyscope.statistics import CONFIDENCE, Estimate


@dataclass(frozen=True)
class Directions:
    """Along which directions in observation space do decisions break?"""

    episodes: int = 10
    """How many of the episodes are used, and played again under every shift and step."""
    directions: int = 5
    """How many directions are reported."""
    epsilons: tuple[float, ...] = (0.2, 1.0)
    """How far observations are moved, in units of each feature."""
    units: str = "deviations"
    """`deviations` of each feature, or `environment`: its own units, for budgets stated in them."""
    length: str = "raw"
    """`raw` gradients, long near a boundary, or `unit`: every state counts alike."""
    temperature: float = 1.0
    """T of the softmax, for discrete actions."""
    fisher: bool = False
    """Count continuous actions in the policy's own standard deviations, not in half ranges."""
    windows: int = 10
    """Stretches of time whose directions are compared with one another."""
    states: int = 200
    """Visited states at which the nearest other decision is searched."""
    reach: float = 10.0
    """How far it is searched, in units of each feature."""
    confidence: float = CONFIDENCE
    """Of every interval."""

    needs: ClassVar[tuple[Need, ...]] = (Need.GRADIENTS,)

    def __post_init__(self) -> None:
        if min(self.episodes - 1, self.directions, self.states, self.windows) < 1:
            raise ValueError("Directions needs episodes ≥ 2, and directions, states, windows ≥ 1.")
        if not self.epsilons or min(*self.epsilons, self.temperature, self.reach) <= 0:
            raise ValueError("Directions needs epsilons, temperature and reach above 0.")
        if self.units not in ("deviations", "environment"):
            raise ValueError(f"units is 'deviations' or 'environment', not {self.units!r}.")
        if self.length not in ("raw", "unit"):
            raise ValueError(f"length is 'raw' or 'unit', not {self.length!r}.")

    def run(self, subject: Subject, rng: np.random.Generator) -> DirectionSet | NotApplicable:
        """See `Analyzer.run`."""
        if is_discrete(subject.policy) and subject.policy.outputs == 1:
            return NotApplicable("a policy with a single action has no boundary between actions")
        visited = subject.visited.first(self.episodes)
        gradients = self._gradients(subject, visited)
        clean = _watched(subject, visited, gradients, "gradients", self.windows)
        if not clean.moments.trace > 0:
            return NotApplicable(
                f"the gradients vanish at all {len(clean.norms):,} states"
                + "; --set directions.length=unit keeps those that are only small"
                * (self.length == "raw")
            )
        directions = oriented(clean.moments.basis[: self.directions].double())
        shares, participation, concentration, chance = _shape(clean, gradients, self, rng)
        shifts, correlations = _shifted(subject, clean, gradients, rng, self.confidence)
        windows = _across_windows(clean)
        moves = Moves(self.epsilons, self.states, self.reach, self.confidence)
        return DirectionSet(
            features=tuple(feature.name for feature in subject.features),
            shape=tuple(gradients.scale.shape),
            scale=gradients.scale.flatten().numpy(),
            directions=directions.numpy(),
            shares=shares,
            participation=participation,
            concentration=concentration,
            chance=chance,
            lengths=visited.lengths,
            norms=clean.norms,
            oscillation=_oscillation(clean, visited, self.confidence),
            windows=windows,
            window_correlation=_over_several(windows.diagonal(1), self.confidence),
            shifts=shifts,
            correlations=correlations,
            impact=impact(subject, visited, gradients, directions[0], moves, rng),
            spectrum=radial_spectrum(directions[0].reshape(gradients.scale.shape).numpy()),
            unit=visited.unit,
        )

    def compare(
        self, first: Subject, second: Subject, rng: np.random.Generator
    ) -> DirectionComparison | NotApplicable:
        """See `Comparing.compare`; the first policy's units are taken for both."""
        if first.environment is None:
            return NotApplicable(f"needs {Need.ENVIRONMENT.value}")
        gradients = self._gradients(first, first.visited.first(self.episodes))
        one, two = (s.visited.first(self.episodes) for s in (first, second))
        again = _independent_run(first, len(one.lengths))
        watched = [
            (visited, _watched(subject, visited, gradients, "gradients"))
            for subject, visited in ((first, one), (second, two), (first, again))
        ]
        for subject, (_, seen) in zip((first, second, first), watched, strict=True):
            if not seen.moments.trace > 0:
                return NotApplicable(f"the gradients of {subject.policy.checkpoint.file} vanish")
        names = tuple(feature.name for feature in first.features)
        files = (first.policy.checkpoint.file, second.policy.checkpoint.file)
        return direction_change(watched, files, names, gradients, rng, self.confidence)

    def _gradients(self, subject: Subject, visited: Visited) -> Gradients:
        scale = torch.ones(subject.policy.observation_shape or ())
        if self.units == "deviations":
            scale = usual_changes(subject.policy, visited)
        return Gradients(scale, self.length == "unit", self.temperature, self.fisher)


def _watched(
    subject: Subject, visited: Visited, gradients: Gradients, what: str, windows: int = 0
) -> Instability:
    with subject.progress(what, int(visited.lengths.sum())) as advance:
        return instability(subject.policy, visited, gradients, windows, advance)


def _shape(
    clean: Instability, gradients: Gradients, asked: Directions, rng: np.random.Generator
) -> tuple[tuple[Estimate, ...], Estimate, Estimate, Estimate]:
    """Shares of the leading directions, how many there are, how many features they have, chance."""
    leading = clean.moments.basis[:LEADING].double().numpy()
    count = min(asked.directions, len(leading))
    features = int((gradients.scale > 0).sum())

    def statistic(row: np.ndarray) -> np.ndarray:
        moment, trace = square(row[:-1]), row[-1]
        values, first = principal(moment)
        concentration = 1 / np.sum((first @ leading) ** 4)
        many = trace**2 / np.sum(moment**2)
        chance = trace / features / values[0]
        return np.array([*values[:count] / trace, many, concentration, chance])

    *shares, many, concentration, chance = statistics.bootstrap(
        clean.by_block, statistic, rng, asked.confidence
    )
    return tuple(shares), many, concentration, chance


def _shifted(
    subject: Subject,
    clean: Instability,
    gradients: Gradients,
    rng: np.random.Generator,
    confidence: float,
) -> tuple[tuple[str, ...], tuple[Estimate, ...]]:
    """Λ of the states that are seen under every shift, on those seen without."""
    if subject.environment is None:
        return (), ()
    found = {
        name: correlation(
            clean, _watched(subject, seen, gradients, f"gradients, {name}"), rng, confidence
        )
        for name, seen in _shifts(subject, clean.blocks, gradients)
    }
    return tuple(found), tuple(found.values())


def _shifts(subject: Subject, episodes: int, gradients: Gradients) -> Iterator[tuple[str, Visited]]:
    """What is seen under each shift that makes sense for this policy."""
    greedy, rollouts = Greedy(subject.policy), subject.rollouts
    yield INDEPENDENT, _independent_run(subject, episodes)
    scale = gradients.scale if rollouts.frame_stack is None else gradients.scale[-1]
    for name, shift in registry.everything(registry.PERTURBATIONS)[0].items():
        perturbation = shift(subject.policy, rollouts.observations, scale.numpy())
        if perturbation is not None:
            yield name, subject.play(greedy, perturbation, episodes=episodes, what=name).visited


def _independent_run(subject: Subject, episodes: int) -> Visited:
    other = another_seed(subject.seed, INDEPENDENT)
    greedy = Greedy(subject.policy)
    return subject.play(greedy, episodes=episodes, seed=other, what=INDEPENDENT).visited


def correlation(
    reference: Instability, shifted: Instability, rng: np.random.Generator, confidence: float
) -> Estimate:
    """Λ of the shifted states' principal direction on the reference, episode i beside episode i."""
    across = (shifted.moments.basis[:LEADING] @ reference.moments.basis.mT).double().numpy()
    rows = reference.by_block
    split = rows.shape[1]

    def statistic(row: np.ndarray) -> np.ndarray:
        _, direction = principal(square(row[split:-1]))
        return np.array([quotient(square(row[: split - 1]), direction @ across)])

    both = np.column_stack([rows, shifted.by_block])
    return statistics.bootstrap(both, statistic, rng, confidence)[0]


def _across_windows(clean: Instability) -> Float[np.ndarray, " window window"]:
    """Λ of each window's principal direction on each window's moment."""
    moments = [m for m in clean.moments.groups[clean.blocks :].numpy() if np.trace(m) > 0]
    directions = [np.pad(v, (0, len(m) - len(v))) for m in moments for v in [principal(m)[1]]]
    found = [[quotient(moment, direction) for moment in moments] for direction in directions]
    return np.array(found).reshape(len(moments), len(moments))


def _over_several(values: Float[np.ndarray, " value"], confidence: float) -> Estimate | None:
    return statistics.mean(values, confidence) if len(values) > 1 else None


def _oscillation(clean: Instability, visited: Visited, confidence: float) -> Estimate | None:
    """Standard deviation over mean of ‖g(s_t)‖, averaged over episodes."""
    ratios, swinging = clean.swings(visited)
    return _over_several(ratios[swinging], confidence)
