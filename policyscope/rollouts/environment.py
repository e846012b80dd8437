"""Environment: a description of what to play, and the lanes it is played in.

A description is plain data, so it can be sent to another process and written into a report. Lanes
are the simulators themselves, stepped in lock step; which episode a lane plays next is the loop's
business, so gymnasium's own automatic resets are not used.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import gymnasium
import numpy as np
from gymnasium import Space
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.vector import VectorEnv
from jaxtyping import Bool, Float, Int, Shaped

from policyscope.errors import EnvironmentMismatch, did_you_mean

UPGRADES = {
    "CartPole-v0": "CartPole-v1",
    "LunarLander-v1": "LunarLander-v3",
    "LunarLander-v2": "LunarLander-v3",
    "LunarLanderContinuous-v2": "LunarLanderContinuous-v3",
    "Pendulum-v0": "Pendulum-v1",
    "BipedalWalker-v2": "BipedalWalker-v3",
    "BipedalWalkerHardcore-v2": "BipedalWalkerHardcore-v3",
    **{
        f"{name}-v{old}": f"{name}-v4"
        for name in (
            "Ant",
            "HalfCheetah",
            "Hopper",
            "Humanoid",
            "HumanoidStandup",
            "InvertedDoublePendulum",
            "InvertedPendulum",
            "Reacher",
            "Swimmer",
            "Walker2d",
        )
        for old in (1, 2, 3)
    },
    **{f"Pusher-v{old}": "Pusher-v5" for old in (1, 2, 4)},
}
"""Ids that gymnasium no longer plays, and the nearest that it does: the same observations, and
physics as close as there is. MuJoCo's v4 follows v2 and v3 on today's engine; v5 changes rewards.
"""

Step = tuple[
    Shaped[np.ndarray, " lane *observation"],
    Float[np.ndarray, " lane"],
    Bool[np.ndarray, " lane"],
    Bool[np.ndarray, " lane"],
]
"""Observations, rewards, terminated, truncated."""


@runtime_checkable
class Lanes(Protocol):
    """Simulators stepped together; each keeps its own state and its own randomness."""

    def reset(
        self, lanes: Int[np.ndarray, " lane"], seeds: Sequence[int]
    ) -> Shaped[np.ndarray, " lane *observation"]:
        """Begin an episode in each of these lanes, decided by its seed alone."""
        ...

    def step(
        self, lanes: Int[np.ndarray, " lane"], actions: Shaped[np.ndarray, " lane *action"]
    ) -> Step:
        """Step these lanes."""
        ...

    def close(self) -> None:
        """Release the simulators."""
        ...


@dataclass(frozen=True)
class Environment:
    """What to play: a gymnasium id and its keyword arguments.

    Ids that gymnasium retired are upgraded by the table `UPGRADES`; `notice` says so.

    Raises:
        EnvironmentMismatch: If there is no such id, or its arguments or dependencies fail.
    """

    id: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.playable not in gymnasium.registry and ":" not in self.id:
            raise EnvironmentMismatch(
                f"There is no environment {self.id!r}; name a registered gymnasium id, or "
                f"module:id for one of your own.{did_you_mean(self.id, gymnasium.registry)}"
            )

    @property
    def playable(self) -> str:
        """The id that is played."""
        return UPGRADES.get(self.id, self.id)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments that it is made with."""
        # CartPole-v0 was CartPole-v1 with shorter episodes
        shorter = {"max_episode_steps": 200} if self.id == "CartPole-v0" else {}
        return {**shorter, **self.arguments}

    @property
    def notice(self) -> str | None:
        """A sentence about an upgraded id."""
        if self.playable == self.id:
            return None
        return f"gymnasium no longer plays {self.id}; {self.playable} is played instead"

    def spaces(self) -> tuple[Space, Space]:
        """Observation and action space of one lane."""
        env = self._make()
        try:
            return env.observation_space, env.action_space
        finally:
            env.close()

    @property
    def usual_lanes(self) -> int:
        """How many lanes make good use of one processor."""
        return 1024 if self._native else 32

    def lanes(self, count: int) -> Lanes:
        """Simulators for `count` lanes, vectorised natively where lanes can be kept independent."""
        if self._native:
            return CartPoleLanes(count, self.playable, self.options)
        return SeparateLanes([self._make() for _ in range(count)])

    @property
    def _native(self) -> bool:
        spec = gymnasium.registry.get(self.playable)
        return spec is not None and str(spec.vector_entry_point).endswith(":CartPoleVectorEnv")

    def _make(self) -> gymnasium.Env:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # gymnasium's advice about newer versions
                return gymnasium.make(self.playable, **self.options)
        except gymnasium.error.DependencyNotInstalled as error:
            raise EnvironmentMismatch(
                f"{self.playable} needs a simulator that is not installed ({error}); "
                "try: pip install 'policyscope[environments]'"
            ) from error
        except (gymnasium.error.Error, TypeError, ValueError, ImportError) as error:
            given = f" with {dict(self.options)}" if self.options else ""
            raise EnvironmentMismatch(
                f"{self.playable}{given} cannot be made: {str(error).strip() or repr(error)}"
            ) from error


