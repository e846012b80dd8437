"""Untrained models of stable-baselines3, with weights large enough to reach every bound."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import sb3_contrib as contrib
import stable_baselines3 as sb3
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from torch import nn


class Still(gymnasium.Env):
    """An environment with any spaces in which nothing happens."""

    def __init__(self, observations: spaces.Space, actions: spaces.Space) -> None:
        self.observation_space = observations
        self.action_space = actions

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 0.0, False, False, {}


SENSORS = spaces.Box(-np.inf, np.inf, (5,))
GRID = spaces.Box(-1, 1, (2, 3))
BUTTONS = spaces.Discrete(3)
KNOBS = spaces.MultiDiscrete([2, 3, 4])
LEVER = spaces.Box(-2, 3, (1,))
LEVERS = spaces.Box(np.array([-1, -2, 0.1], np.float32), np.array([1, 7, 0.35], np.float32))
TABLE = spaces.Box(-1, 2, (2, 2))

on_policy: dict[str, Any] = {"n_steps": 8, "device": "cpu"}
off_policy: dict[str, Any] = {"buffer_size": 10, "device": "cpu"}
ppo = partial(sb3.PPO, "MlpPolicy", batch_size=8, **on_policy)
trpo = partial(contrib.TRPO, "MlpPolicy", batch_size=8, **on_policy)


def sized(**more: Any) -> dict[str, Any]:
    """Keyword arguments of a small policy."""
    return {"net_arch": [16, 12], **more}


MODELS: dict[str, Callable[[], Any]] = {
    "DQN": lambda: sb3.DQN("MlpPolicy", Still(SENSORS, BUTTONS), **off_policy),
    "DQN of a grid, with ELU": lambda: sb3.DQN(
        "MlpPolicy", Still(GRID, BUTTONS), policy_kwargs=sized(activation_fn=nn.ELU), **off_policy
    ),
    "QR-DQN": lambda: contrib.QRDQN(
        "MlpPolicy", Still(SENSORS, BUTTONS), policy_kwargs=sized(n_quantiles=7), **off_policy
    ),
    "PPO": lambda: ppo(Still(SENSORS, BUTTONS)),
    "PPO with levers, and ReLU": lambda: ppo(
        Still(SENSORS, LEVERS), policy_kwargs=sized(activation_fn=nn.ReLU)
    ),
    "PPO with a table of actions": lambda: ppo(Still(GRID, TABLE)),
    "PPO with knobs": lambda: ppo(Still(SENSORS, KNOBS), policy_kwargs=sized()),
    "PPO without hidden layers": lambda: ppo(Still(SENSORS, LEVER), policy_kwargs={"net_arch": []}),
    "PPO with unequal networks": lambda: ppo(
        Still(SENSORS, BUTTONS), policy_kwargs={"net_arch": {"pi": [9, 7], "vf": [4]}}
    ),
    "PPO with gSDE": lambda: ppo(Still(SENSORS, LEVERS), use_sde=True),
    "PPO with gSDE, squashed": lambda: ppo(
        Still(SENSORS, LEVERS), use_sde=True, policy_kwargs=sized(squash_output=True)
    ),
    "A2C": lambda: sb3.A2C("MlpPolicy", Still(SENSORS, BUTTONS), **on_policy),
    "A2C with a lever": lambda: sb3.A2C(
        "MlpPolicy",
        Still(SENSORS, LEVER),
        policy_kwargs=sized(activation_fn=nn.SiLU),
        **on_policy,
    ),
    "TRPO": lambda: trpo(Still(SENSORS, LEVERS)),
    "ARS": lambda: contrib.ARS("MlpPolicy", Still(SENSORS, LEVERS), device="cpu"),
    "ARS without squashing": lambda: contrib.ARS(
        "MlpPolicy",
        Still(SENSORS, LEVERS),
        policy_kwargs=sized(squash_output=False),
        device="cpu",
    ),
    "ARS with buttons": lambda: contrib.ARS(
        "MlpPolicy", Still(SENSORS, BUTTONS), policy_kwargs=sized(with_bias=False), device="cpu"
    ),
    "ARS, linear": lambda: contrib.ARS("LinearPolicy", Still(SENSORS, LEVERS), device="cpu"),
    "ARS, linear, squashed": lambda: contrib.ARS(
        "LinearPolicy",
        Still(SENSORS, LEVERS),
        policy_kwargs={"squash_output": True, "with_bias": True},
        device="cpu",
    ),
    "SAC": lambda: sb3.SAC(
        "MlpPolicy", Still(SENSORS, LEVERS), policy_kwargs=sized(), **off_policy
    ),
    "SAC with Softplus": lambda: sb3.SAC(
        "MlpPolicy",
        Still(SENSORS, LEVER),
        policy_kwargs=sized(activation_fn=nn.Softplus),
        **off_policy,
    ),
    "SAC with gSDE": lambda: sb3.SAC(
        "MlpPolicy", Still(SENSORS, LEVERS), use_sde=True, policy_kwargs=sized(), **off_policy
    ),
    "SAC with gSDE, clipped early": lambda: sb3.SAC(
        "MlpPolicy",
        Still(SENSORS, LEVERS),
        use_sde=True,
        policy_kwargs=sized(clip_mean=0.5, activation_fn=nn.Tanh),
        **off_policy,
    ),
    "SAC with gSDE, never clipped": lambda: sb3.SAC(
        "MlpPolicy",
        Still(SENSORS, LEVERS),
        use_sde=True,
        policy_kwargs=sized(clip_mean=0.0),
        **off_policy,
    ),
    "SAC with gSDE and no hidden layers": lambda: sb3.SAC(
        "MlpPolicy",
        Still(SENSORS, LEVERS),
        use_sde=True,
        policy_kwargs={"net_arch": {"pi": [], "qf": [8]}},
        **off_policy,
    ),
    "TQC": lambda: contrib.TQC(
        "MlpPolicy", Still(SENSORS, LEVERS), policy_kwargs=sized(), **off_policy
    ),
    "DDPG": lambda: sb3.DDPG(
        "MlpPolicy", Still(SENSORS, LEVERS), policy_kwargs=sized(), **off_policy
    ),
    "TD3": lambda: sb3.TD3(
        "MlpPolicy",
        Still(GRID, LEVER),
        policy_kwargs=sized(activation_fn=nn.LeakyReLU),
        **off_policy,
    ),
}


@dataclass(frozen=True)
class Original:
    """A model, and the zip that it was saved to."""

    model: Any
    path: Path

    @property
    def observations(self) -> np.ndarray:
        """States that it has never seen, some far out."""
        shape = (300, *self.model.observation_space.shape)
        return (2 * np.random.default_rng(7).standard_normal(shape)).astype(np.float32)

    def actions(self, observations: np.ndarray) -> np.ndarray:
        """What the library itself does there."""
        return self.model.predict(observations, deterministic=True)[0]


def built(name: str, make: Callable[[], Any], folder: Path) -> Original:
    """A model with large random weights, saved."""
    generator = torch.Generator().manual_seed(len(name))
    model = make()
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.6)
    path = folder / f"{name.lower().replace(' ', '-').replace(',', '')}.zip"
    model.save(path)
    return Original(model, path)


def normalising(observations, actions=BUTTONS, **more) -> VecNormalize:
    """A VecNormalize whose statistics are far from 0 and 1."""
    rng = np.random.default_rng(5)
    environment = VecNormalize(DummyVecEnv([lambda: Still(observations, actions)]), **more)
    if more.get("norm_obs", True) and isinstance(observations, spaces.Box):
        environment.obs_rms.mean = rng.normal(0, 3, observations.shape)
        environment.obs_rms.var = rng.uniform(0.01, 9, observations.shape)
    return environment
