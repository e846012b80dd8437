"""TorchScript programs behind the interface of a network, with and without memory.

Programs of robots often keep their memory in buffers, for one robot. Which buffers change is found
in a trial; then they are put in and read back for each lane.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from policyscope.errors import UnsupportedCheckpoint
from policyscope.policies.policy import MISFITS, Memory


class Program(nn.Module):
    """A TorchScript module behind the interface of a network without memory."""

    def __init__(self, module: torch.jit.ScriptModule, precision: torch.dtype) -> None:
        super().__init__()
        self.precision = precision
        self.module = module
        for parameter in self.module.parameters():
            parameter.requires_grad_(False)

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Run the program on a copy of the observations, which it may change, in its precision."""
        answer = self.module(observations.to(self.precision, copy=True))
        if not isinstance(answer, Tensor):
            raise TypeError(f"it answers with a {type(answer).__name__}, not a table of scores")
        return answer, memory


class Remembering(nn.Module):
    """A program that keeps the memory of one lane in its buffers, for as many as there are."""

    def __init__(
        self, module: torch.jit.ScriptModule, precision: torch.dtype, names: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.program = Program(module, precision)
        self.names = names

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Put each lane's memory in, run the program on its observation, and take it out again."""
        buffers = dict(self.program.module.named_buffers())
        kept = [buffers[name] for name in self.names]
        scores: list[Tensor] = []
        after: list[list[Tensor]] = []
        with torch.no_grad():
            for lane, observation in enumerate(observations.split(1)):
                for buffer, lanes in zip(kept, memory, strict=True):
                    buffer.copy_(lanes[lane])
                # a copy: what a program puts out may be its buffer
                scores.append(self.program(observation, ())[0].clone())
                after.append([buffer.clone() for buffer in kept])
        return torch.cat(scores), tuple(map(torch.stack, zip(*after, strict=True)))


@dataclass(frozen=True)
class Trial:
    """What one call shows: how many numbers go in and come out, and which buffers it changes."""

    inputs: int | None
    outputs: int | None
    changed: tuple[str, ...]


def trial(module: torch.jit.ScriptModule, precision: torch.dtype, file: str) -> Trial:
    """Call a program once, with an observation that fits it.

    Raises:
        UnsupportedCheckpoint: If none is found, or the program changes its own weights.
    """
    program = Program(module, precision)
    before = {n: b.clone() for n, b in (*module.named_buffers(), *module.named_parameters())}
    widths = dict.fromkeys(t.shape[1] for t in module.parameters() if t.ndim == 2)
    for inputs in widths:  # the first layer's is among them
        try:
            with torch.no_grad():
                answer, _ = program(torch.linspace(-1, 1, inputs)[None], ())
        except MISFITS:
            continue
        if answer.ndim != 2 or len(answer) != 1:
            continue
        now = dict((*module.named_buffers(), *module.named_parameters()))
        changed = [name for name, tensor in before.items() if not torch.equal(tensor, now[name])]
        if set(changed) <= {name for name, _ in module.named_buffers()}:
            return Trial(inputs, answer.shape[1], tuple(changed))
    raise UnsupportedCheckpoint(
        f"{file} is a program that keeps a memory, and no observation of its layers' sizes shows "
        "where; export the network with its memory as an input, to ONNX."
    )
