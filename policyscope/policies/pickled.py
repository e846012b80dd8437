"""Whole pickled modules, read as data and rebuilt.

`torch.save(module, path)` stores a module's class by name; loading it would import and run that
code. Here the file is read as data, and the network rebuilt from torch's own layers inside.
"""

from collections.abc import Iterable
from typing import Any

from torch import nn

from policyscope.errors import ActivationUnknown, CheckpointError, UnsupportedCheckpoint
from policyscope.policies import mlp
from policyscope.policies.file import CheckpointFile, Hints
from policyscope.policies.modules import Frames, chain, critic_chain, is_module
from policyscope.policies.policy import FeedForward, Policy
from policyscope.policies.records import Record
from policyscope.policies.state_dict import StateDict
from policyscope.provenance import Checkpoint


class PickledModule:
    """Loader of `torch.save(module, path)`."""

    format = "pickled module"

    def recognises(self, file: CheckpointFile) -> bool:
        """Whether torch wrote it, and a module is in it."""
        if not StateDict().recognises(file):
            return False
        try:
            return _module(file.saved) is not None
        except CheckpointError:
            return False  # the loader of state dicts says what is wrong with it

    def load(self, file: CheckpointFile, hints: Hints) -> Policy:
        """Rebuild the layers. See `Loader.load`."""
        record = _module(file.saved)
        if record is None:
            raise UnsupportedCheckpoint(f"{file.name} holds no module.")
        layers = list(chain(record))
        weighted = [layer for layer in layers if list(layer.parameters())]
        if not weighted:
            raise UnsupportedCheckpoint(f"{file.name} holds a {record.origin} without layers.")
        first = weighted[0]
        inputs = first.in_features if isinstance(first, nn.Linear) else None
        images = inputs is None
        checkpoint = Checkpoint(
            file=file.name,
            digest=file.digest,
            format=self.format,
            algorithm=None,
            library=None,
            architecture=" → ".join(map(_described, layers)),
            parameters=sum(p.numel() for layer in weighted for p in layer.parameters()),
            observations="images" if images else f"({inputs},)",
            actions=f"{_width(weighted[-1])} outputs",
            scores="logits or mean action, as the environment's actions tell",
            unknown=("action space", f"what {record.origin} does besides its layers")
            + ("scale of the images, taken as 1/255",) * images,
        )
        seen = Frames if images else FeedForward
        body = _with_activations(layers, hints, checkpoint)
        critic = _critic(record, layers, hints, checkpoint)
        return Policy(
            network=seen(nn.Sequential(*body)).eval(),
            critic=seen(nn.Sequential(*critic)).eval() if critic else None,
            outputs=None if images else _width(weighted[-1]),
            observation_shape=None if inputs is None else (inputs,),
            takes_bytes=images,
            checkpoint=checkpoint,
        )


def _module(content: Any) -> Record | None:
    """The module, alone or first in what was saved beside it."""
    if is_module(content):
        return content
    values: Iterable[Any] = ()
    if isinstance(content, dict):
        values = content.values()
    elif isinstance(content, list | tuple):
        values = content
    return next((value for value in values if is_module(value)), None)


def _with_activations(
    layers: list[nn.Module], hints: Hints, checkpoint: Checkpoint
) -> list[nn.Module]:
    """Put the activation that was given where two weighted layers meet without one."""
    done: list[nn.Module] = []
    for layer in layers:
        if done and list(layer.parameters()) and list(done[-1].parameters()):
            if hints.activation is None:
                raise ActivationUnknown(
                    f"{checkpoint.file} applies an activation in code that is not in the file; "
                    "give it, for example --activation relu.",
                    checkpoint,
                )
            done.append(mlp.activation_named(hints.activation)())
        done.append(layer)
    return done


def _critic(
    record: Record, acting: list[nn.Module], hints: Hints, checkpoint: Checkpoint
) -> list[nn.Module]:
    """The layers of a critic of states, by itself or behind the actor's first; none without one."""
    try:
        own = list(critic_chain(record))
        widths = [(n.in_features, n.out_features) for n in own if isinstance(n, nn.Linear)]
        taken, given = [w for w, _ in widths], [w for _, w in widths]
        alone = len(widths) == sum(bool(list(layer.parameters())) for layer in own)
        if not widths or not alone or taken[1:] + [1] != given:
            return []
        shared = _leading_to(acting, taken[0])
        return [] if shared is None else _with_activations([*shared, *own], hints, checkpoint)
    except CheckpointError:
        return []  # the actor is what was asked for


def _leading_to(acting: list[nn.Module], width: int) -> list[nn.Module] | None:
    """What comes before a critic that takes so many numbers: nothing, or the first layers."""
    places = [place for place, layer in enumerate(acting) if list(layer.parameters())]
    first = acting[places[0]]
    if isinstance(first, nn.Linear) and first.in_features == width:
        return []
    for place, following in reversed(list(zip(places, places[1:], strict=False))):
        layer = acting[place]
        if isinstance(layer, nn.Linear) and layer.out_features == width:
            return acting[:following]
    return None


def _width(layer: nn.Module) -> int:
    match layer:
        case nn.Linear(out_features=width) | nn.Conv2d(out_channels=width):
            return width
    return 0


def _described(layer: nn.Module) -> str:
    match layer:
        case nn.Linear(in_features=inputs, out_features=outputs):
            return f"linear {inputs}→{outputs}"
        case nn.Conv2d(out_channels=channels, kernel_size=(height, width), stride=(step, _)):
            return f"{channels} of {height}×{width}/{step}"
    return type(layer).__name__
