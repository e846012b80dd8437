"""State dicts of image policies: convolutions, then linear layers, as CleanRL saves them.

Strides and the size of images are those of `layouts.py`. The activation between layers is not in
the file, and has to be given, unless `cleanrl.py` recognises the names.
"""

from dataclasses import replace

from torch import Tensor, nn

from policyscope.errors import ActivationUnknown, CheckpointError, UnsupportedCheckpoint
from policyscope.policies import cleanrl, critics, layouts, mlp, recurrent
from policyscope.policies.critics import VALUE
from policyscope.policies.file import CheckpointFile, Hints
from policyscope.policies.modules import Frames
from policyscope.policies.policy import Policy
from policyscope.policies.state_dict import ACTOR, StateDict, acting_tensors, activation_of
from policyscope.provenance import Checkpoint


class ConvolutionalStateDict:
    """Loader of bare state dicts that begin with convolutions."""

    format = "state dict with convolutions"

    def recognises(self, file: CheckpointFile) -> bool:
        """Whether torch wrote it, the strides of its convolutions are known, and nothing recurs."""
        if not StateDict().recognises(file):
            return False
        try:
            tensors = acting_tensors(file)
        except CheckpointError:
            return False  # the loader of state dicts says what is wrong with it
        weights = _weights(tensors)
        axes = [weight.ndim for weight in weights.values()]
        ordered = axes == sorted(axes, reverse=True) and set(axes) == {4, 2}
        return ordered and _layout(weights) is not None and not recurrent.prefixes(tensors)

    def load(self, file: CheckpointFile, hints: Hints) -> Policy:
        """Rebuild the acting network. See `Loader.load`."""
        tensors = acting_tensors(file)
        weights = _weights(tensors)
        linear = [(w, tensors.get(f"{n}.bias")) for n, w in weights.items() if w.ndim == 2]
        layout = _layout(weights)
        if layout is None:
            raise UnsupportedCheckpoint(f"{file.name} holds no convolutions of known strides.")
        images = [name for name, weight in weights.items() if weight.ndim == 4]
        convolutions = layouts.rebuilt(tensors, images, layout, mlp.sizes(linear)[0])
        head = cleanrl.head_of(tensors, file.saved, mlp.sizes(linear)[-1], file.name)
        known = cleanrl.layout_of(file.name, tensors)
        activation, unknown = activation_of(hints, known)
        meaning = head.meaning or (known.meaning if known else None)
        checkpoint = _described(file, convolutions, linear, head.outputs)
        checkpoint = replace(
            checkpoint,
            scores=meaning or checkpoint.scores,
            unknown=(*unknown, *checkpoint.unknown),
        )
        if activation is None:
            raise ActivationUnknown(
                f"{file.name} is a state dict, which does not record the activation between its "
                f"layers ({checkpoint.architecture}); give it, for example --activation relu.",
                checkpoint,
            )
        fully_connected = mlp.build(linear, activation, *head.modules)
        seeing = convolutions.modules(activation)
        shared = linear[: sum(w.ndim == 2 and not ACTOR.search(n) for n, w in weights.items())]
        critic = critics.of_states(tensors, mlp.sizes(linear)[0], activation, shared)
        return Policy(
            network=Frames(nn.Sequential(*seeing, fully_connected)).eval(),
            critic=None if critic is None else Frames(nn.Sequential(*seeing, critic)).eval(),
            outputs=head.outputs,
            observation_shape=convolutions.shape,
            meaning=meaning,
            takes_bytes=True,
            checkpoint=checkpoint,
        )


def _described(
    file: CheckpointFile, convolutions: layouts.Convolutions, linear: list[mlp.Layer], outputs: int
) -> Checkpoint:
    widths = mlp.sizes(linear)[1:]
    return Checkpoint(
        file=file.name,
        digest=file.digest,
        format=ConvolutionalStateDict.format,
        algorithm=None,
        library=None,
        architecture=" → ".join([*convolutions.words, *map(str, widths)]),
        parameters=convolutions.parameters + mlp.parameters(linear),
        observations=str(convolutions.shape),
        actions=f"{outputs} outputs",
        scores="logits or mean action, as the environment's actions tell",
        unknown=("action space", "scale of the images, taken as 1/255"),
    )


def _weights(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of what chooses actions, by the layer's name, in the file's order."""
    return {
        name.removesuffix(".weight"): tensor
        for name, tensor in tensors.items()
        if name.endswith(".weight") and not VALUE.search(name)
    }


def _layout(weights: dict[str, Tensor]) -> layouts.Layout | None:
    return layouts.layout_of([weight for weight in weights.values() if weight.ndim == 4])
