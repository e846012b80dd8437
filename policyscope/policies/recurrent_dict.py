"""State dicts of policies with an LSTM or a GRU: layers, the recurrent ones, linear layers.

The layers that stand directly before and behind the recurrent ones in the file, and fit them, are
the policy's; others, such as a critic or a feed-forward branch that was never used, are left aside.
Where none stands behind and all that stand before take what is remembered, as rsl_rl writes them,
they are behind it.

What is not in the file is taken as follows. Nothing stands between a linear layer and the recurrent
ones, and the activation between two linear layers is only asked for where there are two. Behind
convolutions, whose strides are those of `layouts.py`, an activation follows every layer up to the
recurrent ones, as in the A3C agents of pytorch-a3c and baby-a3c and in CleanRL's `ppo_atari_lstm`.
"""

import math
from dataclasses import dataclass

from torch import Tensor, nn

from policyscope.errors import ActivationUnknown, CheckpointError, UnsupportedCheckpoint
from policyscope.policies import critics, layouts, mlp, recurrent
from policyscope.policies.convolutions import Pixels
from policyscope.policies.critics import VALUE
from policyscope.policies.file import CheckpointFile, Hints
from policyscope.policies.normalisation import applied, filter_inside
from policyscope.policies.policy import Policy
from policyscope.policies.state_dict import (
    StateDict,
    acting_tensors,
    notices_of,
    spread_of,
)
from policyscope.provenance import Checkpoint


class RecurrentStateDict:
    """Loader of bare state dicts with an LSTM or a GRU."""

    format = "state dict with memory"

    def recognises(self, file: CheckpointFile) -> bool:
        """Whether torch wrote it, and an LSTM or a GRU is among its tensors."""
        if not StateDict().recognises(file):
            return False
        try:
            return bool(_names(acting_tensors(file)))
        except CheckpointError:
            return False  # the loader of state dicts says what is wrong with it

    def load(self, file: CheckpointFile, hints: Hints) -> Policy:
        """Rebuild the acting network. See `Loader.load`."""
        tensors = acting_tensors(file)
        parts = _parts(tensors, file.name)
        given = mlp.activation_named(hints.activation) if hints.activation else None
        activation = given or (None if parts.has_activations else nn.Identity)
        checkpoint = _described(file, parts, activation is None, notices_of([*tensors]))
        if activation is None:
            raise ActivationUnknown(
                f"{file.name} does not record the activation between its layers "
                f"({checkpoint.architecture}); give it, for example --activation tanh.",
                checkpoint,
            )
        policy = Policy(
            network=parts.network(activation),
            outputs=parts.outputs,
            observation_shape=parts.inputs,
            spread=spread_of(tensors, parts.outputs, file.name),
            memory_shapes=recurrent.memory_shapes(parts.memory),
            takes_bytes=parts.images is not None,
            critic=_critic(tensors, parts, given),
            checkpoint=checkpoint,
        )
        normaliser = filter_inside(file.saved, math.prod(parts.inputs), file.name)
        return policy if normaliser is None else applied(policy, normaliser)


@dataclass(frozen=True, eq=False)
class _Parts:
    """What chooses actions, from observations to scores."""

    images: layouts.Convolutions | None
    before: list[mlp.Layer]
    memory: recurrent.Layers
    behind: list[mlp.Layer]

    @property
    def inputs(self) -> tuple[int, ...]:
        """Shape of an observation."""
        if self.images is not None:
            return self.images.shape
        return (mlp.sizes(self.before)[0] if self.before else self.memory.input_size,)

    @property
    def outputs(self) -> int:
        return mlp.sizes(self.behind)[-1] if self.behind else self.memory.hidden_size

    @property
    def has_activations(self) -> bool:
        """Whether any stands between its layers."""
        return self.images is not None or max(len(self.before), len(self.behind)) > 1

    def network(self, activation: type[nn.Module]) -> nn.Module:
        body = mlp.build(self.behind, activation) if self.behind else nn.Identity()
        return self.ending_in(body, activation)

    def ending_in(self, body: nn.Module, activation: type[nn.Module]) -> nn.Module:
        """Another body behind the same memory."""
        return recurrent.Recurrent(self._features(activation), self.memory, body).eval()

    def _features(self, activation: type[nn.Module]) -> nn.Module:
        if self.images is None:
            return mlp.build(self.before, activation) if self.before else nn.Identity()
        seen = [nn.Unflatten(1, self.images.shape), Pixels(), *self.images.modules(activation)]
        last = [mlp.build(self.before, activation, activation())] if self.before else []
        return nn.Sequential(*seen, *last)


def _described(
    file: CheckpointFile, parts: _Parts, asking: bool, notices: tuple[str, ...]
) -> Checkpoint:
    images, memory = parts.images, parts.memory
    words = [
        *(map(str, parts.inputs) if images is None else images.words),
        *(weight.shape[0] for weight, _ in parts.before),
        *(f"{type(memory).__name__} of {memory.hidden_size}",) * memory.num_layers,
        *(weight.shape[0] for weight, _ in parts.behind),
    ]
    return Checkpoint(
        file=file.name,
        digest=file.digest,
        format=RecurrentStateDict.format,
        algorithm=None,
        library=None,
        architecture=" → ".join(map(str, words)),
        parameters=mlp.parameters([*parts.before, *parts.behind])
        + sum(parameter.numel() for parameter in memory.parameters())
        + (images.parameters if images else 0),
        observations=str(parts.inputs),
        actions=f"{parts.outputs} outputs",
        scores="logits or mean action, as the environment's actions tell",
        unknown=("activation",) * asking
        + ("action space", "whether an activation stands beside the memory")
        + ("scale of the images, taken as 1/255",) * (images is not None),
        notices=notices,
    )


