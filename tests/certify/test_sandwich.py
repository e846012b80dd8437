"""Certified ≤ true ≤ attacked, in random worlds of a few looks where the truth is computed.

In a world of T looks the policy sees x_t + δ_t + σξ_t and gains w_t where that is above −a_t. An
adversary who moves look t down by b_t leaves Σ_t w_t Φ((a_t − b_t)/σ), whatever it was told of the
noise before, for no gain hangs on another. The least of that within Σ b_t² ≤ B² is the truth, found
here by scipy, and there is an adversary that leaves just that.
"""

from dataclasses import dataclass

import gymnasium
import handmade
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policyscope_certify.certify import Certify
from scipy import optimize, stats

from policyscope import registry
from policyscope.analyzers.subject import Subject
from policyscope.policies.policy import FeedForward, Policy
from policyscope.reports.results import Certificate
from policyscope.rollouts.environment import Environment


class Looks(gymnasium.Env):
    """The number at step t is a_t, so the policy acts where what it sees is above 0."""

    action_space = gymnasium.spaces.Discrete(2)
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)

    def __init__(self, safety, worth) -> None:
        self.safety, self.worth = safety, worth

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.step_number = 0
        return self._look(), {}

    def step(self, action):
        gain = float(action * self.worth[self.step_number])
        self.step_number += 1
        return self._look(), gain, self.step_number == len(self.worth), False, {}

    def _look(self) -> np.ndarray:
        return np.full(1, self.safety[min(self.step_number, len(self.safety) - 1)], np.float32)


gymnasium.register("Looks-v0", Looks)


@dataclass(frozen=True)
class World:
    """What decides a world, and what is known of it."""

    safety: tuple[float, ...]
    worth: tuple[float, ...]
    sigma: float
    budget: float

    def left(self, moves) -> float:
        """What is left on average of a world whose looks are moved down by these."""
        return float(stats.norm.cdf((np.array(self.safety) - moves) / self.sigma) @ self.worth)

    def worst(self) -> np.ndarray:
        """The moves that leave least: the best of many starts on the sphere."""
        steps = len(self.safety)

        def loss(direction):
            return self.left(self.budget * np.abs(direction) / max(np.linalg.norm(direction), 1e-9))

        starts = [np.ones(steps), *(np.eye(steps) + 0.05)]
        found = min((optimize.minimize(loss, start) for start in starts), key=lambda r: r.fun)
        return self.budget * np.abs(found.x) / np.linalg.norm(found.x)

    def subject(self, seed: int) -> Subject:
        policy = Policy(FeedForward(handmade.linear([[0.0], [1.0]])).eval(), 2, handmade.CHECKPOINT)
        options = {"safety": self.safety, "worth": self.worth}
        return Subject.observed(policy, Environment("Looks-v0", options), 2, seed)


class Planned:
    """Moves every look down by what was planned for it."""

    purpose = "planned"

    def __init__(self, moves) -> None:
        self.moves, self.seen = moves, {}

    def attack(self, observations, sight, generators):
        steps = [self.seen.get(episode, 0) for episode in sight.episodes.tolist()]
        self.seen |= {e: t + 1 for e, t in zip(sight.episodes.tolist(), steps, strict=True)}
        return observations - self.moves[steps][:, None].astype(np.float32)


WORLDS = st.integers(1, 4).flatmap(
    lambda steps: st.builds(
        World,
        st.tuples(*[st.floats(-0.5, 1.5)] * steps),
        st.tuples(*[st.floats(0.1, 1)] * steps),
        st.floats(0.2, 1),
        st.floats(0.05, 1.5),
    )
)


@given(WORLDS, st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_the_truth_is_between_the_certificate_and_the_attack(world, seed):
    """One certificate in ten thousand may be above the truth: α is 1e-4."""
    worst = world.worst()
    makers = {"planned": lambda threat: {"worst": Planned(worst)}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "everything", lambda group: (makers, ()))
        asked = Certify(
            (world.sigma,),
            (world.budget,),
            episodes=200,
            alpha=1e-4,
            floor=(0.0,),
            action_states=0,
            attacked_episodes=100,
        )
        found = asked.run(world.subject(seed), np.random.default_rng(0))
    assert isinstance(found, Certificate) and found.attacked is not None
    truth = world.left(worst)
    assert found.bounds[0, 0] <= truth
    error = 4.5 * sum(world.worth) / 2 / np.sqrt(100)
    assert found.attacked.returns.mean() == pytest.approx(truth, abs=error)
    assert not found.contradictions
