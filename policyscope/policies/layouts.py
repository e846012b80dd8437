"""What leaves no trace in the weights of convolutions: strides, padding, the size of the images.

They are taken from the sizes of the filters, as in the networks that everybody uses, and checked:
the layer behind has to take as many numbers as they leave of images of one of the usual sizes.

| filters | strides | padding | images | networks |
|---|---|---|---|---|
| 8×8, 4×4, 3×3 | 4, 2, 1 | 0 | 84×84 | Mnih et al. 2015, https://doi.org/10.1038/nature14236 |
| 8×8, 4×4 | 4, 2 | 0 | 84×84 | Mnih et al. 2013, https://arxiv.org/abs/1312.5602 |
| four of 3×3 | 2 each | 1 | 42×42, 80×80, 84×84 | Pathak et al. 2017, https://arxiv.org/abs/1705.05363, and the A3C agents like theirs |
"""  # noqa: E501  rows of a table

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from policyscope.errors import UnsupportedCheckpoint
from policyscope.policies.filling import filled


@dataclass(frozen=True)
class Layout:
    """Convolutions with square filters, one behind the other."""

    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    padding: int
    sides: tuple[int, ...]
    """Heights and widths of the images that they are used for."""

    def leaves(self, side: int) -> int:
        """Height and width of what they leave of an image."""
        for size, stride in zip(self.sizes, self.strides, strict=True):
            side = (side + 2 * self.padding - size) // stride + 1
        return side


LAYOUTS = (
    Layout((8, 4, 3), (4, 2, 1), 0, (84,)),
    Layout((8, 4), (4, 2), 0, (84,)),
    Layout((3, 3, 3, 3), (2, 2, 2, 2), 1, (42, 80, 84)),
)


@dataclass(frozen=True, eq=False)
class Convolutions:
    """Rebuilt convolutions, and the images they see."""

    layers: list[nn.Conv2d]
    shape: tuple[int, int, int]
    """Channels, height and width."""

    def modules(self, activation: type[nn.Module]) -> list[nn.Module]:
        """The layers with an activation behind each, and what they leave in one row."""
        return [m for layer in self.layers for m in (layer, activation())] + [nn.Flatten()]

    @property
    def words(self) -> list[str]:
        """The images and the layers, for people."""
        filters = (f"{c.out_channels} of {'×'.join(map(str, c.kernel_size))}" for c in self.layers)
        return ["×".join(map(str, self.shape)), *filters]

    @property
    def parameters(self) -> int:
        """How many numbers the layers hold."""
        return sum(p.numel() for layer in self.layers for p in layer.parameters())


def layout_of(weights: Sequence[Tensor]) -> Layout | None:
    """The layout of convolutions with these weights (output, input, height, width), if known."""
    sizes = tuple(w.shape[2] for w in weights if w.ndim == 4 and w.shape[2] == w.shape[3])
    known = (layout for layout in LAYOUTS if layout.sizes == sizes)
    return next(known, None) if len(sizes) == len(weights) else None


def rebuilt(
    tensors: Mapping[str, Tensor], prefixes: Sequence[str], layout: Layout, width: int
) -> Convolutions:
    """The convolutions below these prefixes.

    Args:
        tensors: Names to tensors, as in a state dict.
        prefixes: For example `network.0`; its weight is `network.0.weight`.
        layout: What their weights do not say.
        width: How many numbers the layer behind takes.

    Raises:
        UnsupportedCheckpoint: If that is not what they leave of images of a usual size.
        DamagedCheckpoint: If they do not fit one another, or hold NaN or infinity.
    """
    first = channels = tensors[f"{prefixes[0]}.weight"].shape[1]
    layers: list[nn.Conv2d] = []
    for prefix, size, stride in zip(prefixes, layout.sizes, layout.strides, strict=True):
        filters, biased = tensors[f"{prefix}.weight"].shape[0], f"{prefix}.bias" in tensors
        layer = nn.Conv2d(
            channels, filters, size, stride, layout.padding, bias=biased, device="meta"
        )
        layers.append(filled(layer, tensors, prefix))
        channels = filters
    left = {channels * layout.leaves(side) ** 2: side for side in layout.sides}
    if width not in left:
        listed = " or ".join(f"{numbers} of {side}×{side}" for numbers, side in left.items())
        raise UnsupportedCheckpoint(
            f"The layer behind the convolutions takes {width} numbers, where the usual strides "
            f"leave {listed} pixels: strides or images are others, which a state dict does not "
            "record; save the whole module, or export it to ONNX."
        )
    return Convolutions(layers, (first, left[width], left[width]))
