"""Stable-Baselines3 zips of every generation, without stable-baselines3.

A zip holds `data`, a JSON in which each object appears twice: as a pickle, which is not read, and
as plain text, which is; and `policy.pth`, a state dict. The family of the algorithm is told by the
names of the tensors, the sizes by their shapes, spaces and keyword arguments by the text.

| family | acting layers | scores |
|---|---|---|
| PPO, A2C, TRPO | `mlp_extractor.policy_net`, `action_net` | logits or mean action |
| DQN | `q_net.q_net` | q-values |
| QR-DQN | `quantile_net.quantile_net`, averaged over quantiles | q-values |
| SAC, TQC | `actor.latent_pi`, `actor.mu`, tanh, scaled to the bounds | mean action |
| TD3, DDPG | `actor.mu`, tanh, scaled to the bounds | mean action |
| ARS | `action_net`, with tanh and scaling where it squashes | logits or mean action |

Source: the layouts of stable-baselines3 and sb3-contrib, 1.0rc0 to 2.9,
https://stable-baselines3.readthedocs.io/en/master/guide/save_format.html
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gymnasium import Space, spaces
from torch import Tensor, nn

from policyscope.errors import DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies import mlp
from policyscope.policies.archives import unpack
from policyscope.policies.file import CheckpointFile, Hints
from policyscope.policies.heads import QuantileMean, ToBounds
from policyscope.policies.policy import FeedForward, Policy, Scores, describe, outputs_needed
from policyscope.policies.sb3_spaces import read_actions, read_observations
from policyscope.policies.tensors import read_tensors
from policyscope.provenance import Checkpoint


class StableBaselines3:
    """Loader of what `model.save("model.zip")` writes."""

    format = "stable-baselines3 zip"

    def recognises(self, file: CheckpointFile) -> bool:
        """Whether the zip has the two members that every generation writes."""
        return {"data", "policy.pth"} <= set(file.members)

    def load(self, file: CheckpointFile, hints: Hints) -> Policy:
        """Rebuild the acting network. See `Loader.load`."""
        saved = _read(file)
        family = _family(saved)
        activation = (
            mlp.activation_named(hints.activation)
            if hints.activation
            else (saved.activation or family.activation)
        )
        layers = [layer for prefix in family.layers for layer in mlp.stack(saved.tensors, prefix)]
        body = mlp.build(layers, activation, *family.final(saved))
        _require_fitting(saved, family, mlp.sizes(layers), file.name)
        outputs = outputs_needed(saved.actions)
        log_std = saved.tensors.get("log_std")
        return Policy(
            network=FeedForward(body).eval(),
            outputs=outputs,
            observation_shape=saved.observations,
            action_space=saved.actions,
            meaning=family.meaning(saved.actions),
            spread=None if log_std is None or log_std.shape != (outputs,) else log_std.exp(),
            checkpoint=Checkpoint(
                file=file.name,
                digest=file.digest,
                format=self.format,
                algorithm=_algorithm(saved.data, family),
                library=saved.version,
                architecture=mlp.architecture(layers, activation),
                parameters=mlp.parameters(layers),
                observations=f"{saved.observations} {saved.observation_type}",
                actions=describe(saved.actions),
                scores=family.meaning(saved.actions),
                notices=_notices(saved.data),
            ),
        )


@dataclass(frozen=True, eq=False)
class _Saved:
    """The readable part of a zip."""

    data: dict[str, Any]
    tensors: dict[str, Tensor]
    version: str | None
    observations: tuple[int, ...]
    observation_type: str
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
class _Family:
    """Algorithms that share an acting network."""

    name: str
    mark: str
    """The beginning of a tensor's name that no family further down the table has."""
    layers: tuple[str, ...]
    activation: type[nn.Module]
    """The library's default."""
    final: Callable[[_Saved], list[nn.Module]]
    """What follows the last layer."""
    values: bool = False
    """Whether the scores are q-values."""
    quantiles: bool = False
    """Whether each action has several outputs."""

    def meaning(self, actions: Space) -> Scores:
        """What the scores mean."""
        if self.values:
            return Scores.Q_VALUES
        return Scores.MEAN_ACTION if isinstance(actions, spaces.Box) else Scores.LOGITS


def _squashed(saved: _Saved) -> list[nn.Module]:
    if not isinstance(saved.actions, spaces.Box):
        return []
    if not saved.actions.is_bounded():
        raise DamagedCheckpoint("This policy squashes its actions to bounds that are infinite.")
    return [*_clipped_mean(saved), nn.Tanh(), ToBounds(saved.actions)]


def _clipped_mean(saved: _Saved) -> list[nn.Module]:
    # gSDE wraps the mean in a Sequential with a Hardtanh, which shows in the tensor's name
    gsde = "actor.log_std" in saved.tensors and "actor.mu.0.weight" in saved.tensors
    limit = saved.keywords.get("clip_mean", 2.0)
    if not gsde:
        return []
    if not isinstance(limit, float | int) or not limit > 0:
        raise DamagedCheckpoint(f"This policy clips its mean to {limit}, which is no limit.")
    return [nn.Hardtanh(-limit, limit)]


