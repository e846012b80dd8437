"""Policy: the single view that everything else has of a trained network.

A policy maps a batch of observations, in the environment's own units, to *scores*, and says what
the scores mean. Everything differentiable that happens to an observation before the network is
inside it, so gradients and budgets are in the environment's units as well.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
import torch
from gymnasium import Space, spaces
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from policyscope.errors import EnvironmentMismatch
from policyscope.policies.networks import Largest, Memory, Rearranged
from policyscope.policies.observations import Parts, arrangement, flattened, parts_of
from policyscope.provenance import Checkpoint

MISFITS = (RuntimeError, IndexError, TypeError, torch.jit.Error)
"""What torch raises on observations of a shape that does not fit."""


class Scores(StrEnum):
    """What the numbers that a network puts out mean."""

    Q_VALUES = "q-values"
    LOGITS = "logits"
    MEAN_ACTION = "mean action"
    VALUE = "value"
    """Of the state, and of no action: what `Policy.valuing` answers with."""


class FeedForward(nn.Module):
    """A network without memory, behind the interface of one that has it."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Flatten each observation, apply the body, hand the memory on."""
        return self.body(observations.flatten(1).float()), memory


@dataclass(frozen=True, eq=False)
class Policy:
    """A trained network with the meaning of its inputs and outputs.

    What a file cannot say (its environment, often its action space) is None until
    `fitted_to` fills it in.
    """

    network: nn.Module
    """(observations, memory) → (scores, memory), in evaluation mode, with nothing to train."""
    outputs: int | None
    """How many scores there are; None where only a trial can tell."""
    checkpoint: Checkpoint
    """Where the policy came from."""
    observation_shape: tuple[int, ...] | None = None
    action_space: Space | None = None
    meaning: Scores | None = None
    spread: Float[Tensor, " output"] | None = None
    """Standard deviation of each action, where the policy is Gaussian and it is constant."""
    scale: Float[Tensor, " *observation"] | None = None
    """Standard deviation of each feature in training, where a normaliser recorded it."""
    memory_shapes: tuple[tuple[int, ...], ...] = ()
    """Shape of each memory tensor for one lane; empty for feed-forward policies."""
    differentiable: bool = True
    """Whether scores have a gradient with respect to observations."""
    takes_bytes: bool = False
    """Whether it was taken to see images of brightness 0 to 255, and to divide by that itself."""
    parts: Parts = field(default_factory=dict)
    """Shapes of what a flat observation consists of, by key; empty where it is one array."""
    critic: nn.Module | None = None
    """(observations, memory) → (values (batch, 1), memory), in the units of training's rewards,
    normalised where they were; None where the file holds none that can be rebuilt."""

    def scores(
        self, observations: Shaped[Tensor, " batch *observation"], memory: Memory = ()
    ) -> tuple[Float[Tensor, " batch output"], Memory]:
        """Scores of a batch of observations, and the memory after seeing them."""
        return self.network(observations, memory)

    def valuing(self) -> "Policy | None":
        """What this policy says the value of a state is, as a policy of one score.

        The largest q-value, or what the critic says; None where there is neither.
        """
        critic = Largest(self.network) if self.meaning is Scores.Q_VALUES else self.critic
        if critic is None:
            return None
        return replace(
            self,
            network=critic.eval(),
            outputs=1,
            action_space=None,
            meaning=Scores.VALUE,
            spread=None,
            critic=critic,
        )

    def values(
        self, observations: Shaped[Tensor, " batch *observation"], memory: Memory = ()
    ) -> Float[Tensor, " batch"] | None:
        """Values of a batch of observations, see `valuing`."""
        valuing = self.valuing()
        return None if valuing is None else valuing.scores(observations, memory)[0][:, 0]

    def behind(self, front: Callable[[nn.Module], nn.Module]) -> "Policy":
        """The same policy with something put before its network, and before its critic."""
        critic = None if self.critic is None else front(self.critic).eval()
        return replace(self, network=front(self.network).eval(), critic=critic)

    def initial_memory(self, lanes: int) -> Memory:
        """The memory with which an episode begins: zeros."""
        return tuple(torch.zeros(lanes, *shape) for shape in self.memory_shapes)

    def actions(
        self, scores: Float[Tensor, " batch output"]
    ) -> Shaped[np.ndarray, " batch *action"]:
        """The greedy action of each row, as the environment takes it.

        Largest score for discrete actions, one per group for multi-discrete ones, and the mean
        clipped to the action bounds for continuous ones.
        """
        match self.action_space:
            case spaces.Discrete():
                return scores.argmax(1).numpy() + self.action_space.start
            case spaces.MultiDiscrete():
                groups = scores.split(self.action_space.nvec.flatten().tolist(), dim=1)
                chosen = torch.stack([group.argmax(1) for group in groups], 1).numpy()
                return chosen.reshape(-1, *self.action_space.shape) + self.action_space.start
            case spaces.Box(low=low, high=high, shape=shape, dtype=dtype):
                return np.clip(scores.numpy().reshape(-1, *shape), low, high).astype(dtype)
        raise EnvironmentMismatch(
            f"{self.checkpoint.file} does not say what its {self.outputs} outputs do; "
            "fit it to an environment first."
        )

    def fitted_to(self, observations: Space, actions: Space, environment: str) -> "Policy":
        """The same policy with everything filled in that an environment knows.

        Observations that are no arrays are seen as flat vectors, see `observations.flattened`.

        Raises:
            EnvironmentMismatch: If its shapes are not the policy's.
        """
        if not isinstance(actions, spaces.Discrete | spaces.MultiDiscrete | spaces.Box):
            raise EnvironmentMismatch(
                f"{environment} takes actions {actions}, and only discrete, multi-discrete and "
                "continuous (Box) ones can be analysed."
            )
        _require_brightness(self, observations, environment)
        seeing = _seeing(self, observations, environment)
        outputs = self.outputs or _outputs_in_trial(seeing, environment)
        if outputs != outputs_needed(actions) or not _same_kind(self, actions):
            meant = f" ({self.meaning})" if self.meaning else ""
            known = describe(self.action_space) or f"{outputs} outputs{meant}"
            raise EnvironmentMismatch(
                f"The policy in {self.checkpoint.file} chooses among {known}, but {environment} "
                f"takes {describe(actions)}; name the environment that it was trained in."
            )
        continuous = isinstance(actions, spaces.Box)
        return replace(
            seeing,
            outputs=outputs,
            action_space=actions,
            meaning=self.meaning or (Scores.MEAN_ACTION if continuous else Scores.LOGITS),
        )


