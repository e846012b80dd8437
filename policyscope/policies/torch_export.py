"""torch.export programs: graphs of torch's operators, rebuilt after all were checked.

`torch.export.load` unpickles parts of the file and evaluates others as text, so it is not used. The
archive is read as data (`torch_export_reading`), every operator is held against the list of
arithmetic that TorchScript is held against (`torch_export_steps`), and the steps are taken here
(`torch_export_network`), so that scores have gradients. They are taken first with tensors that have
shapes and no numbers: a graph that would make too many ends there.
"""

from collections.abc import Iterable
from dataclasses import replace

from torch import Tensor

from policyscope.errors import CheckpointError, DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies.file import CheckpointFile, Hints
from policyscope.policies.policy import Policy
from policyscope.policies.quoting import printable
from policyscope.policies.torch_export_network import ExportedNetwork, built
from policyscope.policies.torch_export_reading import (
    Archive,
    damaged,
    looks_exported,
    read_archive,
)
from policyscope.policies.torch_export_signature import signed
from policyscope.provenance import Checkpoint


class TorchExport:
    """Loader of `torch.export.save` archives."""

    format = "torch.export program"

    def recognises(self, file: CheckpointFile) -> bool:
        """Whether a graph lies where torch puts it."""
        return looks_exported(file.members)

    def load(self, file: CheckpointFile, hints: Hints) -> Policy:
        """Check the graph and rebuild it. See `Loader.load`."""
        del hints
        archive = read_archive(file.content, file.name)
        _require_finite(archive.tensors.values(), file.name)
        try:
            signature = signed(archive.program, archive.tensors, file.name)
            network, outputs, gradient = built(signature, file.name)
        except CheckpointError:
            raise
        except Exception as error:  # JSON may describe anything
            raise damaged(error, file.name) from error
        described = _described(file, archive, network, outputs)
        return Policy(
            network=network.eval(),
            outputs=outputs,
            observation_shape=network.wiring.observation.lane,
            memory_shapes=tuple(port.lane or () for port in network.wiring.states),
            differentiable=gradient,
            checkpoint=replace(described, notices=signature.heard + _NO_GRADIENT * (not gradient)),
        )


_NO_GRADIENT = ("Its scores have no gradient, for none of its steps passes one on.",)


def _described(
    file: CheckpointFile, archive: Archive, network: ExportedNetwork, outputs: int
) -> Checkpoint:
    observation, states = network.wiring.observation, network.wiring.states
    numbers = sum(t.numel() for t in archive.tensors.values() if t.is_floating_point())
    return Checkpoint(
        file=file.name,
        digest=file.digest,
        format=TorchExport.format,
        algorithm=None,
        library=printable(f"torch {archive.program.get('torch_version', '')}"),
        architecture=f"program of {', '.join(sorted(network.graph.operators))}",
        parameters=numbers,
        observations=f"{observation.lane} {str(observation.type).removeprefix('torch.')}",
        actions=f"{outputs} outputs",
        scores="logits or mean action, as the environment's actions tell",
        unknown=(
            "bounds of the observations",
            "action space",
            "whether scores are q-values or logits",
        )
        + ("whether memory begins at zero",) * bool(states),
    )


def _require_finite(tensors: Iterable[Tensor], file: str) -> None:
    for tensor in tensors:
        if tensor.is_complex():
            raise UnsupportedCheckpoint(f"{file} holds complex numbers.")
        if tensor.isnan().any() or (tensor.ndim > 1 and tensor.isinf().any()):
            raise DamagedCheckpoint(
                f"{file} holds NaN or infinity: the training had diverged when this was exported, "
                "so take an earlier checkpoint."
            )
