"""Mind: what a learned adversary thinks, a Gaussian policy over vectors and a value beside it."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from policyscope.analyzers.subject import Subject

WIDTH = 64
SPREAD = -0.5
"""Logarithm of the first standard deviation of what it tries."""


class Mind(nn.Module):
    """From true observations to numbers that an attack makes a change of."""

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, observations: Float[Tensor, " step feature"], start: Float[Tensor, " output"]
    ) -> None:
        super().__init__()
        outputs = len(start)
        self.register_buffer("mean", observations.mean(0))
        self.register_buffer("deviation", observations.std(0).clamp_min(1e-6))
        self.outputs = outputs
        self.actor = _layers(observations.shape[1], outputs)
        self.critic = _layers(observations.shape[1], 1)
        self.spread = nn.Parameter(torch.full((outputs,), SPREAD))
        with torch.no_grad():
            last = self.actor[-1]
            assert isinstance(last, nn.Linear)  # noqa: S101  as `_layers` makes it
            last.weight.mul_(0.1)
            last.bias.copy_(start)

    @property
    def draws(self) -> int:
        """How many uniform numbers for every feature its tries need."""
        return math.ceil(self.outputs / len(self.mean))

    def forward(self, observations: Float[Tensor, " row feature"]) -> Float[Tensor, " row output"]:
        """What it thinks best."""
        return self.actor(self.normal(observations))

    def value(self, observations: Float[Tensor, " row feature"]) -> Float[Tensor, " row"]:
        """What it expects to gain."""
        return self.critic(self.normal(observations))[:, 0]

    def normal(self, observations: Float[Tensor, " row feature"]) -> Float[Tensor, " row feature"]:
        """Normalised observations."""
        return ((observations - self.mean) / self.deviation).clamp(-10, 10)

    def tries(self, draws: Float[Tensor, " row draw number"]) -> Float[Tensor, " row output"]:
        """Standard normal numbers from uniform ones: how far a try is from what it thinks best."""
        uniform = draws.flatten(1)[:, : self.outputs].clamp(1e-6, 1 - 1e-6)
        return torch.erfinv(2 * uniform - 1) * math.sqrt(2)

    def chosen(
        self,
        observations: Float[Tensor, " row feature"],
        draws: Float[Tensor, " row draw number"],
        exploring: bool,
    ) -> Float[Tensor, " row output"]:
        """What it thinks best, or a try near it."""
        best = self(observations)
        return best + self.spread.exp() * self.tries(draws) if exploring else best

    def likelihood(
        self, observations: Float[Tensor, " row feature"], chosen: Float[Tensor, " row output"]
    ) -> Float[Tensor, " row"]:
        """Logarithm of the density of a choice, without its constant."""
        away = (chosen - self(observations)) / self.spread.exp()
        return -(away.square() / 2 + self.spread).sum(1)


def fresh(
    observations: Float[Tensor, " step feature"], start: Float[Tensor, " output"], seed: int
) -> Mind:
    """A mind that has not practised, and thinks `start` best; the same seed gives the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Mind(observations, start)


def sees_vectors(subject: Subject) -> bool:
    """Whether a policy sees single vectors, as a mind does."""
    vectors = len(subject.policy.observation_shape or ()) == 1
    return vectors and subject.rollouts.frame_stack is None


def _layers(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, WIDTH),
        nn.Tanh(),
        nn.Linear(WIDTH, WIDTH),
        nn.Tanh(),
        nn.Linear(WIDTH, outputs),
    )
