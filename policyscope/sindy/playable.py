r"""Playable: the dynamics and the reward of a report, as an environment of gymnasium.

    policyscope analyze policy.zip --env policyscope.sindy.playable:Surrogate-v0 \
        --env-arg report=policy-report

An episode begins where one of the real ones began. It is terminated where a feature leaves the
range of the data, beyond which the equations say nothing, and truncated after as many steps as the
longest real one had. Equations are good for as many steps as the report says, and no more.
"""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import Space, spaces

from policyscope.errors import EnvironmentMismatch
from policyscope.readable.readable import Readable
from policyscope.reports.report import read
from policyscope.reports.results import SparseDynamics, SparseEquations
from policyscope.sindy.dynamics import Law
from policyscope.sindy.transitions import as_controls

MARGIN = 0.05
"""How far beyond the range of the data an episode goes on, in ranges."""


class SurrogateEnvironment(gymnasium.Env):
    """Equations in the place of a simulator.

    Raises:
        EnvironmentMismatch: If the report holds no equations of the dynamics.
        ReportError: If the folder is no report.
    """

    def __init__(self, report: str, analyzer: str = "sindy") -> None:
        entry = read(Path(report)).entries.get(analyzer)
        result = None if entry is None else entry.result
        if not isinstance(result, SparseEquations) or result.dynamics is None:
            raise EnvironmentMismatch(
                f"The report {report} holds no equations of the dynamics by {analyzer!r}; analyze "
                "the policy with --only sindy, and name that report."
            )
        self._dynamics = result.dynamics
        self._law = law_of(result.dynamics)
        self.action_space = _space_of(result.surrogate)
        room = 2 * (self._law.high - self._law.low)
        low, high = self._law.low - room, self._law.high + room
        self.observation_space = spaces.Box(low.astype(np.float32), high.astype(np.float32))
        self._state = result.dynamics.beginnings[0]
        self._steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin where a real episode began."""
        gymnasium.Env.reset(self, seed=seed, options=options)
        beginnings = self._dynamics.beginnings
        self._state = beginnings[self.np_random.integers(len(beginnings))]
        self._steps = 0
        return self._state.astype(np.float32), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """What the equations say."""
        space, given = self.action_space, np.asarray(action)
        if isinstance(space, spaces.Box):
            given = np.clip(given, space.low, space.high)
        controls = as_controls(given[None], space)
        state = self._state[None]
        reward = float((self._law.theta(state, controls) @ self._law.reward)[0])
        self._state = self._law.step(state, controls)[0]
        self._steps += 1
        room = MARGIN * (self._law.high - self._law.low)
        out = (self._state < self._law.low - room) | (self._state > self._law.high + room)
        truncated = self._steps >= self._dynamics.longest
        return self._state.astype(np.float32), reward, bool(out.any()), truncated, {}


def law_of(dynamics: SparseDynamics) -> Law:
    """The law that a result holds."""
    return Law(
        terms=dynamics.exponents,
        angles=dynamics.angles,
        pairs=dynamics.pairs,
        increments=dynamics.coefficients[:-1],
        reward=dynamics.coefficients[-1],
        low=dynamics.low,
        high=dynamics.high,
    )


def _space_of(policy: Readable) -> Space:
    """The action space in which a readable policy acts."""
    if len(policy.groups) == 1:
        return spaces.Discrete(policy.groups[0], start=policy.starts[0])
    if policy.groups:
        return spaces.MultiDiscrete(list(policy.groups), start=list(policy.starts))
    low = [-np.inf if bound is None else bound for bound in policy.low]
    high = [np.inf if bound is None else bound for bound in policy.high]
    return spaces.Box(np.array(low, np.float32), np.array(high, np.float32))


gymnasium.register(
    "Surrogate-v0", "policyscope.sindy.playable:SurrogateEnvironment", disable_env_checker=True
)
