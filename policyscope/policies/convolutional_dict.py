"""State dicts of image policies: convolutions, then linear layers, as CleanRL saves them.

Strides leave no trace in weights. They are taken from the sizes of the filters, as in the networks
that everybody uses, and checked: the first linear layer has to take as many numbers as they leave
of 84×84 pixels. The activation between layers is not in the file, and has to be given.

| filters | strides | network |
|---|---|---|
| 8×8, 4×4, 3×3 | 4, 2, 1 | Mnih et al. 2015, https://doi.org/10.1038/nature14236 |
| 8×8, 4×4 | 4, 2 | Mnih et al. 2013, https://arxiv.org/abs/1312.5602 |
"""

from torch import Tensor, nn

from policyscope.errors import ActivationUnknown, CheckpointError, UnsupportedCheckpoint
from policyscope.policies import mlp
from policyscope.policies.file import CheckpointFile, Hints
from policyscope.policies.filling import filled
from policyscope.policies.modules import Frames
from policyscope.policies.policy import Policy
from policyscope.policies.state_dict import VALUE, StateDict, acting_tensors
from policyscope.provenance import Checkpoint

STRIDES = {(8, 4, 3): (4, 2, 1), (8, 4): (4, 2)}
SIDE = 84


class ConvolutionalStateDict:
    """Loader of bare state dicts that begin with convolutions."""

    format = "state dict with convolutions"

    def recognises(self, file: CheckpointFile) -> bool:
        """Whether torch wrote it, and the strides of its convolutions are known."""
        if not StateDict().recognises(file):
            return False
        try:
            weights = _weights(acting_tensors(file))
        except CheckpointError:
            return False  # the loader of state dicts says what is wrong with it
        return _filters(weights) in STRIDES and all(w.ndim in (2, 4) for w in weights.values())

    def load(self, file: CheckpointFile, hints: Hints) -> Policy:
        """Rebuild the acting network. See `Loader.load`."""
        tensors = acting_tensors(file)
        weights = _weights(tensors)
        last, *_ = reversed(weights.values())
        first, *_ = weights.values()
        shape = (first.shape[1], SIDE, SIDE)
        layers = _layers(tensors, weights)
        checkpoint = Checkpoint(
            file=file.name,
            digest=file.digest,
            format=self.format,
            algorithm=None,
            library=None,
            architecture=" → ".join(["×".join(map(str, shape)), *map(_described, layers)]),
            parameters=sum(p.numel() for layer in layers for p in layer.parameters()),
            observations=str(shape),
            actions=f"{last.shape[0]} outputs",
            scores="logits or mean action, as the environment's actions tell",
            unknown=("activation",) * (hints.activation is None)
            + ("action space", "scale of the images, taken as 1/255"),
        )
        if hints.activation is None:
            raise ActivationUnknown(
                f"{file.name} is a state dict, which does not record the activation between its "
                f"layers ({checkpoint.architecture}); give it, for example --activation relu.",
                checkpoint,
            )
        activation = mlp.activation_named(hints.activation)
        modules: list[nn.Module] = []
        for before, layer in zip([None, *layers], layers, strict=False):
            modules += [activation()] if before is not None else []
            flat = isinstance(before, nn.Conv2d) and isinstance(layer, nn.Linear)
            modules += [nn.Flatten(), layer] if flat else [layer]
        return Policy(
            network=Frames(nn.Sequential(*modules)).eval(),
            outputs=last.shape[0],
            observation_shape=shape,
            checkpoint=checkpoint,
        )


def _weights(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of what chooses actions, by the layer's name, in the file's order."""
    return {
        name.removesuffix(".weight"): tensor
        for name, tensor in tensors.items()
        if name.endswith(".weight") and not VALUE.search(name)
    }


def _filters(weights: dict[str, Tensor]) -> tuple[int, ...]:
    """Sizes of the convolutions' filters; none where a linear layer stands before one."""
    convolutions = [w.ndim == 4 for w in weights.values()]
    if not any(convolutions) or convolutions != sorted(convolutions, reverse=True):
        return ()
    square = [w.shape[2] for w in weights.values() if w.ndim == 4 and w.shape[2] == w.shape[3]]
    return tuple(square) if len(square) == sum(convolutions) else ()


def _layers(tensors: dict[str, Tensor], weights: dict[str, Tensor]) -> list[nn.Conv2d | nn.Linear]:
    strides = iter(STRIDES[_filters(weights)])
    layers: list[nn.Conv2d | nn.Linear] = []
    side, width = SIDE, next(iter(weights.values())).shape[1]
    for name, weight in weights.items():
        biased = f"{name}.bias" in tensors
        if weight.ndim == 4:
            stride, size = next(strides), weight.shape[2]
            layer = nn.Conv2d(width, weight.shape[0], size, stride, bias=biased, device="meta")
            side = (side - size) // stride + 1
        else:
            inputs = width if layers and isinstance(layers[-1], nn.Linear) else width * side**2
            if weight.shape[1] != inputs:
                raise UnsupportedCheckpoint(
                    f"{name} takes {weight.shape[1]} numbers, where the usual strides leave "
                    f"{inputs} of {SIDE}×{SIDE} pixels: strides or images are others, which a "
                    "state dict does not record; save the whole module, or export it to ONNX."
                )
            layer = nn.Linear(inputs, weight.shape[0], biased, device="meta")
        layers.append(filled(layer, tensors, name))
        width = weight.shape[0]
    return layers


def _described(layer: nn.Conv2d | nn.Linear) -> str:
    if isinstance(layer, nn.Linear):
        return str(layer.out_features)
    return f"{layer.out_channels} of {layer.kernel_size[0]}×{layer.kernel_size[1]}"
