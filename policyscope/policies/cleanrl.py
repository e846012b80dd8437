"""What marks a state dict as CleanRL's, and what CleanRL's code then says that the file does not.

CleanRL's agents are single files whose networks hardly ever change, so that names tell the code:

| what marks it | agent | activation | scores |
|---|---|---|---|
| `action_scale` and `action_bias` beside `fc_mu` or `fc_mean` | DDPG, TD3, SAC | ReLU | tanh(x)·scale + bias |
| `actor_mean.N` and `actor_logstd` beside `critic.N` | PPO, RPO | tanh | mean action |
| `atoms` beside `network.N` | C51 | ReLU | q-values: expectation over the atoms |
| `network.N` in a file named `*.cleanrl_model` | DQN, or PPO's for images | ReLU | q-values, or logits |
| `actor.N` and `critic.N` in a file named `*.cleanrl_model` | PPO | tanh | logits |

Files hold a state dict; a tuple of those of an actor and of its critics; or, as C51's,
`{"model_weights": state dict, "args": arguments}`.

Source: https://github.com/vwxyzjn/cleanrl, https://docs.cleanrl.dev/
"""  # noqa: E501  rows of a table

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from policyscope.errors import DamagedCheckpoint
from policyscope.policies.heads import Expectation, TanhScaled
from policyscope.policies.policy import Scores
from policyscope.policies.records import Record

SCALED = ("action_scale", "action_bias")
_MOST_ATOMS = 2**16
_LARGEST_RETURN = 2**63
_UNNORMALISED = (
    "CleanRL trains PPO and RPO of continuous actions on normalised observations, and saves no "
    "statistics of them: if this one was, its observations are not what it was trained on."
)


@dataclass(frozen=True)
class Layout:
    """What CleanRL's code says about a network with such names."""

    mark: str
    activation: type[nn.Module]
    meaning: Scores | None = None
    notices: tuple[str, ...] = ()

    @property
    def inferred(self) -> str:
        """The activation, and why it is taken."""
        return f"activation, taken as {self.activation.__name__} by CleanRL's names ({self.mark})"


@dataclass(frozen=True, eq=False)
class Head:
    """What follows the last layer."""

    modules: tuple[nn.Module, ...]
    outputs: int
    meaning: Scores | None = None


def layout_of(file: str, names: Iterable[str]) -> Layout | None:
    """The agent of CleanRL's that tensors of these names are, if they are one's."""
    first = {re.split(r"[.\d]", name)[0] for name in names}
    mean = sorted({"fc_mu", "fc_mean"} & {name.partition(".")[0] for name in names})
    named_so = file.endswith(".cleanrl_model")
    if mean and set(SCALED) <= first:
        return Layout(f"action_scale and {mean[0]}", nn.ReLU, Scores.MEAN_ACTION)
    if {"actor_mean", "actor_logstd", "critic"} <= first:
        mark = "actor_mean and actor_logstd"
        return Layout(mark, nn.Tanh, Scores.MEAN_ACTION, (_UNNORMALISED,))
    if {"atoms", "network"} <= first:
        return Layout("atoms and network", nn.ReLU, Scores.Q_VALUES)
    if named_so and "network" in first:
        return Layout("network", nn.ReLU, None if "actor" in first else Scores.Q_VALUES)
    if named_so and first == {"actor", "critic"}:
        return Layout("actor and critic", nn.Tanh)
    return None


def actor_among(state_dicts: Iterable[Any]) -> dict[str, Any] | None:
    """The actor's state dict, of those that a file holds beside one another."""
    actors = (s for s in state_dicts if isinstance(s, dict))
    return next((s for s in actors if {"fc_mu.weight", "fc_mean.weight"} & set(s)), None)


def head_of(tensors: Mapping[str, Tensor], saved: Any, outputs: int, file: str) -> Head:
    """What these tensors, and the arguments saved beside them, say of the last layer's outputs.

    Args:
        tensors: Names to tensors of the state dict.
        saved: The file's whole content.
        outputs: How many numbers the last layer gives.
        file: Its name, for messages.

    Raises:
        DamagedCheckpoint: If they do not fit.
    """
    if set(SCALED) <= set(tensors):
        scale, bias = (tensors[name] for name in SCALED)
        if any(t.numel() not in (1, outputs) or not t.isfinite().all() for t in (scale, bias)):
            raise DamagedCheckpoint(
                f"{file} scales its {outputs} actions by {scale.tolist()} and {bias.tolist()}, "
                "which does not fit."
            )
        return Head((TanhScaled(scale, bias),), outputs, Scores.MEAN_ACTION)
    atoms = _atoms(tensors, saved)
    if atoms is None:
        return Head((), outputs)
    if not atoms.numel() or outputs % atoms.numel() or not atoms.isfinite().all():
        raise DamagedCheckpoint(
            f"{file} holds {atoms.numel()} atoms, which do not divide the {outputs} outputs of its "
            "network, or are no numbers."
        )
    return Head((Expectation(atoms),), outputs // atoms.numel(), Scores.Q_VALUES)


def _atoms(tensors: Mapping[str, Tensor], saved: Any) -> Tensor | None:
    """The returns whose probabilities the network gives: those in the file, or as it was told."""
    if "atoms" in tensors:
        return tensors["atoms"].flatten().float()
    arguments = saved.get("args") if isinstance(saved, dict) else None
    if not isinstance(arguments, Mapping | Record):
        return None
    match [arguments.get(name) for name in ("v_min", "v_max", "n_atoms")]:
        case [int() | float() as low, int() | float() as high, int(number)] if (
            0 < number <= _MOST_ATOMS and abs(low) < _LARGEST_RETURN > abs(high)
        ):
            return torch.linspace(low, high, number)
    return None
