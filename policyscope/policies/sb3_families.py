"""What a stable-baselines3 zip says of its policy, and the families of algorithms that it tells.

A family is told by the names of its tensors. It has its fully connected layers and its features
extractor under names of its own, and something of its own after the last layer.

Source: the policies of stable-baselines3 and sb3-contrib, 1.0rc0 to 2.9,
https://stable-baselines3.readthedocs.io/en/master/guide/custom_policy.html
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gymnasium import Space, spaces
from torch import Tensor, nn

from policyscope.errors import DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies import mlp
from policyscope.policies.heads import QuantileMean, ToBounds
from policyscope.policies.policy import Scores, outputs_needed
from policyscope.policies.sb3_spaces import Part


@dataclass(frozen=True, eq=False)
class Saved:
    """The readable part of a zip."""

    file: str
    data: dict[str, Any]
    tensors: dict[str, Tensor]
    version: str | None
    whole: Part
    """One observation as a policy sees it: an array, or the flat vector of a Dict."""
    parts: dict[str, Part]
    """What is in that vector, in the file's order; empty where observations are arrays."""
    actions: Space

    @property
    def keywords(self) -> dict[str, Any]:
        """`policy_kwargs`, as text and plain values."""
        keywords = self.data.get("policy_kwargs")
        return keywords if isinstance(keywords, dict) else {}

    @property
    def activation(self) -> type[nn.Module] | None:
        """The activation that was asked for, if one was."""
        asked = self.keywords.get("activation_fn")
        if asked is None:
            return None
        named = re.fullmatch(r"<class 'torch\.nn\.modules\.\w+\.(\w+)'>", str(asked))
        if named is None or named[1].lower() not in mlp.ACTIVATIONS:
            raise UnsupportedCheckpoint(
                f"This policy's activation is {asked}, which is not in the file; if it computes "
                f"what one of {', '.join(mlp.ACTIVATIONS)} does, give that one with --activation."
            )
        return mlp.activation_named(named[1])

    def says(self, keyword: str, otherwise: bool) -> bool:
        """A boolean keyword argument."""
        return str(self.keywords.get(keyword, otherwise)) == "True"


@dataclass(frozen=True)
class Family:
    """Algorithms that share an acting network."""

    name: str
    mark: str
    """The beginning of a tensor's name that no family further down the table has."""
    layers: tuple[str, ...]
    activation: type[nn.Module]
    """The library's default."""
    final: Callable[[Saved], list[nn.Module]]
    """What follows the last layer."""
    features: str = "features_extractor"
    """Where its convolutions are, if it has any."""
    memory: str | None = None
    """Where its LSTM is."""
    values: bool = False
    """Whether the scores are q-values."""
    quantiles: bool = False
    """Whether each action has several outputs."""

    def meaning(self, actions: Space) -> Scores:
        """What the scores mean."""
        if self.values:
            return Scores.Q_VALUES
        return Scores.MEAN_ACTION if isinstance(actions, spaces.Box) else Scores.LOGITS


def _squashed(saved: Saved) -> list[nn.Module]:
    if not isinstance(saved.actions, spaces.Box):
        return []
    if not saved.actions.is_bounded():
        raise DamagedCheckpoint("This policy squashes its actions to bounds that are infinite.")
    return [*_clipped_mean(saved), nn.Tanh(), ToBounds(saved.actions)]


def _clipped_mean(saved: Saved) -> list[nn.Module]:
    # gSDE wraps the mean in a Sequential with a Hardtanh, which shows in the tensor's name
    gsde = "actor.log_std" in saved.tensors and "actor.mu.0.weight" in saved.tensors
    limit = saved.keywords.get("clip_mean", 2.0)
    if not gsde:
        return []
    if not isinstance(limit, float | int) or not limit > 0:
        raise DamagedCheckpoint(f"This policy clips its mean to {limit}, which is no limit.")
    return [nn.Hardtanh(-limit, limit)]


def _squashed_if(default: bool) -> Callable[[Saved], list[nn.Module]]:
    return lambda saved: _squashed(saved) if saved.says("squash_output", default) else []


def _ars(saved: Saved) -> list[nn.Module]:
    return _squashed_if("ARSLinearPolicy" not in str(saved.data.get("policy_class")))(saved)


_ACTOR_CRITIC = ("mlp_extractor.shared_net", "mlp_extractor.policy_net", "action_net")

FAMILIES = (
    Family(
        "QR-DQN",
        "quantile_net.quantile_net.",
        ("quantile_net.quantile_net",),
        nn.ReLU,
        lambda saved: [QuantileMean(outputs_needed(saved.actions))],
        "quantile_net.features_extractor",
        values=True,
        quantiles=True,
    ),
    Family(
        "DQN",
        "q_net.q_net.",
        ("q_net.q_net",),
        nn.ReLU,
        lambda _: [],
        "q_net.features_extractor",
        values=True,
    ),
    Family(
        "SAC",
        "actor.log_std",
        ("actor.latent_pi", "actor.mu"),
        nn.ReLU,
        _squashed,
        "actor.features_extractor",
    ),
    Family("TD3", "actor.mu.", ("actor.mu",), nn.ReLU, _squashed, "actor.features_extractor"),
    Family(
        "RecurrentPPO",
        "lstm_actor.",
        _ACTOR_CRITIC,
        nn.Tanh,
        _squashed_if(False),
        memory="lstm_actor",
    ),
    Family("PPO", "value_net.", _ACTOR_CRITIC, nn.Tanh, _squashed_if(False)),
    Family("ARS", "action_net.", ("action_net",), nn.ReLU, _ars),
)


def family_of(saved: Saved) -> Family:
    """The family that these tensors belong to.

    Raises:
        UnsupportedCheckpoint: If there is none.
    """
    for family in FAMILIES:
        if any(name.startswith(family.mark) for name in saved.tensors):
            return family
    raise UnsupportedCheckpoint(
        f"The tensors ({', '.join(list(saved.tensors)[:3])}, …) are not those of "
        f"{', '.join(family.name for family in FAMILIES)} or their relatives."
    )


def layers_of(saved: Saved, family: Family) -> list[mlp.Layer]:
    """The fully connected layers of a family."""
    return [layer for prefix in family.layers for layer in mlp.stack(saved.tensors, prefix)]
