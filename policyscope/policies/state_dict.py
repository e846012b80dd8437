"""Bare state dicts of multilayer perceptrons, as `torch.save(module.state_dict(), path)` writes.

The linear layers are taken in the file's order, those of critics and targets are set aside, and
what remains must chain from observations to scores:

| names | taken as |
|---|---|
| `actor.0`, `actor_mean.2`, `policy.net.0`, `pi.logits_net.0` … | logits or mean action |
| `q_network.0`, `q_net.0`, `qf.0` … | q-values |
| `network.0`, `fc1`, `layers.0`, `0` … with nothing else beside them | scores of an unknown kind |
| `shared.0`, `fc1` … before one of the first two | layers that come before it |
| `action_scale`, `action_bias`, `atoms` | what follows the last layer, see `cleanrl.py` |
| `log_std`, `actor_logstd`, `std` | the spread of a Gaussian |

The activation is not in the file, and has to be given, unless `cleanrl.py` recognises the names.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from policyscope.errors import (
    ActivationUnknown,
    CheckpointError,
    DamagedCheckpoint,
    UnsupportedCheckpoint,
)
from policyscope.policies import cleanrl, critics, mlp
from policyscope.policies.critics import VALUE
from policyscope.policies.file import CheckpointFile, Hints
from policyscope.policies.normalisation import applied, filter_inside
from policyscope.policies.policy import FeedForward, Policy, Scores
from policyscope.policies.records import Record, within
from policyscope.policies.safetensors import is_safetensors
from policyscope.policies.tensors import refusal, without_objects
from policyscope.provenance import Checkpoint

_WRAPPERS = (
    "model_state_dict",
    "model_weights",
    "state_dict",
    "actor_state_dict",
    "policy_state_dict",
    "policy_model",
    "policy",
    "actor",
    "model",
)
ACTOR = re.compile(r"(^|[._])(actor|policy|pi|action_(net|head|layer|mean))(?=[._\d]|$)")
_Q = re.compile(r"(^|[._])(q|qf|q_?net(work)?|q_?func(tion)?)(?=[._\d]|$)")
_STD = re.compile(r"(^|[._])(log_?)?std(ev)?$")
_REBUILD = "._rebuild_"
_HARMLESS = ("torch", "numpy", "collections", "persistent")
_NORMALISER = re.compile(r"norm|(^|[._])rms|running_mean|filter")
_OF_REWARDS = re.compile(r"grad|rew|ret_|return")


class StateDict:
    """Loader of bare state dicts."""

    format = "state dict"

    def recognises(self, file: CheckpointFile) -> bool:
        """Whether it is a zip with `data.pkl`, a pickle as of older versions, or safetensors."""
        roots = {member.partition("/")[2] for member in file.members}
        zipped = "data.pkl" in roots and "constants.pkl" not in roots
        return zipped or file.head.startswith(b"\x80") or is_safetensors(file.head)

    def load(self, file: CheckpointFile, hints: Hints) -> Policy:
        """Rebuild the acting network. See `Loader.load`."""
        whole = without_objects(file.saved, file.name)
        content, beside = unwrapped(whole)
        tensors = tensors_of(content, file.name)
        acting = _acting(tensors, whole, file.name)
        layout = cleanrl.layout_of(file.name, tensors)
        known, unknown = activation_of(hints, layout)
        activation = known
        if len(acting.layers) == 1:
            activation, unknown = nn.Identity, ()  # nothing stands between the layers of one
        meaning = acting.head.meaning or acting.meaning or (layout.meaning if layout else None)
        checkpoint = _described(file, acting, activation, meaning)
        checkpoint = replace(
            checkpoint,
            unknown=(*unknown, *checkpoint.unknown),
            notices=notices_of([*beside, *tensors]) + (layout.notices if layout else ()),
        )
        if activation is None:
            raise ActivationUnknown(
                f"{file.name} is a state dict, which does not record the activation between its "
                f"layers ({checkpoint.architecture}); give it, for example --activation tanh or "
                "--activation relu.",
                checkpoint,
            )
        network = FeedForward(mlp.build(acting.layers, activation, *acting.head.modules)).eval()
        policy = Policy(
            network=network,
            outputs=acting.head.outputs,
            observation_shape=(acting.inputs,),
            meaning=meaning,
            spread=spread_of(tensors, acting.head.outputs, file.name),
            critic=_critic(acting, network, tensors, whole, known),
            checkpoint=checkpoint,
        )
        normaliser = filter_inside(whole, acting.inputs, file.name)
        return policy if normaliser is None else applied(policy, normaliser)


@dataclass(frozen=True, eq=False)
class _Acting:
    """The part of the file that chooses actions."""

    layers: list[mlp.Layer]
    shared: list[mlp.Layer]
    """The first of them, which critics may share."""
    head: cleanrl.Head
    meaning: Scores | None
    unknown: tuple[str, ...]

    @property
    def inputs(self) -> int:
        return mlp.sizes(self.layers)[0]


def activation_of(
    hints: Hints, layout: cleanrl.Layout | None
) -> tuple[type[nn.Module] | None, tuple[str, ...]]:
    """The activation that was given, or that CleanRL's code has; and what is unknown about it."""
    if hints.activation:
        return mlp.activation_named(hints.activation), ()
    if layout is None:
        return None, ("activation",)
    return layout.activation, (layout.inferred,)


