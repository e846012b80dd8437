"""The critics that lie beside an actor, told by the names and the widths of their layers.

| where | taken as |
|---|---|
| `critic.0`, `value_head`, `vf.2`, `critic_linear`, … in a state dict | V(s), by itself or behind the layers shared with the actor |
| `{policy_model: …, val_model: …}`, `{actor: …, critic: …}` | V(s) |
| CleanRL's `(actor, qf1, qf2)` | the least of Q(s, π(s)) |

A critic has to lead from what is seen, or from what the actor shares with it, to one number. What
does not is left aside, as are targets.
"""  # noqa: E501  rows of a table

import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from policyscope.errors import CheckpointError
from policyscope.policies import mlp
from policyscope.policies.networks import Judged
from policyscope.policies.policy import FeedForward

VALUE = re.compile(
    r"(^|[._])(critics?|memory_c|values?|v|vf|baseline|target|[qv]\w*_target|log_?std|fc_logstd)"
    r"(?=[._\d]|$)"
)
"""Names of what estimates values or spreads, and does not choose actions."""
_CRITIC = re.compile(r"(^|[._])(critics?|val(ues?)?|v|vf|baseline)(?=[._\d]|$)")
_OTHER = re.compile(r"target|std")


def estimates_values(name: str) -> bool:
    """Whether it is what a critic, or a part of one, is called."""
    return bool(_CRITIC.search(name)) and not _OTHER.search(name)


def of_states(
    tensors: Mapping[str, Tensor],
    inputs: int,
    activation: type[nn.Module] | None,
    shared: Sequence[mlp.Layer] = (),
) -> nn.Sequential | None:
    """The fully connected layers of a critic of states; None where there is none.

    Args:
        tensors: Names to tensors, as in a state dict.
        inputs: How many numbers the first layer takes.
        activation: What stands between layers; None where nobody knows.
        shared: Layers of the actor's that come before the critic's own.
    """
    own = {name: tensor for name, tensor in tensors.items() if estimates_values(name)}
    layers = _linear(own, mlp.sizes(shared)[-1] if shared else inputs)
    return _built([*shared, *layers], activation) if layers else None


def beside(content: Any) -> dict[str, Tensor]:
    """Tensors of the state dicts that lie side by side, under the names of both."""
    tables = content if isinstance(content, dict) else {}
    return {
        f"{name}.{inner}": tensor
        for name, table in tables.items()
        if isinstance(table, dict)
        for inner, tensor in _tensors(table).items()
    }


def of_actions(
    actor: nn.Module,
    state_dicts: Any,
    widths: tuple[int, int],
    activation: type[nn.Module] | None,
) -> nn.Module | None:
    """What CleanRL's critics, saved beside an actor, say of its action; None without any.

    Args:
        actor: (observations, memory) → (actions, memory), in the environment's units.
        state_dicts: The file's whole content.
        widths: How many numbers there are to see, and to do.
        activation: What stands between layers.
    """
    if not isinstance(state_dicts, tuple | list):
        return None
    tables = (_tensors(s) for s in state_dicts if isinstance(s, dict))
    found = (_linear(table, sum(widths)) for table in tables)
    critics = [_built(layers, activation) for layers in found if layers]
    sound = [critic for critic in critics if critic is not None]
    if not sound or len(sound) < len(critics):
        return None
    return Judged(actor, FeedForward(nn.Identity()), sound)


def _tensors(table: dict[Any, Any]) -> dict[str, Tensor]:
    return {str(name): tensor for name, tensor in table.items() if isinstance(tensor, Tensor)}


def _linear(tensors: Mapping[str, Tensor], width: int) -> list[mlp.Layer]:
    """All layers, in the file's order, where they lead from so many numbers to one; or none."""
    weights = {name: tensor for name, tensor in tensors.items() if name.endswith("weight")}
    if not weights or any(weight.ndim != 2 for weight in weights.values()):
        return []
    layers = [(t, tensors.get(n.removesuffix("weight") + "bias")) for n, t in weights.items()]
    taken = [weight.shape[1] for weight, _ in layers]
    given = [weight.shape[0] for weight, _ in layers]
    return layers if [*taken, 1] == [width, *given] else []


def _built(layers: list[mlp.Layer], activation: type[nn.Module] | None) -> nn.Sequential | None:
    if activation is None and len(layers) > 1:
        return None
    try:
        return mlp.build(layers, activation or nn.Identity)
    except CheckpointError:
        return None  # the actor is what was asked for
