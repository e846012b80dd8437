"""Environment: a description of what to play.

A description is plain data, so it can be sent to another process and written into a report; the
simulators are made from it on demand.
"""

import importlib
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any

import gymnasium
from gymnasium import Space, spaces
from gymnasium.wrappers import TransformObservation

from policyscope.errors import EnvironmentMismatch, did_you_mean
from policyscope.policies.observations import flattened
from policyscope.rollouts.atari import STACK, AtariLanes, is_atari
from policyscope.rollouts.forces import Pushed
from policyscope.rollouts.lanes import CartPoleLanes, Lanes, SeparateLanes
from policyscope.rollouts.physics import Physics
from policyscope.rollouts.quiet import quiet

UPGRADES = {
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

ANT_WITH_CONTACTS = ("Ant-v1", "Ant-v2", "Ant-v3")


@dataclass(frozen=True)
class Environment:
    """What to play: a gymnasium id, its keyword arguments, and physics.

    Ids that gymnasium retired are upgraded by the table `UPGRADES`.

    Raises:
        EnvironmentMismatch: If there is no such id, or its arguments or dependencies fail.
    """

    id: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    physics: Physics = Physics()
    """What is changed of the simulator's, where MuJoCo simulates."""
    pushed: bool = False
    """Whether actions end in a force on the body, see `forces`."""

    def __post_init__(self) -> None:
        if self.playable not in gymnasium.registry and find_spec("ale_py"):
            importlib.import_module("ale_py")  # registers its games
        if self.playable not in gymnasium.registry and ":" not in self.id:
            atari = " Atari games need: pip install 'policyscope[environments]'."
            raise EnvironmentMismatch(
                f"There is no environment {self.id!r}; name a registered gymnasium id, or "
                f"module:id for one of your own.{did_you_mean(self.id, gymnasium.registry)}"
                + ("" if find_spec("ale_py") else atari)
            )

    @property
    def playable(self) -> str:
        """The id that is played."""
        # an Atari game whose frames are skipped here instead of in the simulator
        skipped = re.sub(r"^(\w+)Deterministic-v4$", r"\1NoFrameskip-v4", self.id)
        return UPGRADES.get(self.id, skipped)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments that it is made with."""
        # Ant-v4 observes contact forces only where asked to; its forerunners always did
        contacts = {"use_contact_forces": True} if self.id in ANT_WITH_CONTACTS else {}
        return {**contacts, **self.arguments}

    @property
    def frame_stack(self) -> int | None:
        """How many of the newest frames a policy sees at once; None where it sees observations."""
        return self.options.get("stack_num", STACK) if is_atari(self.playable) else None

    def spaces(self) -> tuple[Space, Space]:
        """What there is to observe and to do in one lane.

        Observations that are no arrays reach a policy as flat vectors.
        """
        if self.frame_stack is not None:
            with closing(AtariLanes(1, self.playable, self.options)) as game:
                return game.spaces(self.frame_stack)
        env = self.simulator()
        try:
            return env.observation_space, env.action_space
        finally:
            env.close()

    def simulator(self) -> gymnasium.Env:
        """One simulator, as gymnasium makes it.

        Raises:
            EnvironmentMismatch: If its arguments, its physics or what it is made of fail, or if it
                cannot be pushed.
        """
        try:
            with quiet():
                self._import_simulator()
            with quiet():
                env = gymnasium.make(self.playable, **self.options)
        except gymnasium.error.DependencyNotInstalled as error:
            raise EnvironmentMismatch(
                f"{self.playable} needs a simulator that is not installed ({error}); "
                "try: pip install 'policyscope[environments]'"
            ) from error
        except (gymnasium.error.Error, TypeError, ValueError, ImportError) as error:
            given = f" with {self.options}" if self.options else ""
            raise EnvironmentMismatch(
                f"{self.playable}{given} cannot be made: {str(error).strip() or repr(error)}"
            ) from error
        self.physics.change(env)
        return Pushed(env) if self.pushed else env

    @property
    def usual_lanes(self) -> int:
        """How many lanes make good use of one processor."""
        return 2048 if self._native else 32

    @property
    def batch(self) -> int:
        """Rows of every inference batch, however many lanes there are.

        As many as there are usual lanes of separate simulators, so that none is wasted; as many as
        make the cost of calling the network small where steps are cheap.
        """
        return 256 if self._native else 32

    def lanes(self, count: int) -> Lanes:
        """Simulators for `count` lanes, vectorised natively where lanes can be kept independent."""
        if self._native:
            return CartPoleLanes(count, self.playable, self.options)
        if self.frame_stack is not None:
            return AtariLanes(count, self.playable, self.options)
        return SeparateLanes(self._make_flat, count)

    @property
    def _native(self) -> bool:
        spec = gymnasium.registry.get(self.playable)
        cartpole = spec is not None and str(spec.vector_entry_point).endswith(":CartPoleVectorEnv")
        plain = self.physics == Physics() and not self.pushed
        return cartpole and plain and CartPoleLanes.takes(self.options)

    def _make_flat(self) -> gymnasium.Env:
        env = self.simulator()
        if isinstance(env.observation_space, spaces.Box):
            return env
        flatten = partial(spaces.flatten, env.observation_space)
        return TransformObservation(env, flatten, flattened(env.observation_space, self.id))

    def _import_simulator(self) -> None:
        """Import what the environment is made of, MuJoCo where it is made of that."""
        module, _, id = self.playable.rpartition(":")
        if module:
            importlib.import_module(module)
        spec = gymnasium.registry.get(id)
        if spec is not None and isinstance(spec.entry_point, str):
            importlib.import_module(spec.entry_point.partition(":")[0])
