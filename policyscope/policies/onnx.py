"""ONNX: programs in a restricted language, rebuilt in torch where its operators allow it.

The file is read as data (`onnx_reading`), its inputs and outputs are told apart (`onnx_wiring`),
and its steps become torch's (`onnx_operators`), so that scores have gradients. What torch cannot
express here is asked of onnxruntime, and the policy says so.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from policyscope.errors import DamagedCheckpoint
from policyscope.policies.file import CheckpointFile, Hints
from policyscope.policies.onnx_networks import BlackBox, program
from policyscope.policies.onnx_nodes import Inexpressible
from policyscope.policies.onnx_reading import declared, looks_like_onnx, read_model, tensors
from policyscope.policies.policy import Policy
from policyscope.policies.quoting import first_line, printable
from policyscope.policies.wiring import Port, Wiring, wire
from policyscope.provenance import Checkpoint


class Onnx:
    """Loader of ONNX models, also of those compressed with gzip."""

    format = "ONNX"

    def recognises(self, file: CheckpointFile) -> bool:
        """Whether its first fields are those of a model."""
        return looks_like_onnx(file.path)

    def load(self, file: CheckpointFile, hints: Hints) -> Policy:
        """Check the model and rebuild it. See `Loader.load`."""
        del hints
        model, said = read_model(file)
        wiring, heard = wire(*declared(model.graph), file.name)
        built = _built(model, wiring, file.name)
        operators = sorted({node.op_type for node in model.graph.node} - {"Constant"})
        numbers = tensors(model.graph, file.name)
        return Policy(
            network=built.network.eval(),
            outputs=built.outputs,
            checkpoint=Checkpoint(
                file=file.name,
                digest=file.digest,
                format=self.format,
                algorithm=None,
                library=printable(f"{model.producer_name} {model.producer_version}") or None,
                architecture=f"program of {', '.join(operators)}",
                parameters=sum(t.numel() for t in numbers if t.is_floating_point()),
                observations=_described(wiring.observation),
                actions="not recorded" if built.outputs is None else f"{built.outputs} outputs",
                scores="logits or mean action, as the environment's actions tell",
                unknown=(
                    "bounds of the observations",
                    "action space",
                    "whether scores are q-values or logits",
                ),
                notices=said + heard + built.notices,
            ),
            observation_shape=wiring.observation.lane,
            memory_shapes=tuple(port.lane or () for port in wiring.states),
            differentiable=built.differentiable,
        )


@dataclass(frozen=True, eq=False)
class _Built:
    """A network, and what a trial showed of it."""

    network: nn.Module
    outputs: int | None
    differentiable: bool
    notices: tuple[str, ...] = ()


def _built(model: Any, wiring: Wiring, file: str) -> _Built:
    """The network in torch or, where that fails, the one that onnxruntime runs."""
    try:
        network = program(model, wiring, file)
        outputs, gradient = _tried(network, wiring)
    except Inexpressible as error:
        return _black_box(model, wiring, file, f"the operator {error}")
    except RuntimeError as error:
        return _black_box(model, wiring, file, f"what torch says of it ({first_line(error)})")
    if not gradient:
        notice = "Its scores have no gradient, for none of its steps passes one on."
        return _Built(network, outputs, False, (notice,))
    return _Built(network, outputs, True)


def _black_box(model: Any, wiring: Wiring, file: str, reason: str) -> _Built:
    try:
        network = BlackBox(model.SerializeToString(), wiring, file)
        outputs, _ = _tried(network, wiring)
    except RuntimeError as error:
        raise DamagedCheckpoint(
            f"{file} is an ONNX model that cannot be computed ({first_line(error)}); export it "
            "again."
        ) from error
    notice = f"It runs as a black box, without gradients, because of {printable(reason)}."
    return _Built(network, outputs, False, (notice,))


def _tried(network: nn.Module, wiring: Wiring) -> tuple[int | None, bool]:
    """How many scores come out, and whether they have a gradient, as far as a trial can tell."""
    shape = wiring.observation.lane
    if shape is None:
        return None, True
    batch = torch.linspace(-1, 1, 2 * math.prod(shape)).reshape(2, *shape).requires_grad_()
    memory = tuple(torch.zeros(2, *(port.lane or ())) for port in wiring.states)
    with torch.enable_grad():
        scores, _ = network(batch, memory)
    return scores.shape[1], scores.requires_grad


def _described(port: Port) -> str:
    kind = str(port.type).removeprefix("torch.")
    return "not recorded" if port.lane is None else f"{port.lane} {kind}"
