"""Proximal policy optimisation of an adversary, whole episodes at a time, on the loop all play in.

    max_θ E[min(r A, clip(r, 1 ± 0.2) A)],   r = π_θ(z|s) / π_old(z|s),   A by GAE(γ, λ)

What the adversary tried is not handed around: its numbers come from (seed, purpose, episode), and
are drawn once more. The best it was while training is what it is.

References: Schulman et al. 2017, https://arxiv.org/abs/1707.06347; Schulman et al. 2016,
https://arxiv.org/abs/1506.02438 (GAE)
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.seeds import another_seed, generator
from policyscope_attacks.mind import Mind
from policyscope_attacks.standing_between import StandingBetween

DISCOUNT, SMOOTHING, CLIP = 0.99, 0.95, 0.2
EPOCHS, MINIBATCH, RATE, STEEPEST = 10, 1024, 3e-3, 0.5
PATIENCE = 15
"""Iterations without a better one after which practice ends."""

Playing = Callable[[Mind, int], Rollouts]
"""Episodes in which a mind tries things, by their seed."""


@dataclass(frozen=True, eq=False)
class Practice:
    """How an adversary is trained."""

    play: Playing
    sees: Callable[[Rollouts], Float[Tensor, " step feature"]]
    """What the mind saw in each step."""
    gains: Callable[[Rollouts], Float[np.ndarray, " step"]]
    """The adversary's reward of each step."""
    iterations: int
    """At most; it ends when nothing has got better for a while."""
    seed: int
    purpose: str = StandingBetween.purpose
    """Of what the mind's tries are drawn for."""


@dataclass(frozen=True, eq=False)
class Trained:
    """What has come of practice."""

    mind: Mind
    """As good as it ever was."""
    level: float
    """What it gained then, in an episode."""


def trained(mind: Mind, practice: Practice) -> Trained:
    """The mind after practice."""
    best, highest, since = mind, -np.inf, 0
    with torch.inference_mode(False), torch.enable_grad():
        # one that has practised before was frozen then
        mind = copy.deepcopy(mind).requires_grad_()
        optimiser = torch.optim.Adam(mind.parameters(), RATE)
        rng = np.random.default_rng(practice.seed)
        worth: _Worth | None = None
        for iteration in range(practice.iterations):
            seed = another_seed(practice.seed, "practice", iteration)
            rollouts = practice.play(mind, seed)
            gains = practice.gains(rollouts)
            level = float(np.add.reduceat(gains, rollouts.first_steps).mean())
            since += 1
            if level > highest:
                best, highest, since = copy.deepcopy(mind), level, 0
            if since == PATIENCE:
                break
            _set_rate(optimiser, RATE * (1 - iteration / practice.iterations))
            worth = worth or _Worth.of(gains, rollouts)
            tried = _Tried(
                rollouts,
                practice.sees(rollouts),
                _drawn_again(mind, rollouts, seed, practice.purpose),
            )
            _improve(mind, optimiser, _batch(mind, tried, gains, worth), rng)
    return Trained(best.eval().requires_grad_(False), highest)


@dataclass(frozen=True)
class _Worth:
    """What states are worth at first, so that a fresh critic begins there and not at zero."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, gains: Float[np.ndarray, " step"], rollouts: Rollouts) -> "_Worth":
        worth = gains.copy()
        lasts = set((rollouts.first_steps + rollouts.lengths - 1).tolist())
        for step in range(len(worth) - 2, -1, -1):
            if step not in lasts:
                worth[step] += DISCOUNT * worth[step + 1]
        return cls(float(worth.mean()), float(worth.std()) + 1e-8)


@dataclass(frozen=True, eq=False)
class _Tried:
    """What the mind tried."""

    rollouts: Rollouts
    seen: Float[Tensor, " step feature"]
    draws: Float[Tensor, " step draw number"]


@dataclass(frozen=True, eq=False)
class _Batch:
    observations: Tensor
    chosen: Tensor
    likelihood: Tensor
    advantages: Tensor
    returns: Tensor


def _batch(mind: Mind, tried: _Tried, gains: Float[np.ndarray, " step"], worth: _Worth) -> _Batch:
    observations = tried.seen
    with torch.no_grad():
        chosen = mind.chosen(observations, tried.draws, exploring=True)
        values = mind.value(observations).numpy() * worth.deviation + worth.mean
        advantages = _advantages(gains, values, tried.rollouts)
        likelihood = mind.likelihood(observations, chosen)
    returns = torch.from_numpy((advantages + values - worth.mean) / worth.deviation).float()
    normal = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    return _Batch(observations, chosen, likelihood, torch.from_numpy(normal).float(), returns)


def _drawn_again(
    mind: Mind, rollouts: Rollouts, seed: int, purpose: str
) -> Float[Tensor, " step draw number"]:
    """The numbers that were drawn in each step, as many of them as are used."""
    size = int(np.prod(rollouts.observations.shape[1:]))
    used = min(size, mind.outputs)
    drawn = []
    for episode, length in enumerate(rollouts.lengths.tolist()):
        rng = generator(seed, purpose, episode)
        for _ in range(length):
            # of images most are not used, and all together would take gigabytes
            drawn.append(rng.random((mind.draws, size), np.float32)[:, :used].copy())
    return torch.from_numpy(np.stack(drawn))


def _advantages(
    gains: Float[np.ndarray, " step"], values: Float[np.ndarray, " step"], rollouts: Rollouts
) -> Float[np.ndarray, " step"]:
    """Generalised advantages; what a time limit cuts off is taken to be like the last state."""
    found = np.zeros_like(values)
    ends = rollouts.first_steps + rollouts.lengths
    for first, end, cut in zip(rollouts.first_steps, ends, rollouts.truncated, strict=True):
        following, advantage = (values[end - 1] if cut else 0.0), 0.0
        for step in range(end - 1, first - 1, -1):
            error = gains[step] + DISCOUNT * following - values[step]
            advantage = error + DISCOUNT * SMOOTHING * advantage
            found[step], following = advantage, values[step]
    return found


def _improve(
    mind: Mind, optimiser: torch.optim.Optimizer, batch: _Batch, rng: np.random.Generator
) -> None:
    for _ in range(EPOCHS):
        order = torch.from_numpy(rng.permutation(len(batch.returns)))
        for rows in order.split(MINIBATCH):
            here = batch.observations[rows]
            ratio = (mind.likelihood(here, batch.chosen[rows]) - batch.likelihood[rows]).exp()
            advantage = batch.advantages[rows]
            gain = torch.minimum(ratio * advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * advantage)
            error = (mind.value(here) - batch.returns[rows]).square()
            optimiser.zero_grad()
            (0.5 * error - gain).mean().backward()
            torch.nn.utils.clip_grad_norm_(mind.parameters(), STEEPEST)
            optimiser.step()


def _set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate
