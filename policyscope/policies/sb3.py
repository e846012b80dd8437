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
| RecurrentPPO | `lstm_actor`, then as PPO | logits or mean action |

Before these come the convolutions of a `CnnPolicy`, or those of the images in the Dict of a
`MultiInputPolicy`, where the file says that they are the library's own. Images are scaled as the
library does it, and have their channels first.

Source: the layouts of stable-baselines3 and sb3-contrib, 1.0rc0 to 2.9,
https://stable-baselines3.readthedocs.io/en/master/guide/save_format.html
"""

import json
from typing import Any

from gymnasium import spaces
from torch import Tensor

from policyscope.errors import DamagedCheckpoint
from policyscope.policies import mlp, recurrent
from policyscope.policies.archives import unpack
from policyscope.policies.file import CheckpointFile, Hints
from policyscope.policies.policy import Policy, describe, outputs_needed
from policyscope.policies.quoting import first_line
from policyscope.policies.sb3_critics import critic_of
from policyscope.policies.sb3_families import Family, Saved, family_of, layers_of
from policyscope.policies.sb3_features import front
from policyscope.policies.sb3_spaces import described, read_actions, read_observations
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
        family = family_of(saved)
        activation = (
            mlp.activation_named(hints.activation)
            if hints.activation
            else (saved.activation or family.activation)
        )
        layers = layers_of(saved, family)
        body = mlp.build(layers, activation, *family.final(saved))
        before = front(saved, family)
        _require_fitting(saved, family, before.width, mlp.sizes(layers))
        network = before.before(body).eval()
        outputs = outputs_needed(saved.actions)
        log_std = saved.tensors.get("log_std")
        return Policy(
            network=network,
            critic=critic_of(saved, family, activation),
            outputs=outputs,
            observation_shape=saved.whole.shape,
            parts={key: part.shape for key, part in saved.parts.items()},
            action_space=saved.actions,
            meaning=family.meaning(saved.actions),
            memory_shapes=() if before.lstm is None else recurrent.memory_shapes(before.lstm),
            spread=None if log_std is None or log_std.shape != (outputs,) else log_std.exp(),
            checkpoint=Checkpoint(
                file=file.name,
                digest=file.digest,
                format=self.format,
                algorithm=_algorithm(saved.data, family),
                library=saved.version,
                architecture=" → ".join((*before.words, mlp.architecture(layers, activation))),
                parameters=sum(parameter.numel() for parameter in network.parameters()),
                observations=described(saved.parts or {"": saved.whole}),
                actions=describe(saved.actions),
                scores=family.meaning(saved.actions),
                notices=_notices(saved.data),
            ),
        )


_VERSION = "_stable_baselines3_version"


def _read(file: CheckpointFile) -> Saved:
    members = unpack(file.content, file.name, "data", "policy.pth", _VERSION)
    try:
        data = json.loads(members["data"])
        version = members.get(_VERSION, b"").decode()
    except (ValueError, RecursionError) as error:
        raise DamagedCheckpoint(
            f"{file.name} looks like a stable-baselines3 zip, but its contents cannot be read "
            f"({first_line(error)}); get a fresh copy."
        ) from error
    content = read_tensors(members["policy.pth"], f"policy.pth in {file.name}")
    if not isinstance(data, dict) or not isinstance(content, dict):
        raise DamagedCheckpoint(f"{file.name}: data or policy.pth is not a table of names.")
    whole, parts = read_observations(data.get("observation_space"), file.name)
    return Saved(
        file=file.name,
        data=data,
        tensors={str(name): t for name, t in content.items() if isinstance(t, Tensor)},
        version=version.strip() or None,
        whole=whole,
        parts=parts,
        actions=read_actions(data.get("action_space"), file.name),
    )


def _require_fitting(saved: Saved, family: Family, width: int, widths: list[int]) -> None:
    """The layers belong to what comes before them, and to the actions."""
    needed = outputs_needed(saved.actions)
    quantiles = widths[-1] // needed if family.quantiles and needed else 1
    discrete = isinstance(saved.actions, spaces.Discrete)
    fits = (widths[0], widths[-1]) == (width, quantiles * needed)
    if not (fits and needed and quantiles and (discrete or not family.values)):
        raise DamagedCheckpoint(
            f"{saved.file} holds layers of {' → '.join(map(str, widths))}, but {width} features of "
            f"observations of shape {saved.whole.shape}, and {describe(saved.actions)}; it mixes "
            "different policies."
        )


def _algorithm(data: dict[str, Any], family: Family) -> str:
    """The algorithm's own name, by what only it saves; the family's name otherwise."""
    policy = str(data.get("policy_class"))
    for name, saved_by in {
        "TRPO": "cg_max_steps" in data,
        "MaskablePPO": _masked(data),
        "RecurrentPPO": family.memory is not None,
        "PPO": "n_epochs" in data,
        "TQC": ".tqc." in policy,
        "DDPG": family.name == "TD3" and data.get("policy_delay") == 1,
        "A2C": family.name == "PPO",
    }.items():
        if saved_by:
            return name
    return family.name


def _masked(data: dict[str, Any]) -> bool:
    return "sb3_contrib.common.maskable." in str(data.get("policy_class"))


def _notices(data: dict[str, Any]) -> tuple[str, ...]:
    notices: list[str] = []
    # only on-policy algorithms inside a VecNormalize keep the observation before normalisation
    on_policy = "rollout_buffer_class" in data or "gae_lambda" in data or "n_delta" in data
    if on_policy and data.get("_last_original_obs") is not None:
        notices.append(
            "The policy was trained behind a VecNormalize, whose statistics are in a file of their "
            "own: give it with --normalisation vecnormalize.pkl."
        )
    if _masked(data):
        notices.append(
            "The policy was trained with masks of invalid actions, which are not applied here: it "
            "may choose actions that its training never let through."
        )
    return tuple(notices)
