"""Trains PPO on Pendulum-v1 under the noise that a certificate smooths it with.

As `train_cartpole_smoothed.py`, with continuous actions and rewards that are never positive: noise
of 0.2 on the sine and cosine of the angle and on the angular velocity (rad/s) alike.

Usage: python train_pendulum_smoothed.py [output.zip]
"""

import sys
from pathlib import Path

import gymnasium
import numpy as np
import torch
from gymnasium.wrappers import TransformObservation
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

SIGMA = 0.2
path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("pendulum_smoothed.zip")
torch.set_num_threads(1)  # small networks run fastest, and repeatably, on one thread


def noisy(env: gymnasium.Env) -> gymnasium.Env:
    """One draw for every new observation, the first of an episode included."""
    rng = np.random.default_rng(np.random.randint(2**31))  # noqa: NPY002  PPO seeds numpy's own
    shape = env.observation_space.shape
    return TransformObservation(
        env,
        lambda seen: (seen + SIGMA * rng.standard_normal(shape)).astype(np.float32),
        env.observation_space,
    )


def environments(count: int, seed: int) -> gymnasium.Env:
    """Noisy lanes."""
    np.random.seed(seed)  # noqa: NPY002  see `noisy`
    return make_vec_env("Pendulum-v1", count, seed, wrapper_class=noisy)


# RL Zoo hyperparameters, with more lanes and steps and a learning rate that falls.
model = PPO(
    "MlpPolicy",  # 64x64 tanh by default
    environments(8, seed=0),
    learning_rate=lambda left: 1e-3 * left,
    n_steps=512,
    batch_size=256,
    n_epochs=10,
    gamma=0.9,
    gae_lambda=0.95,
    use_sde=True,
    sde_sample_freq=4,
    seed=0,
    device="cpu",
    verbose=1,
)
model.learn(600_000, log_interval=20)

# Save only what loading needs. Adam's moments, about half of the bytes, only serve more training.
model.policy.optimizer.state.clear()
unused = ["lr_schedule", "clip_range", "rollout_buffer_class", "start_time", "learning_rate"]
unused += ["ep_info_buffer", "ep_success_buffer"]
unused += ["_last_obs", "_last_original_obs", "_last_episode_starts"]
model.save(path, exclude=unused)

mean, std = evaluate_policy(model, environments(100, seed=1000), n_eval_episodes=500)
print(f"mean noisy return {mean:.1f} +- {std:.1f} over 500 episodes, saved to {path}")
