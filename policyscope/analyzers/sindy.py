"""SINDy: which equations would do the same job as the policy, and which move as the environment?

Sparse identification of nonlinear dynamics, for the closed loop: from a dictionary Θ of monomials,

    policy     u = Θ(x) Ξ, clipped as actions are; of discrete actions, the largest score
    dynamics   x' − x = Θ(x, u) Ξ    reward   r = Θ(x, u) ξ

with few terms each, chosen by thresholded regression in ensembles on data that the equations are
not judged on. The policy's equations are fitted to the network's states, noisy ones, and those
that the equations visit themselves; the dynamics' to episodes in which some actions are random,
because the policy's own are a function of the state. What both do is measured on the policy's own
episodes: agreement, returns in the real environment paired with the network's, how many steps
ahead the dynamics can be trusted, and fixed points of both together.

Where this differs from the paper (labels that are one-sided at the bounds, aggregation, voting in
place of medians, increments) is said in `policyscope/sindy`, file by file.

Reference: Zolman, Lagemann, Fasel, Kutz & Brunton 2024, SINDy-RL, https://arxiv.org/abs/2403.09110
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from gymnasium import spaces
from jaxtyping import Float

from policyscope.analyzers.subject import Need, Subject
from policyscope.policies.readable import choices_of
from policyscope.reports.results import NotApplicable, SparseEquations
from policyscope.reports.results.sparse_dynamics import SparseDynamics
from policyscope.rollouts.actors import Actor, Greedy, UniformRandom
from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.seeds import another_seed
from policyscope.rollouts.units import usual_changes
from policyscope.sindy.circles import circles
from policyscope.sindy.dynamics import Law, Limits, identified
from policyscope.sindy.dynamics_answer import dynamics_answer
from policyscope.sindy.exploring import Exploring, drawable
from policyscope.sindy.fixed_points import Flow
from policyscope.sindy.imitated import Imitated
from policyscope.sindy.imitation import EVERY, Found, Search, equations, form_scores, imitated_by
from policyscope.sindy.library import dictionary
from policyscope.sindy.policy_answer import Judge, policy_answer
from policyscope.sindy.transitions import Transitions
from policyscope.statistics import CONFIDENCE

TURNING = 1.0
"""Radians that an angle has to sweep before its sine and cosine are terms of the dynamics."""
ROWS = 50
"""Steps below which nothing is fitted."""


@dataclass(frozen=True)
class Sindy:
    """Which equations would do the same job?"""

    episodes: int = 20
    """Episodes of the network, and of the equations in each round, that equations are fitted to."""
    trials: int = 30
    """Episodes that choose among the candidates."""
    rounds: int = 3
    """Rounds in which states that the equations visit are added."""
    noise: float = 0.1
    """Deviation of what is added to states, in units of each feature."""
    rows: int = 10_000
    """States, and steps, that are fitted at most."""
    degree: int = 8
    """Of the policy's terms at most; lower where there would be too many."""
    dynamics_degree: int = 4
    """The same of the dynamics."""
    terms: int = 200
    """Of a dictionary, at most."""
    size: float = 0.05
    """Terms of the policy per parameter of the network, at most; a linear one is always allowed."""
    faithful: float = 0.05
    """Share of other actions, or error in half ranges, up to which fewer terms are preferred."""
    front: int = 8
    """Candidates of different size that are played."""
    models: int = 20
    """Members of each ensemble."""
    dropped: int = 1
    """Terms that each member is not offered."""
    exploring: float = 0.3
    """Share of random actions in the episodes that the dynamics are fitted to."""
    steps: int = 100
    """How far ahead the dynamics are judged, at most."""
    confidence: float = CONFIDENCE
    """Of every interval."""

    needs: ClassVar[tuple[Need, ...]] = (Need.ENVIRONMENT, Need.VECTORS, Need.NO_MEMORY)

    def __post_init__(self) -> None:
        if self.episodes < EVERY or min(self.trials, self.models) < 2 or self.rounds < 0:
            raise ValueError(
                f"Sindy needs episodes ≥ {EVERY}, trials and models ≥ 2, and rounds ≥ 0."
            )
        counts = (self.rows, self.degree, self.dynamics_degree, self.terms, self.front, self.steps)
        if min(counts) < 1 or min(self.size, self.dropped, self.noise, self.faithful) < 0:
            raise ValueError(
                "Sindy needs rows, degrees, terms, front and steps ≥ 1, and nothing below 0."
            )
        if not 0 < self.exploring <= 1:
            raise ValueError("Sindy needs exploring above 0 and at most 1: some random actions.")

    def run(self, subject: Subject, rng: np.random.Generator) -> SparseEquations | NotApplicable:
        """See `Analyzer.run`."""
        if subject.policy.outputs == 1 and not isinstance(subject.action_space, spaces.Box):
            return NotApplicable("a policy with a single action has nothing to be written down")
        if len(subject.visited.observations) < ROWS:
            return NotApplicable(
                f"{len(subject.visited.observations)} steps are too few to fit equations to; "
                f"play more episodes, with {ROWS} steps in all"
            )
        imitated = _imitated(subject)
        _, terms = dictionary(len(subject.features), 0, self.degree, self.terms)
        unit = usual_changes(subject.policy, subject.visited).numpy().astype(float)
        search = self._search(imitated)

        def playing(actor: Actor, number: int) -> Rollouts:
            last = number > self.rounds
            return subject.play(
                actor,
                episodes=self.trials if last else self.episodes,
                seed=another_seed(subject.seed, "sindy", number),
                what="trials of equations" if last else "states for equations",
            )

        found = imitated_by(imitated, playing, terms, unit, search, rng)
        judge = Judge(imitated, subject.rollouts, subject.play, self.confidence, rng)
        policy = policy_answer(judge, found, terms, self.models, subject.seed)
        dynamics = self._dynamics(subject, imitated, found, terms, rng)
        if isinstance(dynamics, str):
            return SparseEquations(policy, None, dynamics)
        return SparseEquations(policy, dynamics, "")

    def _search(self, imitated: Imitated) -> Search:
        allowed = math.floor(self.size * imitated.policy.checkpoint.parameters)
        linear = imitated.equations * (len(imitated.features) + 1)
        return Search(
            rounds=self.rounds,
            noise=self.noise,
            rows=self.rows,
            most=max(allowed, linear),
            shown=self.front,
            faithful=self.faithful,
            models=self.models,
            dropped=self.dropped,
        )

    def _dynamics(
        self,
        subject: Subject,
        imitated: Imitated,
        found: Found,
        terms: np.ndarray,
        rng: np.random.Generator,
    ) -> SparseDynamics | str:
        """The environment's equations, or why there are none."""
        space, own = subject.action_space, Transitions.of(subject.rollouts, subject.action_space)
        actor = Exploring(
            Greedy(subject.policy),
            UniformRandom(drawable(space, subject.rollouts)),
            self.exploring,
        )
        other = another_seed(subject.seed, "sindy exploring")
        explored = subject.play(actor, episodes=self.episodes, seed=other)
        data = Transitions.joined([Transitions.of(r, space) for r in (*found.seen, explored)])
        held_out = data.episodes % EVERY == EVERY - 1
        if min((~held_out).sum(), len(own.states)) < ROWS or not held_out.any():
            return f"there are only {len(data.states)} steps with a following state"
        if len(np.unique(own.episodes)) < 2:
            return "only one of the policy's own episodes has a second step"
        training, testing = (
            _thinned(data.where(rows), self.rows) for rows in (~held_out, held_out)
        )
        angles = tuple(
            i
            for i, feature in enumerate(subject.features)
            if feature.unit == "rad" and np.ptp(training.states[:, i]) > TURNING
        )
        limits = Limits(self.dynamics_degree, self.terms, self.models, self.dropped)
        pairs = circles(training.states)
        model = identified(training, testing, angles, pairs, limits, rng)
        flow = None if imitated.groups else _flow(model.law, imitated, found, terms)
        names = imitated.features, _controls(imitated)
        return dynamics_answer(
            model, names, own, subject.rollouts, flow, self.steps, self.confidence, rng
        )


