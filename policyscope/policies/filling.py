"""Layers filled with the tensors of a state dict, once those are known to fit."""

from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor, nn

from policyscope.errors import DamagedCheckpoint, UnsupportedCheckpoint

Kind = TypeVar("Kind", bound=nn.Module)


def filled(layer: Kind, tensors: Mapping[str, Tensor], prefix: str) -> Kind:
    """The layer with the tensors below a prefix as its parameters, in evaluation mode.

    Raises:
        DamagedCheckpoint: If one is missing, has another shape, or holds NaN or infinity.
        UnsupportedCheckpoint: If one holds complex numbers.
    """
    for name, own in list(layer.named_parameters()):
        tensor = tensors.get(f"{prefix}.{name}")
        if tensor is None or tensor.shape != own.shape:
            found = "is missing" if tensor is None else f"is of shape {tuple(tensor.shape)}"
            raise DamagedCheckpoint(
                f"{prefix}.{name} {found}, where its layer needs shape {tuple(own.shape)}; the "
                "file mixes parts of different networks."
            )
        if tensor.is_complex():
            raise UnsupportedCheckpoint(f"{prefix}.{name} holds complex numbers.")
        if not tensor.float().isfinite().all():
            raise DamagedCheckpoint(
                f"{prefix}.{name} holds weights that are NaN or infinite: the training had "
                "diverged when this was saved, so take an earlier checkpoint."
            )
        setattr(layer, name, nn.Parameter(tensor.float(), requires_grad=False))
    return layer.eval()
