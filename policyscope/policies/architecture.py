"""Weights from a file, in an architecture that a person names.

Where a network's code is not in its file (`torch.save(module.state_dict(), path)`), they name
theirs: `package.module:name`, a class or function that builds the `nn.Module`. The file is read as
data like any other; of all the state dicts inside, bare, nested, in a pickled module or in a
stable-baselines3 zip, the one that fits is filled in, name by name and shape by shape.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from policyscope.errors import CheckpointError, DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies.archives import unpack
from policyscope.policies.file import CheckpointFile
from policyscope.policies.modules import is_module
from policyscope.policies.own_code import OwnModule, imported, module_of
from policyscope.policies.policy import Policy
from policyscope.policies.quoting import printable
from policyscope.policies.records import Record, within
from policyscope.policies.tensors import read_content
from policyscope.provenance import Checkpoint

_WRAPPED = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before every name."""
_LISTED = 3
_MODULES = 10_000
"""More than any network has inside."""


def filled(file: CheckpointFile, reference: str) -> Policy:
    """The policy of a network that a person names, with the weights in a file.

    Args:
        file: Anything that torch or safetensors wrote, or a stable-baselines3 zip.
        reference: The network: `package.module:name`.

    Raises:
        UsageError: If there is no such code, or it builds no network.
        CheckpointError: If the file holds no weights, or others than the network's.
    """
    network = module_of(imported(reference), reference)
    candidates = list(_state_dicts(_content(file)))
    if not candidates:
        raise UnsupportedCheckpoint(
            f"{file.name} holds no tensors by name, so there is nothing to fill {reference} with; "
            "save `torch.save(module.state_dict(), path)`."
        )
    own = network.state_dict()
    chosen = min(candidates, key=lambda tensors: _Difference.between(own, tensors).size)
    difference = _Difference.between(own, chosen)
    fitting = [c for c in candidates if not _Difference.between(own, c).size]
    if difference.size:
        raise CheckpointError(f"{file.name} does not fit {reference}: {difference}.")
    _require_finite(chosen, file.name)
    network.load_state_dict(chosen)
    return Policy(
        network=OwnModule(network).eval(),
        outputs=None,
        checkpoint=Checkpoint(
            file=file.name,
            digest=file.digest,
            format="weights for an architecture that was given",
            algorithm=None,
            library=None,
            architecture=f"{type(network).__name__} of {reference}",
            parameters=sum(parameter.numel() for parameter in network.parameters()),
            observations="not recorded",
            actions="not recorded",
            scores="logits or mean action, as the environment's actions tell",
            unknown=("observations", "actions", "whether scores are q-values or logits"),
            notices=_several(fitting),
        ),
    )


def _several(fitting: list[dict[str, Tensor]]) -> tuple[str, ...]:
    different = {tuple(id(tensors[name]) for name in sorted(tensors)) for tensors in fitting}
    if len(different) == 1:
        return ()
    return (f"{len(different)} state dicts in the file fit, and the first was taken.",)


@dataclass(frozen=True)
class _Difference:
    """Between the tensors that a network has and those that a file holds."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    shaped: tuple[str, ...]

    @classmethod
    def between(cls, own: Mapping[str, Tensor], held: Mapping[str, Tensor]) -> "_Difference":
        return cls(
            missing=tuple(name for name in own if name not in held),
            unexpected=tuple(name for name in held if name not in own),
            shaped=tuple(
                f"{name} is {tuple(held[name].shape)} where the network has {tuple(tensor.shape)}"
                for name, tensor in own.items()
                if name in held and tensor.shape != held[name].shape
            ),
        )

    @property
    def size(self) -> int:
        return len(self.missing) + len(self.unexpected) + len(self.shaped)

    def __str__(self) -> str:
        said = (
            ("it lacks", self.missing),
            ("the network has no", self.unexpected),
            ("", self.shaped),
        )
        return "; ".join(f"{words} {_listed(names)}".strip() for words, names in said if names)


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(map(printable, names[:_LISTED])) + more


def _content(file: CheckpointFile) -> Any:
    if "policy.pth" in file.members:
        return read_content(unpack(file.content, file.name, "policy.pth")["policy.pth"], file.name)
    return file.saved


def _state_dicts(content: Any) -> Iterator[dict[str, Tensor]]:
    """Everything in a file that could fill a network, the outermost first."""
    for item in within(content):
        if isinstance(item, Record) and is_module(item):
            yield dict(_inside(item))
        elif isinstance(item, dict):
            tensors = {str(n): t for n, t in item.items() if isinstance(t, Tensor)}
            if tensors:
                yield _unwrapped(tensors)


def _inside(module: Record) -> Iterator[tuple[str, Tensor]]:
    """What the state dict of a pickled module would hold."""
    level = [("", module)]
    for prefix, record in level:  # which grows on the way
        if len(level) > _MODULES:  # a pickle can contain itself
            return
        left = record.get("_non_persistent_buffers_set") or ()
        for part in ("_parameters", "_buffers"):
            for name, tensor in record.get(part).items():
                if isinstance(tensor, Tensor) and name not in left:
                    yield f"{prefix}{name}", tensor
        children = record.get("_modules").items()
        level += [(f"{prefix}{name}.", child) for name, child in children if is_module(child)]


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for wrapper in _WRAPPED:
        if all(name.startswith(wrapper) for name in tensors):
            return {name.removeprefix(wrapper): t for name, t in tensors.items()}
    return tensors


def _require_finite(tensors: Mapping[str, Tensor], file: str) -> None:
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise DamagedCheckpoint(
                f"{file} holds NaN or infinity in {printable(name)}: the training had diverged "
                "when this was saved, so take an earlier checkpoint."
            )
