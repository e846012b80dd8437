"""Atari 2600 games behind DeepMind's preprocessing, on ale-py's native vector environment.

Grey frames of 84×84 pixels, each the maximum of the last two of four repeated steps, up to 30
steps without action at the beginning (Mnih et al. 2015, https://doi.org/10.1038/nature14236). With
`noop_max=0` and no sticky actions the frames are those of gymnasium's `AtariPreprocessing`, bit for
bit; otherwise chance is drawn from the simulator's own generators, which no other wrapper shares.
Rewards are not clipped unless asked for, and lives do not end an episode: the return is the game's.

Lanes give single frames. The loop stacks them, behind whatever changes what the policy sees, and
they are stored once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import Space, spaces
from jaxtyping import Int, Shaped

from policyscope.errors import EnvironmentMismatch, did_you_mean
from policyscope.rollouts.lanes import Step

DEEPMIND = {
    "frameskip": 4,
    "noop_max": 30,
    "img_height": 84,
    "img_width": 84,
    "maxpool": True,
    "reward_clipping": False,
    "episodic_life": False,
    "use_fire_reset": False,
    "full_action_space": False,
    "max_num_frames_per_episode": 108_000,
}
"""What may be set with `--env-arg`, beside `stack_num` and `repeat_action_probability`."""
STACK = 4


def is_atari(id: str) -> bool:
    """Whether an id is one of ale-py's games."""
    spec = gymnasium.registry.get(id)
    return spec is not None and spec.entry_point == "ale_py.env:AtariEnv"


class AtariLanes:
    """One game in many lanes, each begun by its own seed. Lanes that wait play on, unseen.

    Raises:
        EnvironmentMismatch: If an option is none of the preprocessing's.
    """

    def __init__(self, count: int, id: str, options: Mapping[str, Any]) -> None:
        from ale_py.vector_env import AtariVectorEnv  # brings a simulator that few need

        spec = gymnasium.spec(id)
        settings = {
            **DEEPMIND,
            "repeat_action_probability": spec.kwargs["repeat_action_probability"],
            **options,
        }
        settings.pop("stack_num", None)
        known = ("stack_num", "repeat_action_probability", *DEEPMIND)
        unknown = sorted(set(settings) - set(known))
        if unknown:
            raise EnvironmentMismatch(
                f"{id} has no argument {unknown[0]!r}; it takes {', '.join(known)}."
                f"{did_you_mean(unknown[0], known)}"
            )
        self._env = AtariVectorEnv(
            spec.kwargs["game"], count, num_threads=1, stack_num=1, **settings
        )
        self._actions = np.zeros(count, np.int64)
        self._begun = False

    def spaces(self, stack: int) -> tuple[Space, Space]:
        """What a policy sees, `stack` frames at once, and what it may do."""
        shape = self._env.single_observation_space.shape or ()
        return spaces.Box(0, 255, (stack, *shape[1:]), np.uint8), self._env.single_action_space

    def reset(
        self, lanes: Int[np.ndarray, " lane"], seeds: Sequence[int]
    ) -> Shaped[np.ndarray, " lane *observation"]:
        """See `Lanes.reset`."""
        if not self._begun:  # a partial reset needs a whole one before it
            self._env.reset(seed=0)
            self._begun = True
        mask = np.zeros(len(self._actions), bool)
        mask[lanes] = True
        in_order = np.argsort(lanes)
        frames, _ = self._env.reset(seed=np.array(seeds)[in_order], options={"reset_mask": mask})
        return frames[lanes, 0]

    def step(
        self, lanes: Int[np.ndarray, " lane"], actions: Shaped[np.ndarray, " lane *action"]
    ) -> Step:
        """See `Lanes.step`."""
        self._actions[lanes] = actions
        frames, rewards, terminated, truncated, _ = self._env.step(self._actions)
        return (
            frames[lanes, 0],
            rewards[lanes].astype(np.float64),
            terminated[lanes],
            truncated[lanes],
        )

    def close(self) -> None:
        """See `Lanes.close`."""
        self._env.close()
