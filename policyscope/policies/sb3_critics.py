"""The critics that stable-baselines3 keeps beside an actor, and what they say a state is worth.

| family | layers | value |
|---|---|---|
| PPO, A2C, TRPO | `mlp_extractor.value_net`, `value_net` | V(s) |
| SAC, TD3, DDPG | `critic.qf0`, `critic.qf1`, … | the least of Q(s, π(s)) |
| TQC | the same, with quantiles | the mean of Q(s, π(s)) |
| RecurrentPPO | as PPO, behind the actor's LSTM or the linear `critic` | V(s, memory) |

Critics of actions know these as the policy gives them before they are scaled to the bounds. A
RecurrentPPO whose critic has an LSTM of its own, as is its default, has none here: what that
remembers is not among what the actor does.

Source: the policies of stable-baselines3 and sb3-contrib, 1.0rc0 to 2.9,
https://stable-baselines3.readthedocs.io/en/master/guide/custom_policy.html
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import count, takewhile

from torch import nn

from policyscope.errors import CheckpointError
from policyscope.policies import mlp
from policyscope.policies.networks import Judged
from policyscope.policies.sb3_families import Family, Saved, layers_of
from policyscope.policies.sb3_features import front


def critic_of(saved: Saved, family: Family, activation: type[nn.Module]) -> nn.Module | None:
    """What estimated values in training; None where there is none, or it cannot be rebuilt."""
    rebuilt = _CRITICS.get(family.name)
    try:
        return None if rebuilt is None else rebuilt(saved, family, activation)
    except CheckpointError:
        return None  # the actor is what was asked for


def _of_states(saved: Saved, family: Family, activation: type[nn.Module]) -> nn.Module:
    own = _valuing(saved, family)
    return front(saved, own).before(mlp.build(layers_of(saved, own), activation))


def _of_states_in_memory(
    saved: Saved, family: Family, activation: type[nn.Module]
) -> nn.Module | None:
    if _holds(saved, "lstm_critic"):
        return None
    if not _holds(saved, "critic"):
        return _of_states(saved, family, activation)
    own = replace(_valuing(saved, family), memory=None)
    first = mlp.build(mlp.stack(saved.tensors, "critic"), activation)
    rest = mlp.build(layers_of(saved, own), activation)
    return front(saved, own).before(nn.Sequential(first, rest))


def _valuing(saved: Saved, family: Family) -> Family:
    """The family with the layers of its critic in place of the actor's."""
    shared = not _holds(saved, "vf_features_extractor")
    return replace(
        family,
        layers=("mlp_extractor.shared_net", "mlp_extractor.value_net", "value_net"),
        features=family.features if shared else "vf_features_extractor",
    )


def _of_actions(saved: Saved, family: Family, activation: type[nn.Module]) -> nn.Module:
    *squashed, _to_bounds = family.final(saved)
    actor = mlp.build(layers_of(saved, family), activation, *squashed)
    names = takewhile(lambda name: _holds(saved, name), (f"critic.qf{i}" for i in count()))
    return Judged(
        front(saved, family).before(actor),
        front(saved, replace(family, features="critic.features_extractor")).before(nn.Identity()),
        [mlp.build(mlp.stack(saved.tensors, name), activation) for name in names],
    )


def _holds(saved: Saved, prefix: str) -> bool:
    return any(name.startswith(f"{prefix}.") for name in saved.tensors)


_CRITICS: dict[str, Callable[[Saved, Family, type[nn.Module]], nn.Module | None]] = {
    "PPO": _of_states,
    "RecurrentPPO": _of_states_in_memory,
    "SAC": _of_actions,
    "TD3": _of_actions,
}