def _critic(
    tensors: dict[str, Tensor], parts: _Parts, activation: type[nn.Module] | None
) -> nn.Module | None:
    """What estimates values behind the policy's own memory; None where it may stand elsewhere."""
    hidden = parts.memory.hidden_size
    elsewhere = any(VALUE.search(name) for name in recurrent.prefixes(tensors))
    if elsewhere or parts.inputs == (hidden,):
        return None
    body = critics.of_states(tensors, hidden, activation)
    return None if body is None else parts.ending_in(body, activation or nn.Identity)


def _names(tensors: dict[str, Tensor]) -> list[str]:
    """The recurrent layers or cells that are not a critic's."""
    names = [n for n in recurrent.prefixes(tensors) if not VALUE.search(n)]
    return [n for n in names if recurrent.kind_of(tensors, n) is not None]


def _parts(tensors: dict[str, Tensor], file: str) -> _Parts:
    name, memory = _memory(tensors, file)
    weighs = [n for n in tensors if n.endswith(".weight") and not VALUE.search(n)]
    _require_known(tensors, weighs)
    order = list(tensors)
    place = next(i for i, n in enumerate(order) if n.startswith(f"{name}."))
    linear = [n for n in weighs if tensors[n].ndim == 2]
    first = [_layer(tensors, n) for n in linear if order.index(n) < place]
    later = [_layer(tensors, n) for n in linear if order.index(n) > place]
    if not later and len(_chained(first, memory.hidden_size)) == len(first):
        first, later = [], first
    before = _leading(first, memory.input_size)
    behind = _chained(later, memory.hidden_size)
    if later and not behind:
        raise UnsupportedCheckpoint(
            f"{file}: the layer behind its memory takes {later[0][0].shape[1]} numbers, and the "
            f"memory gives {memory.hidden_size}; what joins them is not in a state dict, so "
            "export the policy to TorchScript."
        )
    width = before[0][0].shape[1] if before else memory.input_size
    return _Parts(_images(tensors, weighs, width), before, memory, behind)


def _memory(tensors: dict[str, Tensor], file: str) -> tuple[str, recurrent.Layers]:
    """The only recurrent layers, or the only cell, and its name."""
    names = _names(tensors)
    kind = recurrent.kind_of(tensors, names[0]) if names else None
    if len(names) != 1 or kind is None:
        raise UnsupportedCheckpoint(
            f"{file} holds {' and '.join(names) or 'no memory'}, where one LSTM or GRU was "
            "expected: how several are joined is not in a state dict; export the policy to "
            "TorchScript."
        )
    return names[0], recurrent.rebuilt(kind, tensors, names[0])


def _require_known(tensors: dict[str, Tensor], weighs: list[str]) -> None:
    """Layers are linear, behind convolutions of known strides or none."""
    images = [n for n in weighs if tensors[n].ndim == 4]
    known = not images or layouts.layout_of([tensors[n] for n in images]) is not None
    leading = weighs[: len(images)] == images
    strange = [n for n in weighs if tensors[n].ndim not in (2, 4)]
    strange += [] if known and leading else images
    if strange:
        raise UnsupportedCheckpoint(
            f"This policy holds {strange[0]} of shape {tuple(tensors[strange[0]].shape)} beside "
            "its memory, and only linear layers behind convolutions of known strides can be "
            "rebuilt from a state dict; export the policy to TorchScript."
        )


def _images(
    tensors: dict[str, Tensor], weighs: list[str], width: int
) -> layouts.Convolutions | None:
    names = [n.removesuffix(".weight") for n in weighs if tensors[n].ndim == 4]
    layout = layouts.layout_of([tensors[f"{name}.weight"] for name in names])
    return None if layout is None else layouts.rebuilt(tensors, names, layout, width)


def _leading(layers: list[mlp.Layer], width: int) -> list[mlp.Layer]:
    """The last layers, as far as each gives what the next takes and the last gives `width`."""
    taken: list[mlp.Layer] = []
    for layer in reversed(layers):
        if layer[0].shape[0] != width:
            break
        taken.insert(0, layer)
        width = layer[0].shape[1]
    return taken


def _chained(layers: list[mlp.Layer], width: int) -> list[mlp.Layer]:
    """The first layers, as far as the first takes `width` and each what the last one gives."""
    taken: list[mlp.Layer] = []
    for layer in layers:
        if layer[0].shape[1] != width:
            break
        taken.append(layer)
        width = layer[0].shape[0]
    return taken


def _layer(tensors: dict[str, Tensor], weight: str) -> mlp.Layer:
    return tensors[weight], tensors.get(weight.removesuffix("weight") + "bias")
