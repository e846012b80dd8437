"""Lanes: simulators stepped in lock step, each with its own state and its own randomness.

Which episode a lane plays next is the loop's business, so gymnasium's own automatic resets are
not used.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import gymnasium
import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.vector import VectorEnv
from jaxtyping import Bool, Float, Int, Shaped

from policyscope.errors import EnvironmentMismatch
from policyscope.rollouts.quiet import quiet

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


class SeparateLanes:
    """One simulator per lane, of any environment; lanes that wait cost nothing.

    A reset with a seed is meant to decide an episode, whatever was played before. BipedalWalker
    breaks that: it destroys the bodies of the last episode but keeps their Box2D world, where the
    same seed may then play another episode. LunarLander did so too, until its v3
    (https://github.com/Farama-Foundation/Gymnasium/issues/728). So simulators that use Box2D are
    made anew for every episode, which takes a small part of a reset.
    """

    def __init__(self, make: Callable[[], gymnasium.Env], count: int) -> None:
        self._make = make
        self._envs = [make() for _ in range(count)]
        # some simulators give another type after a reset than after a step
        self._dtype = self._envs[0].observation_space.dtype

    def reset(
        self, lanes: Int[np.ndarray, " lane"], seeds: Sequence[int]
    ) -> Shaped[np.ndarray, " lane *observation"]:
        """See `Lanes.reset`."""
        first = [
            self._fresh(i).reset(seed=s)[0] for i, s in zip(lanes.tolist(), seeds, strict=True)
        ]
        return np.stack(first).astype(self._dtype, copy=False)

    def step(
        self, lanes: Int[np.ndarray, " lane"], actions: Shaped[np.ndarray, " lane *action"]
    ) -> Step:
        """See `Lanes.step`."""
        steps = [self._envs[i].step(a) for i, a in zip(lanes.tolist(), actions, strict=True)]
        observations, rewards, terminated, truncated, _ = zip(*steps, strict=True)
        return (
            np.stack(observations).astype(self._dtype, copy=False),
            np.array(rewards, np.float64),
            np.array(terminated, bool),
            np.array(truncated, bool),
        )

    def close(self) -> None:
        """See `Lanes.close`."""
        for env in self._envs:
            env.close()

    def _fresh(self, lane: int) -> gymnasium.Env:
        """A lane's simulator, with nothing left in it of the last episode."""
        kinds = type(self._envs[lane].unwrapped).__mro__
        if any(kind.__module__.startswith("gymnasium.envs.box2d.") for kind in kinds):
            self._envs[lane].close()
            self._envs[lane] = self._make()
        return self._envs[lane]


class CartPoleLanes:
    """gymnasium's own vectorised CartPole, whose lanes are set to their episode's first state.

    The simulator shares one generator between its lanes. It is never used: a lane that begins an
    episode gets the state that a CartPole of its own would have drawn from the episode's seed.
    Lanes that wait go on moving, unseen.
    """

    def __init__(self, count: int, id: str, options: Mapping[str, Any]) -> None:
        with quiet():
            env: VectorEnv = gymnasium.make_vec(
                id, count, vectorization_mode="vector_entry_point", **options
            )
        simulator = env.unwrapped
        if not isinstance(simulator, CartPoleVectorEnv):
            raise EnvironmentMismatch(f"{id} is made by {type(simulator).__name__}, not CartPole.")
        self._env, self._simulator = env, simulator
        self._env.reset(seed=0)
        self._actions = np.zeros(count, np.int64)

    @staticmethod
    def takes(options: Mapping[str, Any]) -> bool:
        """Whether these options mean the same here as to a CartPole of its own.

        Elsewhere -1 or None steps are no limit, or the usual one; here they end an episode at once.
        """
        limit = options.get("max_episode_steps", 500)
        known = set(options) <= {"max_episode_steps", "sutton_barto_reward"}
        return known and isinstance(limit, int) and limit > 0

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
        return (
            observations[lanes],
            rewards[lanes].astype(np.float64),
            terminated[lanes],
            truncated[lanes],
        )

    def close(self) -> None:
        """See `Lanes.close`."""
        self._env.close()
