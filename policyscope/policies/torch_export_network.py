"""A checked torch.export program behind the interface of a policy's network, row by row.

As in `onnx_networks`, each row is computed as the file would compute it alone, so that a program
that was exported for one observation serves any number of them: all rows at once by `torch.vmap`,
and one after the other where one of its operators knows no vmap (LSTM, GRU). Buffers that a program
changes are its memory: they are put in and read back for each lane.
"""

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from policyscope.errors import UnsupportedCheckpoint
from policyscope.policies.arithmetic import MEMORY
from policyscope.policies.policy import Memory
from policyscope.policies.torch_export_signature import Signature, kept
from policyscope.policies.torch_export_steps import graph

_WITHOUT_RULE = (MEMORY - {"copy_"}) | {"_native_batch_norm_legit_no_training", "copy"}
"""Operators that `torch.vmap` cannot take through rows, or only with a warning."""


class ExportedNetwork(nn.Module):
    """The program's steps, with its tensors as buffers."""

    def __init__(
        self,
        signature: Signature,
        file: str,
        *,
        at_once: bool,
    ) -> None:
        super().__init__()
        self.described = signature.described
        self.wiring = signature.wiring
        self.file = file
        self.at_once = at_once
        self.graph = graph(self.described, file)
        self.names = tuple(signature.tensors)
        for i, tensor in enumerate(signature.tensors.values()):
            self.register_buffer(f"tensor_{i}", tensor)

    def __getstate__(self) -> dict[str, Any]:
        # steps are functions, which cannot be sent to another process
        return {name: value for name, value in self.__dict__.items() if name != "graph"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.graph = graph(self.described, self.file)

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Scores of each row, and its memory."""
        if self.at_once:
            scores, *after = torch.vmap(self._row)(observations, *memory)
        else:
            rows = [self._row(*row) for row in zip(observations, *memory, strict=True)]
            scores, *after = (torch.stack(column) for column in zip(*rows, strict=True))
        return scores, tuple(after)

    def _row(self, *given: Tensor) -> tuple[Tensor, ...]:
        values = dict(zip(self.names, self.buffers(), strict=True))
        ports = zip(self.wiring.inputs, given, strict=True)
        # copies, for a program may change what it is given
        values |= {port.name: port.entering(value).clone() for port, value in ports}
        values = self.graph.values(values)
        return self.wiring.leaving(tuple(values[name] for name in self.wiring.outputs))


def built(signature: Signature, file: str) -> tuple[ExportedNetwork, int, bool]:
    """The network, how many scores it gives, and whether they have a gradient.

    Raises:
        UnsupportedCheckpoint: If it is no policy that can be played.
        Exception: Whatever torch raises on a graph that cannot be computed.
    """
    shape = signature.wiring.observation.lane
    if shape is None:
        raise UnsupportedCheckpoint(
            f"{file} leaves the shape of its observations open; export it with only the batch open."
        )
    signature = _with_memory(signature, file)
    batch = _seen(2, *shape).requires_grad_()
    memory = tuple(torch.zeros(2, *(port.lane or ())) for port in signature.wiring.states)
    slow, fast = (ExportedNetwork(signature, file, at_once=at_once) for at_once in (False, True))
    with torch.enable_grad():
        scores, again = slow(batch, memory)[0], slow(batch, memory)[0]
        if not torch.equal(scores, again):
            raise UnsupportedCheckpoint(
                f"{file} answers differently when asked twice; export it after module.eval()."
            )
        simple = not slow.graph.operators & _WITHOUT_RULE
        network = fast if simple and _agrees(fast, batch, memory, scores) else slow
    return network, scores.shape[1], scores.requires_grad


def _agrees(network: nn.Module, batch: Tensor, memory: Memory, scores: Tensor) -> bool:
    """Whether all rows at once are as one after the other, as far as vmap can take them."""
    try:
        return torch.allclose(network(batch, memory)[0], scores, 1e-4, 1e-5)
    except RuntimeError:
        return False


def _with_memory(signature: Signature, file: str) -> Signature:
    """The same, with the buffers among the memory that a call changes.

    It is called with tensors of no numbers first, which shows how many numbers it would make.
    """
    steps = graph(signature.described, file)
    given = {
        port.name: port.entering(_seen(*(port.lane or ()))) for port in signature.wiring.inputs
    }
    for device in ("meta", "cpu"):
        values = {**signature.tensors, **given}
        values = {name: value.to(device, copy=True) for name, value in values.items()}
        with torch.no_grad():
            steps.values(values, device)
    known = {port.name for port in signature.wiring.states}
    now = [name for name, old in signature.tensors.items() if not torch.equal(values[name], old)]
    changed = [name for name in now if name not in known]
    if not signature.buffers.issuperset(changed):
        raise UnsupportedCheckpoint(
            f"{file} is a program that changes its own weights; export it after module.eval()."
        )
    wiring = signature.wiring
    ports = tuple(kept(name, signature.tensors[name]) for name in changed)
    wiring = replace(
        wiring,
        states=wiring.states + ports,
        next_states=(*wiring.next_states, *changed),
    )
    return replace(signature, wiring=wiring)


def _seen(*shape: int) -> Tensor:
    return torch.linspace(-1, 1, math.prod(shape)).reshape(shape)