class SeparateLanes:
    """One simulator per lane, of any environment; lanes that wait cost nothing."""

    def __init__(self, envs: Sequence[gymnasium.Env]) -> None:
        self._envs = envs

    def reset(
        self, lanes: Int[np.ndarray, " lane"], seeds: Sequence[int]
    ) -> Shaped[np.ndarray, " lane *observation"]:
        """See `Lanes.reset`."""
        return np.stack(
            [self._envs[i].reset(seed=seed)[0] for i, seed in zip(lanes, seeds, strict=True)]
        )

    def step(
        self, lanes: Int[np.ndarray, " lane"], actions: Shaped[np.ndarray, " lane *action"]
    ) -> Step:
        """See `Lanes.step`."""
        steps = [self._envs[i].step(a) for i, a in zip(lanes, actions, strict=True)]
        observations, rewards, terminated, truncated, _ = zip(*steps, strict=True)
        return (
            np.stack(observations),
            np.array(rewards, np.float64),
            np.array(terminated, bool),
            np.array(truncated, bool),
        )

    def close(self) -> None:
        """See `Lanes.close`."""
        for env in self._envs:
            env.close()


class CartPoleLanes:
    """gymnasium's own vectorised CartPole, whose lanes are set to their episode's first state.

    The simulator shares one generator between its lanes. It is never used: a lane that begins an
    episode gets the state that a CartPole of its own would have drawn from the episode's seed.
    Lanes that wait go on moving, unseen.
    """

    def __init__(self, count: int, id: str, options: Mapping[str, Any]) -> None:
        try:
            env: VectorEnv = gymnasium.make_vec(
                id, count, vectorization_mode="vector_entry_point", **options
            )
        except (gymnasium.error.Error, TypeError) as error:
            raise EnvironmentMismatch(
                f"{id} with {dict(options)} cannot be made: {error}"
            ) from error
        simulator = env.unwrapped
        if not isinstance(simulator, CartPoleVectorEnv):
            raise EnvironmentMismatch(f"{id} is made by {type(simulator).__name__}, not CartPole.")
        self._env, self._simulator = env, simulator
        self._env.reset(seed=0)
        self._actions = np.zeros(count, np.int64)

    def reset(
        self, lanes: Int[np.ndarray, " lane"], seeds: Sequence[int]
    ) -> Shaped[np.ndarray, " lane *observation"]:
        """See `Lanes.reset`."""
        state = np.asarray(self._simulator.state)  # a view: the simulator's own array
        first = np.array([np.random.default_rng(s).uniform(-0.05, 0.05, 4) for s in seeds])
        state[:, lanes] = first.T
        self._simulator.steps[lanes] = 0
        self._simulator.prev_done[lanes] = False
        return first.astype(np.float32)

    def step(
        self, lanes: Int[np.ndarray, " lane"], actions: Shaped[np.ndarray, " lane *action"]
    ) -> Step:
        """See `Lanes.step`."""
        self._actions[lanes] = actions
        observations, rewards, terminated, truncated, _ = self._env.step(self._actions)
        return observations[lanes], rewards[lanes], terminated[lanes], truncated[lanes]

    def close(self) -> None:
        """See `Lanes.close`."""
        self._env.close()
