r"""Pong as the policies of baby-a3c see it: a preprocessing of one's own, under an id of one's own.

https://github.com/greydanus/baby-a3c shows its policies one grey frame of 80x80 pixels: the field
without the score, averaged over the colours, its contrast stretched from black to white, halved in
size. Every action is repeated four times. Importing this module registers the environment;
`baby_a3c_pong:BabyA3CPong-v4` imports it where `examples` is on Python's path:

    PYTHONPATH=examples policyscope analyze model.80.tar --activation elu \
        --env baby_a3c_pong:BabyA3CPong-v4

Nothing in it is random, so every greedy game is the same one; sticky actions make them differ:
`--env-arg repeat_action_probability=0.25`.
"""

import ale_py
import gymnasium
import numpy as np
import torch
from gymnasium.wrappers import TransformObservation
from torch.nn.functional import interpolate

gymnasium.register_envs(ale_py)


def seen(frame: np.ndarray) -> np.ndarray:
    """From the screen (210, 160, 3) to what the policy sees (1, 80, 80), both uint8.

    The policy itself divides by 255. scipy's `imresize`, which it was trained with, stretched the
    contrast of anything but uint8 before it resized with a triangular filter.
    """
    grey = frame[35:195].mean(2)
    stretched = (grey - grey.min()) * (255 / (np.ptp(grey) or 1)) + 0.5
    field = torch.from_numpy(stretched.astype(np.uint8))[None, None]
    return interpolate(field, (80, 80), mode="bilinear", antialias=True)[0].numpy()


def make(**arguments) -> gymnasium.Env:
    """The game behind `seen`."""
    settings = {"frameskip": 4, "repeat_action_probability": 0, **arguments}
    game = gymnasium.make("PongNoFrameskip-v4", **settings)
    return TransformObservation(game, seen, gymnasium.spaces.Box(0, 255, (1, 80, 80), np.uint8))


gymnasium.register("BabyA3CPong-v4", make)
