"""Trains TD3 on Pendulum-v1 with 64x64 ReLU networks, in a single file as CleanRL does it.

Fujimoto et al. 2018, https://arxiv.org/abs/1802.09477. What is saved is laid out as CleanRL's
files are: the state dicts of the actor and of the two critics, in a tuple.

Takes about 30 seconds on one CPU core. The shipped checkpoint scores -158.7 +- 93.9
(mean +- std return over 100 deterministic episodes, reset seeds 1000 to 1099).

Usage: python train_pendulum_td3.py [output.cleanrl_model]
"""

import sys
from copy import deepcopy
from pathlib import Path

import gymnasium
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

STEPS, WARM_UP, BATCH, DELAY = 10_000, 500, 128, 2
GAMMA, TAU, RATE = 0.98, 0.005, 1e-3
EXPLORATION, SMOOTHING, CLIP = 0.1, 0.2, 0.5  # in units of the largest action


class Actor(nn.Module):
    """The action for an observation, tanh(x) * scale + bias."""

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__()
        actions = env.action_space
        self.fc1 = nn.Linear(env.observation_space.shape[0], 64)
        self.fc2 = nn.Linear(64, 64)
        self.fc_mu = nn.Linear(64, actions.shape[0])
        self.register_buffer("action_scale", torch.from_numpy((actions.high - actions.low) / 2))
        self.register_buffer("action_bias", torch.from_numpy((actions.high + actions.low) / 2))

    def forward(self, x: Tensor) -> Tensor:
        """Actions (state, action)."""
        x = functional.relu(self.fc1(x))
        x = functional.relu(self.fc2(x))
        return torch.tanh(self.fc_mu(x)) * self.action_scale + self.action_bias


class QNetwork(nn.Module):
    """The value of an action in a state."""

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__()
        self.fc1 = nn.Linear(env.observation_space.shape[0] + env.action_space.shape[0], 64)
        self.fc2 = nn.Linear(64, 64)
        self.fc3 = nn.Linear(64, 1)

    def forward(self, x: Tensor, a: Tensor) -> Tensor:
        """Values (state)."""
        x = functional.relu(self.fc1(torch.cat([x, a], 1)))
        return self.fc3(functional.relu(self.fc2(x)))[:, 0]


@torch.no_grad()
def target(networks: list[nn.Module], after: Tensor, reward: Tensor, limit: float) -> Tensor:
    """Value of the next state, of the action of the actor with noise, by the lesser critic."""
    actor, *critics = networks
    noise = (torch.randn(len(after), 1) * SMOOTHING).clamp(-CLIP, CLIP) * limit
    action = (actor(after) + noise).clamp(-limit, limit)
    # Pendulum never terminates, so that every state has a next one
    return reward + GAMMA * torch.min(*(critic(after, action) for critic in critics))


def train(env: gymnasium.Env) -> list[nn.Module]:
    """The actor and its two critics after STEPS steps."""
    rng = np.random.default_rng(0)
    limit = float(env.action_space.high[0])
    networks = [Actor(env), QNetwork(env), QNetwork(env)]
    slow = deepcopy(networks)
    actor, *critics = networks
    for_actor = torch.optim.Adam(actor.parameters(), RATE)
    for_critics = torch.optim.Adam([p for critic in critics for p in critic.parameters()], RATE)
    memory = [np.zeros((STEPS, width), np.float32) for width in (3, 1, 3, 1)]
    observation, _ = env.reset(seed=0)
    running = 0.0
    for step in range(STEPS):
        with torch.no_grad():
            greedy = actor(torch.from_numpy(observation)).numpy()
        noisy = greedy + rng.normal(0, EXPLORATION * limit, 1)
        drawn = rng.uniform(-limit, limit, 1) if step < WARM_UP else noisy.clip(-limit, limit)
        action = drawn.astype(np.float32)
        following, reward, _, truncated, _ = env.step(action)
        for column, value in zip(memory, (observation, action, following, reward), strict=True):
            column[step] = value
        observation, running = following, running + reward
        if truncated:
            print(f"{step + 1:>6} steps, return {running:.0f}", flush=True)
            observation, running = env.reset()[0], 0.0
        if step < WARM_UP:
            continue
        rows = rng.integers(0, step + 1, BATCH)
        before, action, after, reward = (torch.from_numpy(column[rows]) for column in memory)
        worth = target(slow, after, reward[:, 0], limit)
        miss = sum(functional.mse_loss(critic(before, action), worth) for critic in critics)
        for_critics.zero_grad()
        miss.backward()
        for_critics.step()
        if step % DELAY == 0:
            for_actor.zero_grad()
            (-critics[0](before, actor(before)).mean()).backward()
            for_actor.step()
            for network, copy in zip(networks, slow, strict=True):
                for parameter, own in zip(copy.parameters(), network.parameters(), strict=True):
                    parameter.data.lerp_(own.data, TAU)
    return networks


def score(env: gymnasium.Env, actor: Actor) -> list[float]:
    """Returns of one episode per reset seed 1000 to 1099."""
    returns = []
    for seed in range(1000, 1100):
        observation, ended, total = env.reset(seed=seed)[0], False, 0.0
        while not ended:
            with torch.no_grad():
                action = actor(torch.from_numpy(observation)).numpy()
            observation, reward, _, ended, _ = env.step(action)
            total += float(reward)
        returns.append(total)
    return returns


if __name__ == "__main__":
    beside = Path(__file__).with_name("pendulum_td3.cleanrl_model")
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else beside
    torch.manual_seed(0)
    torch.set_num_threads(1)  # small networks run fastest, and repeatably, on one thread
    env = gymnasium.make("Pendulum-v1")
    networks = train(env)
    torch.save(tuple(network.state_dict() for network in networks), path)
    returns = score(env, networks[0])
    mean, std = np.mean(returns), np.std(returns)
    print(f"mean return {mean:.1f} +- {std:.1f} over 100 episodes, saved to {path}")