def _described(
    file: CheckpointFile,
    acting: _Acting,
    activation: type[nn.Module] | None,
    meaning: Scores | None,
) -> Checkpoint:
    return Checkpoint(
        file=file.name,
        digest=file.digest,
        format=StateDict.format,
        algorithm=None,
        library=None,
        architecture=mlp.architecture(acting.layers, activation),
        parameters=mlp.parameters(acting.layers),
        observations=f"({acting.inputs},)",
        actions=f"{acting.head.outputs} outputs",
        scores=meaning or "logits or mean action, as the environment's actions tell",
        unknown=("bounds of the observations", "action space")
        + ("whether actions are squashed",) * (meaning is None)
        + acting.unknown,
    )


def unwrapped(content: Any) -> tuple[Any, list[str]]:
    """What is below the usual wrappers, and the names of what lies beside it."""
    beside: list[str] = []
    if isinstance(content, tuple | list):
        content = cleanrl.actor_among(content) or content
    for _ in _WRAPPERS:  # no deeper than this, for a pickle can contain itself
        known = content if isinstance(content, dict) else {}
        inner = next((k for k in _WRAPPERS if isinstance(known.get(k), dict)), None)
        if inner is None:
            break
        beside += [str(key) for key in known if key != inner]
        content = known[inner]
    return content, beside


def acting_tensors(file: CheckpointFile) -> dict[str, Tensor]:
    """The names and tensors of the state dict in a file, below the usual wrappers."""
    content, _ = unwrapped(without_objects(file.saved, file.name))
    return tensors_of(content, file.name)


def tensors_of(content: Any, file: str) -> dict[str, Tensor]:
    """The names and tensors of a state dict."""
    if not isinstance(content, dict):
        raise _unusable(content, f"{file} holds a {type(content).__name__}, not a state dict", file)
    strange = [n for n, t in content.items() if isinstance(t, Record) and _REBUILD in t.origin]
    if strange:
        raise UnsupportedCheckpoint(
            f"{file} holds {strange[0]} as a quantised, sparse or otherwise special tensor; save "
            "ordinary ones."
        )
    tensors = {str(n): t for n, t in content.items() if isinstance(t, Tensor)}
    if not any(t.ndim == 2 for t in tensors.values()):
        listed = ", ".join(map(str, content)) or "nothing"
        raise _unusable(content, f"{file} holds no linear layers, only {listed}", file)
    return tensors


def _unusable(content: Any, said: str, file: str) -> CheckpointError:
    foreign = _outermost_foreign(content)
    if foreign is not None:
        return refusal(foreign, file)
    return UnsupportedCheckpoint(f"{said}; save `torch.save(module.state_dict(), path)`.")


def _outermost_foreign(content: Any) -> Record | None:
    records = (item for item in within(content) if isinstance(item, Record))
    return next((r for r in records if r.origin.partition(".")[0] not in _HARMLESS), None)


