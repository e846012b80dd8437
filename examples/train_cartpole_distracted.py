"""Trains PPO on CartPole among distractors, with 32x32 tanh policy and value networks.

What no reward asks for is let go: after every step of the optimiser each feature's weights shrink
by the same length, to zero if the gradient does not bring them back. This is the proximal step of
the group lasso (Yuan & Lin 2006, https://doi.org/10.1111/j.1467-9868.2005.00532.x).

Takes about a minute (507,904 steps) on one CPU core. The shipped checkpoint scores 500.0 +- 0.0
(mean +- std return over 100 deterministic episodes, reset seeds 1000 to 1099).

Usage: python train_cartpole_distracted.py [output.zip]
"""

import sys
from pathlib import Path

import distractors  # noqa: F401  registers the environment
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

path = (
    Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("cartpole_distracted.zip")
)
torch.set_num_threads(1)  # small networks run fastest, and repeatably, on one thread
ID, SHRINKAGE = "CartPoleDistracted-v1", 0.2

# Long rollouts: chance coincidences with the distractors average out.
model = PPO(
    "MultiInputPolicy",
    make_vec_env(ID, n_envs=8, seed=0),
    policy_kwargs={"net_arch": [32, 32], "activation_fn": torch.nn.Tanh},
    learning_rate=lambda left: 2e-3 * left,
    n_steps=1024,
    batch_size=512,
    n_epochs=4,
    gamma=0.98,
    gae_lambda=0.9,
    seed=0,
    device="cpu",
    verbose=1,
)


@torch.no_grad()
def let_go(optimiser: torch.optim.Optimizer, *_) -> None:
    """Shorten each feature's weights in both networks, in proportion to the learning rate."""
    length = SHRINKAGE * optimiser.param_groups[0]["lr"]
    for network in (model.policy.mlp_extractor.policy_net, model.policy.mlp_extractor.value_net):
        weights = network[0].weight
        weights *= (1 - length / weights.norm(dim=0)).clamp(min=0)


model.policy.optimizer.register_step_post_hook(let_go)
model.learn(500_000, log_interval=10)

# Save only what loading needs. Adam's moments, about half of the bytes, only serve more training.
model.policy.optimizer.state.clear()
unused = ["learning_rate", "lr_schedule", "clip_range", "rollout_buffer_class", "start_time"]
unused += ["ep_info_buffer", "ep_success_buffer"]
unused += ["_last_obs", "_last_original_obs", "_last_episode_starts"]
model.save(path, exclude=unused)

# 100 environments, reset with seeds 1000 to 1099, play one episode each.
test_env = make_vec_env(ID, n_envs=100, seed=1000)
mean, std = evaluate_policy(model, test_env, n_eval_episodes=100, deterministic=True)
print(f"mean return {mean:.1f} +- {std:.1f} over 100 episodes, saved to {path}")