def outputs_needed(actions: Space) -> int:
    """How many scores a policy needs to choose one action of this space."""
    match actions:
        case spaces.Discrete():
            return int(actions.n)
        case spaces.MultiDiscrete():
            return int(actions.nvec.sum())
        case _:
            return int(np.prod(actions.shape or ()))


def describe(space: Space | None) -> str:
    """An action or observation space in a few plain words."""
    match space:
        case spaces.Discrete():
            return f"{space.n} discrete actions"
        case spaces.MultiDiscrete():
            return f"multi-discrete actions {tuple(space.nvec.tolist())}"
        case spaces.Box():
            low, high = np.unique(space.low), np.unique(space.high)
            bounds = f" in [{low[0]:g}, {high[0]:g}]" if len(low) == len(high) == 1 else ""
            return f"{'×'.join(map(str, space.shape)) or 'one'} {space.dtype} numbers{bounds}"
        case None:
            return ""
    return str(space)


def _same_kind(policy: Policy, actions: Space) -> bool:
    """Whether outputs of the right number can also be actions of this space."""
    match policy.action_space, actions:
        case spaces.MultiDiscrete(nvec=recorded), spaces.MultiDiscrete(nvec=nvec):
            return np.array_equal(recorded, nvec)
        case None, spaces.Box():
            return policy.meaning in (None, Scores.MEAN_ACTION)
        case None, _:
            return policy.meaning is not Scores.MEAN_ACTION
        case recorded, _:
            return isinstance(actions, type(recorded))


def _require_brightness(policy: Policy, observations: Space, environment: str) -> None:
    """Images are not divided by 255 twice."""
    if policy.takes_bytes and isinstance(observations, spaces.Box) and observations.high.max() <= 1:
        raise EnvironmentMismatch(
            f"The policy in {policy.checkpoint.file} divides its images by 255, but "
            f"{environment} gives numbers up to {observations.high.max():g}; let the environment "
            "give brightness from 0 to 255."
        )


def _seeing(policy: Policy, observations: Space, environment: str) -> Policy:
    """The policy as it takes an environment's observations, in the environment's order."""
    shape = flattened(observations, environment).shape
    if policy.observation_shape is None:
        return replace(policy, observation_shape=shape)
    given, taken = parts_of(observations), policy.parts
    if not given or not taken:
        given, taken = {"": shape}, {"": policy.observation_shape}
    order = arrangement(given, taken)
    if order is None:
        raise EnvironmentMismatch(
            f"The policy in {policy.checkpoint.file} takes observations of shape {_shapes(taken)}, "
            f"but {environment} gives {_shapes(given)}; name the environment that it was trained "
            "in."
        )
    if torch.equal(order, torch.arange(len(order))):
        return policy
    scale, inner = policy.scale, policy.observation_shape
    return replace(
        policy.behind(lambda network: Rearranged(network, order, inner)),
        observation_shape=shape,
        parts=given if policy.parts else {},
        scale=None if scale is None else scale.flatten()[order.argsort()].reshape(shape),
    )


def _shapes(parts: Parts) -> str:
    return ", ".join(f"{name} {shape}".strip() for name, shape in parts.items())


def _outputs_in_trial(policy: Policy, environment: str) -> int:
    """How many scores come out, from a trial that also shows whether rows stay apart."""
    shape = policy.observation_shape or ()
    batch = torch.linspace(-1, 1, 3 * int(np.prod(shape))).reshape(3, *shape)
    try:
        with torch.inference_mode():
            together, again = (_first_scores(policy, batch) for _ in range(2))
            apart = torch.cat([_first_scores(policy, row) for row in batch.split(1)])
    except MISFITS as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise EnvironmentMismatch(
            f"The policy in {policy.checkpoint.file} fails on observations of shape {shape}, which "
            f"{environment} gives ({reason}); name the environment that it was trained in."
        ) from error
    same = together.shape == apart.shape and torch.allclose(together, apart, 1e-3, 1e-4)
    if not same or not torch.equal(together, again):
        raise EnvironmentMismatch(
            f"The policy in {policy.checkpoint.file} answers differently when asked twice or in a "
            "batch: it keeps a state or mixes rows, and cannot be played yet."
        )
    return together.shape[1]


def _first_scores(policy: Policy, observations: Tensor) -> Tensor:
    """A row of scores for each observation, as at the beginning of an episode."""
    answer, _ = policy.network(observations, policy.initial_memory(len(observations)))
    if answer.ndim != 2:
        raise TypeError(f"it answers with shape {tuple(answer.shape)}, not a row for each")
    return answer
