"""Which input of a program is the observation, which output the scores, and what is memory.

Neither ONNX nor torch.export says. An input is memory if an output of the same shape can hand it
on; names decide what shapes leave open, and what they leave open too is refused, not guessed.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from policyscope.errors import UnsupportedCheckpoint
from policyscope.policies.quoting import printable

ROOM = 1 << 26
"""Numbers that one intermediate result of one observation may have."""

_OBSERVATION = re.compile(r"obs|^input$|^x$|feature|sensor", re.IGNORECASE)
_MEMORY = re.compile(
    r"(^|[._/])(h|c|hx|cx|hn|cn|h0|c0|carry)([._/]|$)"
    r"|hidden|cell|recurrent|memory|lstm|gru|rnn|state",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"(?<!q)(?<!q_)value|critic|^vf|log_?prob|std|sigma|entropy|version|memory_size|shape",
    re.IGNORECASE,
)
_DIRECTIONS = {"in", "ins", "out", "outs", "input", "output", "next", "new", "prev", "old"}


@dataclass(frozen=True)
class Port:
    """An input or output of a program."""

    name: str
    type: torch.dtype
    row: tuple[int, ...] | None
    """Its shape for one observation, as the file wants it; None where only a trial can tell."""
    lane: tuple[int, ...] | None
    """The same as a policy has it, without the axis of the batch."""

    def entering(self, value: Tensor) -> Tensor:
        """The row of one lane, as the file wants it."""
        row = (1, *value.shape) if self.row is None else self.row
        return value.reshape(row).to(self.type)

    def leaving(self, value: Tensor) -> Tensor:
        """The row that the file answered, as a policy has it."""
        return value.reshape(() if self.lane is None else self.lane).float()


@dataclass(frozen=True)
class Wiring:
    """What goes in and comes out where."""

    observation: Port
    states: tuple[Port, ...]
    scores: str
    next_states: tuple[str, ...]

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Everything that goes in, in order."""
        return (self.observation, *self.states)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Everything that comes out, in order."""
        return (self.scores, *self.next_states)

    def leaving(self, answers: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Scores and memory of one lane."""
        states = zip(self.states, answers[1:], strict=True)
        return answers[0].flatten().float(), *(port.leaving(value) for port, value in states)


@dataclass(frozen=True)
class Declared:
    """What a program says about an input or output; None where it leaves a size open."""

    name: str
    type: torch.dtype | None
    dims: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"{printable(self.name)} [{', '.join(str(d or '?') for d in self.dims)}]"

    @property
    def real(self) -> bool:
        """Whether its numbers are real ones."""
        return self.type is not None and self.type.is_floating_point

    def like(self, other: "Declared") -> bool:
        """Whether one could be handed on as the other."""
        if self.type != other.type or len(self.dims) != len(other.dims):
            return False
        return all(a == b or None in (a, b) for a, b in zip(self.dims, other.dims, strict=True))


def wire(
    inputs: Sequence[Declared], outputs: Sequence[Declared], file: str
) -> tuple[Wiring, tuple[str, ...]]:
    """The wiring, and what should be heard about it.

    Args:
        inputs: What has to be given.
        outputs: What is answered.
        file: Its name, for messages.

    Raises:
        UnsupportedCheckpoint: If the program cannot be told to be a policy.
    """
    observation = _observation(inputs, outputs, file)
    states = [port for port in inputs if port != observation]
    after = _handed_on(states, outputs, inputs, file)
    scores, aside = _scores([port for port in outputs if port not in after], file)
    wiring = Wiring(
        observation=_observed(observation, scores, bool(states), file),
        states=tuple(_remembered(port, file) for port in states),
        scores=scores.name,
        next_states=tuple(port.name for port in after),
    )
    if states and wiring.observation.lane is None:
        raise _unclear(inputs, "does not say what shape the observation has", file)
    names = ", ".join(printable(port.name) for port in aside)
    said = f"{printable(scores.name)} is taken for the scores; {names} is set aside."
    return wiring, (said,) * bool(aside)


