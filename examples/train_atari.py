"""Train a Pong policy from frames with PPO, on ale-py's native vector environment.

Schulman et al. 2017, https://arxiv.org/abs/1707.06347, with the settings of its Atari experiments
and a network small enough for a processor: 16 filters of 8×8, 32 of 4×4, 128 units. Observations
are DeepMind's: 84×84 grey, four frames of four steps each. The state is saved every minute and
training goes on from it: stop it at any time, and start it again with the same command.

    python examples/train_atari.py [--steps N] [--out FOLDER]

About 900 steps per second on one core that multiplies in bfloat16: 3,000,000 steps in an hour. The
mean return of sampled actions rises from -20.5 at 200,000 steps to -14.8 at 700,000, 1.2 at
1,600,000 and 10.7 at the end. The shipped checkpoint, of 345,014 parameters, wins greedily by 11.5
[8.4, 14.7] (30 games, 95% interval):

    policyscope analyze pong_ppo.cleanrl_model --env PongNoFrameskip-v4 --episodes 30 --only returns
"""

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from ale_py.vector_env import AtariVectorEnv
from torch import Tensor, nn

LANES, HORIZON, EPOCHS, MINIBATCH = 16, 128, 4, 256
GAMMA, LAMBDA, CLIP, ENTROPY, VALUE, RATE = 0.99, 0.95, 0.1, 0.01, 0.5, 5e-4


class Agent(nn.Module):
    """Actor and critic on shared features; names as CleanRL gives them."""

    def __init__(self, actions: int) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Conv2d(4, 16, 8, stride=4),
            nn.ReLU(),
            nn.Conv2d(16, 32, 4, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 9 * 9, 128),
            nn.ReLU(),
        )
        self.actor = nn.Linear(128, actions)
        self.critic = nn.Linear(128, 1)
        for layer in self.network:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.orthogonal_(layer.weight, 2**0.5)
        nn.init.orthogonal_(self.actor.weight, 0.01)

    def forward(self, frames: Tensor) -> tuple[torch.distributions.Categorical, Tensor]:
        """Distribution of the action, and value, of stacked uint8 frames."""
        with torch.autocast("cpu", torch.bfloat16):  # twice as fast where the processor has it
            features = self.network(frames / 255)
        features = features.float()
        logits, values = self.actor(features), self.critic(features)[:, 0]
        return torch.distributions.Categorical(logits=logits), values


@dataclass
class Games:
    """The simulators, what they show, and how the games end."""

    envs: AtariVectorEnv
    frames: np.ndarray
    running: np.ndarray = field(default_factory=lambda: np.zeros(LANES))
    finished: list[float] = field(default_factory=list)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rewards, and which games ended."""
        self.frames, rewards, terminated, truncated, _ = self.envs.step(actions)
        ended = terminated | truncated
        self.running += rewards
        self.finished += self.running[ended].tolist()
        self.running[ended] = 0
        return np.float32(rewards), ended


@torch.inference_mode()
def collect(games: Games, agent: Agent) -> list[Tensor]:
    """Frames, actions, log probabilities, advantages and returns of HORIZON steps of every lane."""
    steps = []
    for _ in range(HORIZON):
        frames = torch.from_numpy(games.frames)
        choice, value = agent(frames)
        action = choice.sample()
        rewards, ended = games.step(action.numpy())
        steps.append((frames, action, choice.log_prob(action), value, rewards, ended))
    following = agent(torch.from_numpy(games.frames))[1].numpy()
    advantages, running = [], np.zeros(LANES, np.float32)
    for _, _, _, value, reward, ended in reversed(steps):
        delta = reward + GAMMA * following * ~ended - value.numpy()
        running = delta + GAMMA * LAMBDA * ~ended * running
        following = value.numpy()
        advantages.append(torch.from_numpy(running))
    advantage = torch.cat(advantages[::-1])
    columns = [torch.cat(column) for column in list(zip(*steps, strict=True))[:4]]
    return [column.clone() for column in (*columns[:3], advantage, advantage + columns[3])]


def improve(agent: Agent, optimiser: torch.optim.Optimizer, batch: list[Tensor]) -> None:
    """The clipped objective, several times over the batch."""
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(batch[0])).split(MINIBATCH):
            frames, actions, logs, advantage, returns = (column[rows] for column in batch)
            choice, value = agent(frames)
            ratio = (choice.log_prob(actions) - logs).exp()
            weight = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
            gain = torch.min(ratio * weight, ratio.clamp(1 - CLIP, 1 + CLIP) * weight).mean()
            miss = (value - returns).pow(2).mean() / 2
            optimiser.zero_grad()
            (VALUE * miss - gain - ENTROPY * choice.entropy().mean()).backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimiser.step()


def main() -> None:
    """Train until the steps are done."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=3_000_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    envs = AtariVectorEnv("pong", LANES, use_fire_reset=False, autoreset_mode="SameStep")
    agent = Agent(int(envs.single_action_space.n))
    optimiser = torch.optim.Adam(agent.parameters(), RATE, eps=1e-5)
    saved, steps = args.out / "pong_training.pt", 0
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        agent.load_state_dict(state["agent"])
        optimiser.load_state_dict(state["optimiser"])
        steps = state["steps"]
    games = Games(envs, envs.reset(seed=steps)[0])
    last_saved = time.time()
    while steps < args.steps:
        optimiser.param_groups[0]["lr"] = RATE * max(0.05, 1 - steps / args.steps)
        improve(agent, optimiser, collect(games, agent))
        steps += LANES * HORIZON
        if time.time() - last_saved > 60 or steps >= args.steps:
            last_saved = time.time()
            state = {"agent": agent.state_dict(), "optimiser": optimiser.state_dict()}
            torch.save({**state, "steps": steps}, saved)
            mean = np.mean(games.finished[-50:]) if games.finished else float("nan")
            print(f"{steps:>9} steps, mean return of the last 50 games {mean:.1f}", flush=True)
    torch.save(agent.state_dict(), args.out / "pong_ppo.cleanrl_model")


if __name__ == "__main__":
    main()