def _squashed_if(default: bool) -> Callable[[_Saved], list[nn.Module]]:
    return lambda saved: _squashed(saved) if saved.says("squash_output", default) else []


def _ars(saved: _Saved) -> list[nn.Module]:
    return _squashed_if("ARSLinearPolicy" not in str(saved.data.get("policy_class")))(saved)


FAMILIES = (
    _Family(
        "QR-DQN",
        "quantile_net.quantile_net.",
        ("quantile_net.quantile_net",),
        nn.ReLU,
        lambda saved: [QuantileMean(outputs_needed(saved.actions))],
        values=True,
        quantiles=True,
    ),
    _Family("DQN", "q_net.q_net.", ("q_net.q_net",), nn.ReLU, lambda _: [], values=True),
    _Family("SAC", "actor.log_std", ("actor.latent_pi", "actor.mu"), nn.ReLU, _squashed),
    _Family("TD3", "actor.mu.", ("actor.mu",), nn.ReLU, _squashed),
    _Family(
        "PPO",
        "value_net.",
        ("mlp_extractor.shared_net", "mlp_extractor.policy_net", "action_net"),
        nn.Tanh,
        _squashed_if(False),
    ),
    _Family("ARS", "action_net.", ("action_net",), nn.ReLU, _ars),
)

_VERSION = "_stable_baselines3_version"
_NOT_YET = (
    ("features_extractor.", "a features extractor, as for images"),
    ("lstm_actor.", "memory"),
)


def _read(file: CheckpointFile) -> _Saved:
    members = unpack(file.content, file.name, "data", "policy.pth", _VERSION)
    try:
        data = json.loads(members["data"])
        version = members.get(_VERSION, b"").decode()
    except (ValueError, RecursionError) as error:
        raise DamagedCheckpoint(
            f"{file.name} looks like a stable-baselines3 zip, but its contents cannot be read "
            f"({error}); get a fresh copy."
        ) from error
    content = read_tensors(members["policy.pth"], f"policy.pth in {file.name}")
    if not isinstance(data, dict) or not isinstance(content, dict):
        raise DamagedCheckpoint(f"{file.name}: data or policy.pth is not a table of names.")
    observations, kind = read_observations(data.get("observation_space"), file.name)
    return _Saved(
        data=data,
        tensors={str(name): t for name, t in content.items() if isinstance(t, Tensor)},
        version=version.strip() or None,
        observations=observations,
        observation_type=kind,
        actions=read_actions(data.get("action_space"), file.name),
    )


def _require_fitting(saved: _Saved, family: _Family, widths: list[int], file: str) -> None:
    """The layers belong to the spaces beside them."""
    needed = outputs_needed(saved.actions)
    quantiles = widths[-1] // needed if family.quantiles and needed else 1
    discrete = isinstance(saved.actions, spaces.Discrete)
    fits = (widths[0], widths[-1]) == (math.prod(saved.observations), quantiles * needed)
    if not (fits and needed and quantiles and (discrete or not family.values)):
        raise DamagedCheckpoint(
            f"{file} holds layers of {' → '.join(map(str, widths))}, but observations of shape "
            f"{saved.observations} and {describe(saved.actions)}; it mixes different policies."
        )


def _family(saved: _Saved) -> _Family:
    for prefix, what in _NOT_YET:
        if any(prefix in name for name in saved.tensors):
            raise UnsupportedCheckpoint(
                f"This policy uses {what} (tensors {prefix}…); only multilayer perceptrons can be "
                "rebuilt from stable-baselines3 zips in this version."
            )
    extractor = str(saved.keywords.get("features_extractor_class", "FlattenExtractor"))
    if not re.search(r"\bFlattenExtractor\b", extractor):
        raise UnsupportedCheckpoint(
            f"This policy's features extractor is {extractor}, whose code is not in the file; only "
            "multilayer perceptrons on flat observations can be rebuilt."
        )
    for family in FAMILIES:
        if any(name.startswith(family.mark) for name in saved.tensors):
            return family
    raise UnsupportedCheckpoint(
        f"The tensors ({', '.join(list(saved.tensors)[:3])}, …) are not those of "
        f"{', '.join(family.name for family in FAMILIES)} or their relatives."
    )


def _algorithm(data: dict[str, Any], family: _Family) -> str:
    """The algorithm's own name, by what only it saves; the family's name otherwise."""
    policy = str(data.get("policy_class"))
    for name, saved_by in {
        "TRPO": "cg_max_steps" in data,
        "PPO": "clip_range" in data,
        "TQC": ".tqc." in policy,
        "DDPG": family.name == "TD3" and data.get("policy_delay") == 1,
        "A2C": family.name == "PPO",
    }.items():
        if saved_by:
            return name
    return family.name


def _notices(data: dict[str, Any]) -> tuple[str, ...]:
    # only on-policy algorithms inside a VecNormalize keep the observation before normalisation
    on_policy = "rollout_buffer_class" in data or "gae_lambda" in data or "n_delta" in data
    if on_policy and data.get("_last_original_obs") is not None:
        return (
            "The policy was trained behind a VecNormalize, whose statistics are in a file of their "
            "own: give it with --normalisation vecnormalize.pkl.",
        )
    return ()