def _acting(tensors: dict[str, Tensor], whole: Any, file: str) -> _Acting:
    bases = [n.removesuffix("weight") for n, t in tensors.items() if t.ndim == 2 and _weighs(n)]
    inner = [base for base in bases if not VALUE.search(base)]
    actors = [base for base in inner if ACTOR.search(base)]
    values = [base for base in inner if _Q.search(base)]
    chosen = actors or values or inner
    _require_linear(tensors, bool(actors), file)
    before = [base for base in inner if base not in chosen and base not in values]
    shared = before if before and _chains(_layers(tensors, before + chosen)) else []
    layers = _layers(tensors, shared + chosen)
    if not layers or not _chains(layers):
        listed = ", ".join(base.rstrip(".") for base in chosen) or "(none)"
        raise DamagedCheckpoint(
            f"{file}: the layers {listed} do not chain from observations to actions; save the "
            "acting network's state dict alone."
        )
    return _Acting(
        layers,
        layers[: len(shared)],
        cleanrl.head_of(tensors, whole, layers[-1][0].shape[0], file),
        Scores.Q_VALUES if chosen is values else None,
        tuple(f"whether an activation follows {base.rstrip('.')}" for base in shared[-1:]),
    )


def _critic(
    acting: _Acting,
    network: nn.Module,
    tensors: dict[str, Tensor],
    whole: Any,
    activation: type[nn.Module] | None,
) -> nn.Module | None:
    """What estimates values: of states, behind the actor's layers or beside, or of its actions."""
    beside = critics.beside(whole)
    for held, shared in ((tensors, acting.shared), (tensors, []), (beside, [])):
        found = critics.of_states(held, acting.inputs, activation, shared)
        if found is not None:
            return FeedForward(found).eval()
    return critics.of_actions(network, whole, (acting.inputs, acting.head.outputs), activation)


def _weighs(name: str) -> bool:
    return name == "weight" or name.endswith(".weight")


def _layers(tensors: dict[str, Tensor], bases: list[str]) -> list[mlp.Layer]:
    return [(tensors[f"{base}weight"], tensors.get(f"{base}bias")) for base in bases]


def _chains(layers: list[mlp.Layer]) -> bool:
    pairs = zip(layers, layers[1:], strict=False)
    return all(first[0].shape[0] == second[0].shape[1] for first, second in pairs)


def _require_linear(tensors: dict[str, Tensor], actors: bool, file: str) -> None:
    """What chooses actions is made of linear layers only."""
    for name, tensor in tensors.items():
        known = VALUE.search(name) or _STD.search(name) or (actors and _Q.search(name))
        known = known or name in cleanrl.SCALED
        linear = (tensor.ndim == 2) == _weighs(name)
        if tensor.ndim > 2 or re.search(r"weight_(ih|hh)", name) or not (known or linear):
            raise UnsupportedCheckpoint(
                f"{file} holds {name} of shape {tuple(tensor.shape)}: convolutions, recurrent and "
                "normalising layers cannot be rebuilt from a state dict yet."
            )


def spread_of(tensors: dict[str, Tensor], outputs: int, file: str) -> Tensor | None:
    """Standard deviation of each action, where the file holds one that fits."""
    for name, tensor in tensors.items():
        found = _STD.search(name)
        if found is None or tensor.numel() != outputs:
            continue
        spread = tensor.flatten().float()
        spread = spread.exp() if found[2] else spread
        if not spread.isfinite().all():
            raise DamagedCheckpoint(f"{file} holds {name}, which is NaN or infinite.")
        return spread
    return None


def notices_of(names: list[str]) -> tuple[str, ...]:
    """Sentences about what these names hold and a loader does not use."""
    others = (n for n in names if not VALUE.search(n) and not _OF_REWARDS.search(n))
    found = [name for name in others if _NORMALISER.search(name)]
    if not found:
        return ()
    return (
        f"The file also holds {found[0]}, which was not used: if it normalised observations in "
        "training, export the policy to TorchScript with the normalisation inside.",
    )