def _observation(inputs: Sequence[Declared], outputs: Sequence[Declared], file: str) -> Declared:
    ways: tuple[Callable[[Declared], bool], ...] = (
        lambda port: len(inputs) == 1,
        lambda port: bool(_OBSERVATION.search(port.name)),
        lambda port: not _MEMORY.search(port.name),
        lambda port: not any(port.like(output) for output in outputs),
    )
    for way in ways:
        chosen = [port for port in inputs if way(port)]
        if len(chosen) == 1 and chosen[0].type is not None:
            return chosen[0]
    raise _unclear(inputs, "does not show which input is the observation", file)


def _handed_on(
    states: Sequence[Declared],
    outputs: Sequence[Declared],
    inputs: Sequence[Declared],
    file: str,
) -> list[Declared]:
    """For each memory, the output that becomes it in the next step."""
    after: list[Declared] = []
    for i, state in enumerate(states):
        free = [port for port in outputs if port not in after and port.like(state)]
        rivals = [port for port in states[i:] if port.like(state)]
        named = [port for port in free if _stem(port.name) == _stem(state.name)]
        named = named or [port for port in free if _MEMORY.search(port.name)]
        if not state.real or not (named or free) or (not named and len(free) > len(rivals)):
            raise _unclear(
                inputs, f"does not show which output hands on {printable(state.name)}", file
            )
        after.append((named or free)[0])
    return after


def _stem(name: str) -> tuple[str, ...]:
    words = re.split(r"[^a-z0-9]+", name.lower())
    return tuple(word for word in words if word not in _DIRECTIONS)


def _scores(outputs: Iterable[Declared], file: str) -> tuple[Declared, tuple[Declared, ...]]:
    real = [port for port in outputs if port.real]
    if not real:
        raise UnsupportedCheckpoint(
            f"{file} answers with chosen actions, not with the scores behind them; export the "
            "network before the choice."
        )
    likely = [port for port in real if not _ASIDE.search(port.name)] if len(real) > 1 else real
    if len(likely) > 1:
        likely = [port for port in likely if "determin" in port.name.lower()]
    if len(likely) != 1:
        raise UnsupportedCheckpoint(
            f"{file} does not show which output the scores are ({_listed(real)}); export only one."
        )
    return likely[0], tuple(port for port in real if port != likely[0])


def _observed(port: Declared, scores: Declared, remembers: bool, file: str) -> Port:
    first, *rest = port.dims or (1,)
    if len(port.dims) < 2 or (first or 1) > 1:
        if len(port.dims) > 1 and scores.dims and scores.dims[0] == first:
            raise UnsupportedCheckpoint(
                f"{file} was exported for batches of {first}; export it for single observations."
            )
        return _port(port, tuple(d or -1 for d in port.dims), port.dims, file)
    if remembers:  # an axis of time, of which a step has one
        rest = [1 if d is None else d for d in rest[:-1]] + rest[-1:]
    lane = list(rest)
    while remembers and len(lane) > 1 and lane[0] == 1:
        lane.pop(0)
    row = None if None in rest else tuple(d or 1 for d in (1, *rest))
    return _port(port, row, lane, file)


def _remembered(port: Declared, file: str) -> Port:
    dims = port.dims
    if not dims or dims[-1] is None:
        raise _unclear([port], "does not say how large its memory is", file)
    batch = next((i for i, d in enumerate(dims) if d is None), None)
    if batch is None and len(dims) > 1:
        # torch's recurrent layers have (layers, batch, hidden)
        batch = next((i for i in (1 if len(dims) > 2 else 0, 0) if dims[i] == 1), None)
    row = tuple(d or 1 for d in dims)
    return _port(port, row, [d for i, d in enumerate(row) if i != batch], file)


def _port(
    port: Declared, row: tuple[int, ...] | None, lane: Iterable[int | None], file: str
) -> Port:
    known = tuple(d for d in lane if d is not None)
    if math.prod(known) > ROOM:
        raise UnsupportedCheckpoint(
            f"{file} declares {port}, which is more than any observation has; get a fresh copy."
        )
    complete = None not in lane
    return Port(port.name, port.type or torch.float32, row, known if complete else None)


def _unclear(inputs: Iterable[Declared], what: str, file: str) -> UnsupportedCheckpoint:
    return UnsupportedCheckpoint(
        f"{file} {what} (its inputs: {_listed(inputs)}); export it with one input called obs, and "
        "each memory with an output of the same shape, such as h_in and h_out."
    )


def _listed(ports: Iterable[Declared]) -> str:
    return ", ".join(map(str, ports)) or "none"
