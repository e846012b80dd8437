"""Bare state dicts of multilayer perceptrons, as `torch.save(module.state_dict(), path)` writes.

The linear layers are taken in the order of their names and numbers, those of critics and targets
are set aside, and what remains must chain from observations to scores:

| names | taken as |
|---|---|
| `actor.0`, `actor_mean.2`, `policy.net.0`, `pi.logits_net.0` … | logits or mean action |
| `q_network.0`, `q_net.0`, `qf.0` … | q-values |
| `network.0`, `fc1`, `layers.0`, `0` … with nothing else beside them | scores of an unknown kind |
| `action_scale`, `action_bias` | tanh, scaled (CleanRL's continuous actors) |

The activation is not in the file, and has to be given.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from policyscope.errors import ActivationUnknown, DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies import mlp
from policyscope.policies.file import CheckpointFile, Hints
from policyscope.policies.policy import FeedForward, Policy, Scores
from policyscope.policies.tensors import read_tensors
from policyscope.provenance import Checkpoint

_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_WRAPPERS = (
    "model_state_dict",
    "state_dict",
    "actor_state_dict",
    "policy_state_dict",
    "policy",
    "actor",
    "model",
)
_ACTOR = re.compile(r"(^|[._])(actor|policy|pi)(?=[._\d]|$)")
_VALUE = re.compile(
    r"(^|[._])(critics?|values?|v|vf|baseline|target|[qv]\w*_target|log_?std|fc_logstd)(?=[._\d]|$)"
)
_Q = re.compile(r"(^|[._])(q|qf|q_?net(work)?|q_?func(tion)?)(?=[._\d]|$)")


class StateDict:
    """Loader of bare state dicts."""

    format = "state dict"

    def recognises(self, file: CheckpointFile) -> bool:
        """Whether torch wrote it, as a zip with `data.pkl`, or as a pickle in older versions."""
        roots = {member.partition("/")[2] for member in file.members}
        zipped = "data.pkl" in roots and "constants.pkl" not in roots
        return zipped or file.head.startswith((_LEGACY, b"\x80"))

    def load(self, file: CheckpointFile, hints: Hints) -> Policy:
        """Rebuild the acting network. See `Loader.load`."""
        tensors = _tensors(read_tensors(file.path.read_bytes(), file.name), file.name)
        acting = _acting(tensors, file.name)
        activation = mlp.activation_named(hints.activation) if hints.activation else None
        checkpoint = Checkpoint(
            file=file.name,
            digest=file.digest,
            format=self.format,
            algorithm=None,
            library=None,
            architecture=mlp.architecture(acting.layers, activation),
            parameters=mlp.parameters(acting.layers),
            observations=f"({acting.inputs},)",
            actions=f"{acting.outputs} outputs",
            scores=acting.meaning or "logits or mean action, as the environment's actions tell",
            unknown=("activation",) * (activation is None)
            + ("bounds of the observations", "action space")
            + ("whether actions are squashed",) * (acting.meaning is None and not acting.final),
        )
        if activation is None:
            raise ActivationUnknown(
                f"{file.name} is a state dict, which does not record the activation between its "
                f"layers ({checkpoint.architecture}); give it, for example --activation tanh or "
                "--activation relu.",
                checkpoint,
            )
        log_std = next((t for n, t in tensors.items() if re.search(r"log_?std$", n)), None)
        constant = log_std is not None and log_std.numel() == acting.outputs
        return Policy(
            network=FeedForward(mlp.build(acting.layers, activation, *acting.final)).eval(),
            outputs=acting.outputs,
            observation_shape=(acting.inputs,),
            meaning=acting.meaning,
            spread=log_std.flatten().exp() if log_std is not None and constant else None,
            checkpoint=checkpoint,
        )


class TanhScaled(nn.Module):
    """tanh(x)·scale + bias: how CleanRL's continuous actors reach the action bounds."""

    scale: Tensor
    bias: Tensor

    def __init__(self, scale: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale.flatten().float())
        self.register_buffer("bias", bias.flatten().float())

    def forward(self, mean: Tensor) -> Tensor:
        """Actions in the environment's units."""
        return torch.tanh(mean) * self.scale + self.bias


@dataclass(frozen=True, eq=False)
class _Acting:
    """The part of the file that chooses actions."""

    layers: list[mlp.Layer]
    meaning: Scores | None
    final: tuple[nn.Module, ...]

    @property
    def inputs(self) -> int:
        return mlp.sizes(self.layers)[0]

    @property
    def outputs(self) -> int:
        return mlp.sizes(self.layers)[-1]


def _tensors(content: Any, file: str) -> dict[str, Tensor]:
    """The names and tensors inside, below the usual wrappers."""
    while isinstance(content, Mapping):
        inner = next((k for k in _WRAPPERS if isinstance(content.get(k), Mapping)), None)
        if inner is None:
            break
        content = content[inner]
    if not isinstance(content, Mapping):
        raise UnsupportedCheckpoint(
            f"{file} holds a {type(content).__name__}, not a state dict; save "
            "`torch.save(module.state_dict(), path)`."
        )
    tensors = {str(n): t for n, t in content.items() if isinstance(t, Tensor)}
    if not any(t.ndim == 2 for t in tensors.values()):
        raise UnsupportedCheckpoint(
            f"{file} holds no linear layers, only {', '.join(map(str, content)) or 'nothing'}; "
            "save `torch.save(module.state_dict(), path)`."
        )
    return tensors


def _acting(tensors: dict[str, Tensor], file: str) -> _Acting:
    strange = [n for n, t in tensors.items() if t.ndim > 2 or re.search(r"weight_(ih|hh)", n)]
    if strange:
        raise UnsupportedCheckpoint(
            f"{file} holds {strange[0]} of shape {tuple(tensors[strange[0]].shape)}: convolutions "
            "and recurrent layers cannot be rebuilt from a state dict yet."
        )
    bases = [
        n.removesuffix(".weight")
        for n, t in tensors.items()
        if n.endswith("weight") and t.ndim == 2
    ]
    actors = [base for base in bases if _ACTOR.search(base) and not _VALUE.search(base)]
    values = [base for base in bases if _Q.search(base) and not _VALUE.search(base)]
    others = [base for base in bases if not _VALUE.search(base)]
    chosen = actors or values or others
    layers = [(tensors[f"{base}.weight"], tensors.get(f"{base}.bias")) for base in chosen]
    widths = [(w.shape[1], w.shape[0]) for w, _ in layers]
    if not layers or any(a[1] != b[0] for a, b in zip(widths, widths[1:], strict=False)):
        raise DamagedCheckpoint(
            f"{file}: the layers {', '.join(chosen) or '(none)'} do not chain from observations to "
            "actions; save the acting network's state dict alone."
        )
    scaled = {"action_scale", "action_bias"} <= set(tensors)
    final = (TanhScaled(tensors["action_scale"], tensors["action_bias"]),) if scaled else ()
    meaning = Scores.MEAN_ACTION if scaled else Scores.Q_VALUES if chosen is values else None
    return _Acting(layers, meaning, final)