def _imitated(subject: Subject) -> Imitated:
    """The network, its names, and the half ranges of its actions."""
    groups, starts = choices_of(subject.action_space)
    low = high = half = np.zeros(0)
    if isinstance(subject.action_space, spaces.Box):
        space = subject.action_space
        low, high = space.low.flatten().astype(float), space.high.flatten().astype(float)
        actions = subject.rollouts.actions.reshape(len(subject.rollouts.actions), -1)
        usual = np.maximum(actions.std(0), 1e-9)
        half = np.where(np.isfinite(high - low), (high - low) / 2, usual).astype(float)
    return Imitated(
        policy=subject.policy,
        features=tuple(feature.label for feature in subject.features),
        actions=tuple(action.label for action in subject.actions),
        environment=subject.environment.playable if subject.environment else "",
        groups=groups,
        starts=starts,
        low=low,
        high=high,
        half=half,
    )


def _flow(law: Law, imitated: Imitated, found: Found, terms: np.ndarray) -> Flow:
    """Policy and dynamics together, both as equations."""
    form = equations(imitated, terms, found.contenders[found.chosen].fit.coefficients)

    def flow(states: Float[np.ndarray, " row feature"]) -> Float[np.ndarray, " row feature"]:
        actions = np.clip(form_scores(form, states), imitated.low, imitated.high)
        return law.step(states, actions)

    return flow


def _controls(imitated: Imitated) -> tuple[str, ...]:
    """Names of the controls: each action but the first of its choice is an indicator."""
    if not imitated.groups:
        return imitated.actions
    firsts = np.cumsum((0, *imitated.groups[:-1])).tolist()
    return tuple(name for i, name in enumerate(imitated.actions) if i not in firsts)


def _thinned(transitions: Transitions, most: int) -> Transitions:
    rows = len(transitions.states)
    return transitions.where(np.linspace(0, rows - 1, min(most, rows)).round().astype(int))
