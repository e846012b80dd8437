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
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import Space, spaces
from torch import Tensor, nn

from policyscope.errors import DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies import mlp
from policyscope.policies.file import CheckpointFile, Hints
from policyscope.policies.policy import FeedForward, Policy, Scores, describe
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
        outputs = body(torch.zeros(1, mlp.sizes(layers)[0])).shape[1]
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
        named = re.search(r"activation\.(\w+)'", str(self.keywords.get("activation_fn", "")))
        return mlp.activation_named(named[1]) if named else None

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

    def meaning(self, actions: Space) -> Scores:
        """What the scores mean."""
        if self.values:
            return Scores.Q_VALUES
        return Scores.MEAN_ACTION if isinstance(actions, spaces.Box) else Scores.LOGITS


class ToBounds(nn.Module):
    """From [-1, 1] to the bounds of the actions, as squashing policies do."""

    low: Tensor
    width: Tensor

    def __init__(self, actions: spaces.Box) -> None:
        super().__init__()
        low, high = (torch.from_numpy(b.reshape(-1)).float() for b in (actions.low, actions.high))
        self.register_buffer("low", low)
        self.register_buffer("width", high - low)

    def forward(self, squashed: Tensor) -> Tensor:
        """Actions in the environment's units."""
        return self.low + 0.5 * (squashed + 1) * self.width


class QuantileMean(nn.Module):
    """The q-value of each action: the mean of its quantiles (Dabney et al. 2018)."""

    def __init__(self, actions: int) -> None:
        super().__init__()
        self.actions = actions

    def forward(self, quantiles: Tensor) -> Tensor:
        """From quantiles (batch, quantile × action) to q-values (batch, action)."""
        return quantiles.unflatten(1, (-1, self.actions)).mean(1)


def _squashed(saved: _Saved) -> list[nn.Module]:
    if not isinstance(saved.actions, spaces.Box):
        return []
    # gSDE wraps the mean in a Sequential with a Hardtanh, which shows in the tensor's name
    clipped = "actor.latent_pi.0.weight" in saved.tensors and "actor.mu.0.weight" in saved.tensors
    limit = float(saved.keywords.get("clip_mean", 2.0))
    return [*([nn.Hardtanh(-limit, limit)] if clipped else []), nn.Tanh(), ToBounds(saved.actions)]


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
        lambda saved: [QuantileMean(int(getattr(saved.actions, "n", 1)))],
        values=True,
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
    ("features_extractor.", "images"),
    ("lstm_actor.", "memory"),
)


def _read(file: CheckpointFile) -> _Saved:
    try:
        with zipfile.ZipFile(file.path) as archive:
            data = json.loads(archive.read("data"))
            weights = archive.read("policy.pth")
            version = archive.read(_VERSION).decode() if _VERSION in file.members else ""
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, zlib.error) as error:
        raise DamagedCheckpoint(
            f"{file.name} looks like a stable-baselines3 zip, but its contents cannot be read "
            f"({error}); get a fresh copy."
        ) from error
    tensors = read_tensors(weights, f"policy.pth in {file.name}")
    if not isinstance(data, dict) or not isinstance(tensors, dict):
        raise DamagedCheckpoint(f"{file.name}: data or policy.pth is not a table of names.")
    observations, kind = _observations(data.get("observation_space"), file.name)
    return _Saved(
        data=data,
        tensors=tensors,
        version=version.strip() or None,
        observations=observations,
        observation_type=kind,
        actions=_actions(data.get("action_space"), file.name),
    )


def _family(saved: _Saved) -> _Family:
    for prefix, what in _NOT_YET:
        if any(prefix in name for name in saved.tensors):
            raise UnsupportedCheckpoint(
                f"This policy uses {what} (tensors {prefix}…); only multilayer perceptrons can be "
                "rebuilt from stable-baselines3 zips in this version."
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
            "was trained behind a VecNormalize, whose statistics are in a file of their own: "
            "give it with --normalisation vecnormalize.pkl",
        )
    return ()


def _observations(space: Any, file: str) -> tuple[tuple[int, ...], str]:
    kind = _kind(space)
    if kind != "Box":
        raise UnsupportedCheckpoint(
            f"{file} observes a {kind} space; only arrays (Box) can be analysed."
        )
    shape = space.get("shape", space.get("_shape"))
    return tuple(int(size) for size in _numbers(shape)), str(space.get("dtype", "float32"))


def _actions(space: Any, file: str) -> Space:
    try:
        match _kind(space):
            case "Discrete":
                return spaces.Discrete(int(space["n"]), start=int(space.get("start", 0)))
            case "MultiDiscrete":
                return spaces.MultiDiscrete(_numbers(space["nvec"]).astype(np.int64))
            case "Box":
                low, high = (_numbers(space[bound]).astype(np.float32) for bound in ("low", "high"))
                return spaces.Box(low, high, dtype=np.float32)
            case kind:
                raise UnsupportedCheckpoint(
                    f"{file} acts in a {kind} space, which is not supported."
                )
    except (KeyError, TypeError, AssertionError) as error:
        raise DamagedCheckpoint(
            f"{file} describes its action space incompletely ({error})."
        ) from error


def _kind(space: Any) -> str:
    """`Box` from a space's recorded type, `<class 'gym.spaces.box.Box'>`."""
    text = space.get(":type:", "") if isinstance(space, dict) else ""
    return text.rpartition(".")[2].rstrip("'>") or "missing"


def _numbers(text: Any) -> np.ndarray:
    """Numbers from a list, or from an array printed as text."""
    words = re.findall(r"[-+]?(?:inf|\d+\.?\d*(?:e[-+]?\d+)?)", str(text))
    return np.array([float(word) for word in words])
