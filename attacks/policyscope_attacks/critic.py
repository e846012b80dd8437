"""A critic Q(s, a) learned from what a policy does, for attacks on policies that bring none.

The temporal difference error of the policy's own steps, and a term that keeps Q smooth around the
actions taken, without which its gradient with respect to the action means little:

    Σ_t (r_t + γ Q(s_{t+1}, a_{t+1}) − Q(s_t, a_t))²
      +  λ max_{‖a − a_t‖∞ ≤ η} (Q(s_t, a) − Q(s_t, a_t))²

The maximum is found by one step up the gradient, where the paper bounds it. The policy plays under
random changes of its observations, so that its actions vary. Discrete actions have one output each.

Reference: Zhang et al. 2020, Robust Sarsa, https://arxiv.org/abs/2003.08938, §3.5 and appendix
"""

from dataclasses import dataclass

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Float
from torch import Tensor, nn

from policyscope.policies.flips import is_discrete
from policyscope.policies.gradients import action_units
from policyscope.policies.policy import Policy
from policyscope.rollouts.rollouts import Rollouts

WIDTH, STEPS, BATCH, RATE = 64, 2000, 256, 1e-3
DISCOUNT, RADIUS, WEIGHT, TRACKING = 0.99, 0.1, 1.0, 0.01


class Critic(nn.Module):
    """Q(s, a) of normalised observations and of actions in half ranges."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, observations: Float[Tensor, " step feature"], inputs: int, outputs: int):
        super().__init__()
        self.register_buffer("mean", observations.mean(0))
        self.register_buffer("deviation", observations.std(0).clamp_min(1e-6))
        features = observations.shape[1] + inputs
        self.body = nn.Sequential(
            nn.Linear(features, WIDTH),
            nn.Tanh(),
            nn.Linear(WIDTH, WIDTH),
            nn.Tanh(),
            nn.Linear(WIDTH, outputs),
        )

    def forward(
        self,
        observations: Float[Tensor, " row feature"],
        actions: Float[Tensor, " row dimension"],
    ) -> Float[Tensor, " row output"]:
        """One value for each discrete action; or one, of these continuous actions."""
        normal = ((observations - self.mean) / self.deviation).clamp(-10, 10)
        return self.body(torch.cat([normal, actions], 1))


@dataclass(frozen=True, eq=False)
class _Steps:
    """All steps but the last of each episode have another behind them."""

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    goes_on: Tensor


def learned(policy: Policy, rollouts: Rollouts, seed: int) -> Critic:
    """A critic of a policy's steps; the same seed gives the same critic."""
    steps = _steps(policy, rollouts)
    discrete = is_discrete(policy)
    inputs = 0 if discrete else steps.actions.shape[1]
    outputs = int((policy.outputs or 0) if discrete else 1)
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad():
        torch.manual_seed(seed)
        critic = Critic(steps.observations, inputs, outputs)
        target = Critic(steps.observations, inputs, outputs)
        target.load_state_dict(critic.state_dict())
        optimiser = torch.optim.Adam(critic.parameters(), RATE)
        rng = np.random.default_rng(seed)
        for _ in range(STEPS):
            rows = torch.from_numpy(rng.integers(len(steps.rewards) - 1, size=BATCH))
            loss = _error(critic, target, steps, rows, discrete)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            for slow, fast in zip(target.parameters(), critic.parameters(), strict=True):
                slow.data.lerp_(fast.data, TRACKING)
    return critic.eval().requires_grad_(False)


def _steps(policy: Policy, rollouts: Rollouts) -> _Steps:
    goes_on = np.ones(len(rollouts.rewards), bool)
    goes_on[rollouts.first_steps + rollouts.lengths - 1] = False
    taken = rollouts.actions.reshape(len(goes_on), -1).astype(np.float32)
    actions = torch.from_numpy(taken)
    if isinstance(policy.action_space, spaces.Discrete):
        actions = actions - int(policy.action_space.start)
    else:
        actions = actions / action_units(policy).float()
    rewards = torch.from_numpy(rollouts.rewards).float()
    return _Steps(
        torch.from_numpy(rollouts.observations.astype(np.float32)),
        actions,
        (rewards - rewards.mean()) / rewards.std().clamp_min(1e-6)
        if bool(rollouts.truncated.all())
        else rewards / rewards.abs().mean().clamp_min(1e-6),
        torch.from_numpy(goes_on).float(),
    )


def _error(
    critic: Critic, target: Critic, steps: _Steps, rows: Tensor, discrete: bool
) -> Float[Tensor, ""]:
    """The loss of a batch of steps."""
    observations, actions = steps.observations[rows], steps.actions[rows]

    def of(network: Critic, at: Tensor, action: Tensor) -> Tensor:
        if discrete:
            return network(at, action[:, :0]).gather(1, action.long())[:, 0]
        return network(at, action)[:, 0]

    with torch.no_grad():
        following = of(target, steps.observations[rows + 1], steps.actions[rows + 1])
        wanted = steps.rewards[rows] + DISCOUNT * steps.goes_on[rows] * following
    here = of(critic, observations, actions)
    error = (here - wanted).square().mean()
    if discrete:
        return error
    moved = actions.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(of(critic, observations, moved).sum(), moved)
    around = of(critic, observations, actions - RADIUS * gradient.sign())
    return error + WEIGHT * (around - here.detach()).square().mean()
