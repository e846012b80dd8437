"""TorchScript: programs in a restricted language, run only after their operators were checked.

A TorchScript archive holds source text. Before any of it is compiled, every function of torch that
the text mentions is looked up in an allow-list of arithmetic: nothing that reads or writes files,
draws random numbers, keeps a state, or reaches Python or a native class. The operators of the
compiled graph are then held against the same list, so that a difference between two parsers hides
nothing, and its loops have to end; a `__setstate__`, which would run before there is a graph, is
refused outright. torch compiles an archive that was written here from the members that were
checked, and every tensor was held against its storage, which torch does not do.
"""

import ast
import io
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

from policyscope.errors import DamagedCheckpoint, UnsafeCheckpoint, UnsupportedCheckpoint
from policyscope.policies.archives import pack, unpack
from policyscope.policies.arithmetic import ARITHMETIC, MEMORY
from policyscope.policies.file import CheckpointFile, Hints
from policyscope.policies.policy import Policy
from policyscope.policies.programs import Program, Remembering, Trial, trial
from policyscope.policies.quoting import first_line
from policyscope.policies.records import Record, replaced
from policyscope.policies.tensors import read_archived
from policyscope.provenance import Checkpoint

LANGUAGE = frozenset(
    """
    device dtype is_floating_point layout max min NumToTensor RaiseException shape unchecked_cast
    unchecked_unwrap_optional uninitialized unwrap_optional Constant GetAttr If ListConstruct
    ListUnpack Loop TupleConstruct TupleIndex TupleUnpack CreateObject Uninitialized
    """.split()
)
"""Primitives of the language itself: constants, containers, control flow."""


_MOST_STEPS = 1 << 16
"""Operations of one forward pass: no policy comes near."""


class TorchScript:
    """Loader of `torch.jit.save` archives."""

    format = "TorchScript"

    def recognises(self, file: CheckpointFile) -> bool:
        """Whether the archive has constants and code."""
        inside = {member.partition("/")[2] for member in file.members}
        return "constants.pkl" in inside and any(name.startswith("code/") for name in inside)

    def load(self, file: CheckpointFile, hints: Hints) -> Policy:
        """Compile the program after checking it. See `Loader.load`."""
        del hints
        members = unpack(file.content, file.name)
        _require_inert(members, file.name)
        _require_arithmetic(_mentioned(members, file.name), file.name)
        source = {n: c for n, c in members.items() if not n.endswith("debug_pkl")}
        module, graph = _compiled(pack(source), file.name)
        operators = {node.kind() for node in _nodes(graph)}
        _require_arithmetic(operators, file.name)
        _require_end(graph, file.name)
        tensors = _tensors(module, graph)
        if not all(tensor.isfinite().all() for tensor in tensors):
            raise DamagedCheckpoint(
                f"{file.name} holds NaN or infinity: the training had diverged when this was "
                "saved, so take an earlier checkpoint."
            )
        precision = _precision(tensors)
        shown = Trial(None, None, ())
        if "aten::copy_" in operators:
            shown = trial(module, precision, file.name)
        buffers = dict(module.named_buffers())
        network = (
            Remembering(module, precision, shown.changed)
            if shown.changed
            else Program(module, precision)
        )
        return Policy(
            network=network.eval(),
            outputs=shown.outputs,
            observation_shape=None if shown.inputs is None else (shown.inputs,),
            memory_shapes=tuple(tuple(buffers[name].shape) for name in shown.changed),
            differentiable=not shown.changed,
            checkpoint=_described(file, operators, tensors, bool(shown.changed)),
        )


def _described(
    file: CheckpointFile, operators: set[str], tensors: list[Tensor], remembers: bool
) -> Checkpoint:
    arithmetic = sorted(op.partition("::")[2] for op in operators if op.startswith("aten::"))
    return Checkpoint(
        file=file.name,
        digest=file.digest,
        format=TorchScript.format,
        algorithm=None,
        library=None,
        architecture=f"program of {', '.join(arithmetic)}",
        parameters=sum(tensor.numel() for tensor in tensors),
        observations="not recorded",
        actions="not recorded",
        scores="logits or mean action, as the environment's actions tell",
        unknown=("observations", "actions", "whether scores are q-values or logits")
        + ("whether memory begins at zero",) * remembers,
    )


def _sources(members: Mapping[str, bytes]) -> Iterator[bytes]:
    # torch finds members whatever the case of their names
    for name, content in members.items():
        if name.lower().partition("/")[2].startswith("code/") and name.lower().endswith(".py"):
            yield content


def _require_inert(members: Mapping[str, bytes], file: str) -> None:
    """Loading alone runs nothing and builds no native object."""
    if any(b"__setstate__" in source for source in _sources(members)):
        raise UnsafeCheckpoint(
            f"{file} is a program that runs code of its own while it is loaded (__setstate__); "
            "export the network's forward pass alone with torch.jit.trace."
        )
    origins: set[str] = set()

    def note(record: Record) -> Record:
        origins.add(record.origin)
        return record

    for pickle in ("data.pkl", "constants.pkl"):
        replaced(read_archived(members, pickle, file), note)
    texts = (*_sources(members), " ".join(origins).encode())
    if any(b"torch.classes" in text for text in texts):
        _require_arithmetic(["torch.classes::"], file)


def _mentioned(members: Mapping[str, bytes], file: str) -> Iterator[str]:
    """Everything of torch that the archive's source mentions, as `namespace::name`."""
    for source in _sources(members):
        try:
            nodes = list(ast.walk(ast.parse(source)))
            mentioned = list(filter(None, map(_qualified, nodes)))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise DamagedCheckpoint(
                f"{file} holds a program that cannot be read ({first_line(error)}); get a fresh "
                "copy."
            ) from error
        yield from mentioned
        # a name that is not followed by a function's could be given another name
        roots = [node for node in nodes if isinstance(node, ast.Name) and node.id in _ROOTS]
        if len(roots) != len(mentioned):
            yield "torch:: itself"


_ROOTS = ("torch", "ops")


def _qualified(node: ast.AST) -> str | None:
    match node:
        case ast.Attribute(value=ast.Name("torch"), attr=name):
            return f"aten::{name}"
        case ast.Attribute(value=ast.Attribute(value=ast.Name("ops"), attr=namespace), attr=name):
            return f"{namespace}::{name}"
    return None


def _compiled(archive: bytes, file: str) -> tuple[torch.jit.ScriptModule, torch.Graph]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the format is deprecated, but what people bring
            module = torch.jit.load(io.BytesIO(archive), map_location="cpu")
            graph = module.inlined_graph
    except Exception as error:  # torch reports damage as whatever its reader ran into
        raise DamagedCheckpoint(
            f"{file} cannot be compiled to a forward pass ({first_line(error)}); get a fresh copy."
        ) from error
    if module._forward_hooks or module._forward_pre_hooks:
        raise UnsupportedCheckpoint(
            f"{file} is a program with hooks around its forward pass; export it with "
            "torch.jit.trace."
        )
    return module, graph


def _tensors(module: torch.jit.ScriptModule, graph: torch.Graph) -> list[Tensor]:
    """Parameters and buffers; what a frozen or traced program holds is constants of its graph."""
    constants = (n.output().toIValue() for n in _nodes(graph) if n.kind() == "prim::Constant")
    own = (*module.parameters(), *module.buffers())
    return [*own, *(value for value in constants if isinstance(value, Tensor))]


def _precision(tensors: list[Tensor]) -> torch.dtype:
    weights = (tensor.dtype for tensor in tensors if tensor.is_floating_point() and tensor.ndim > 1)
    return next(weights, torch.float32)


def _nodes(block: torch.Graph | torch.Block) -> Iterator[torch.Node]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)


def _require_end(graph: torch.Graph, file: str) -> None:
    """A program that would not end, or not soon, is told before any of it is run."""
    if _steps(graph) > _MOST_STEPS:
        raise UnsupportedCheckpoint(
            f"{file} is a program with a loop of which nothing says that it ends within "
            f"{_MOST_STEPS:,} steps; export the network's forward pass alone with torch.jit.trace."
        )


def _steps(block: torch.Graph | torch.Block) -> float:
    """The most steps that a block takes; infinite where the count of a loop is not written down."""
    steps = 0.0
    for node in block.nodes():
        inside = sum(map(_steps, node.blocks()))
        if node.kind() == "prim::Loop":
            count = next(node.inputs()).toIValue()  # 2^63 − 1 of a `while`
            inside = (1 + inside) * (float(count) if isinstance(count, int) else math.inf)
        steps += 1 + inside
    return steps


def _require_arithmetic(operators: Iterable[str], file: str) -> None:
    for operator in operators:
        namespace, _, name = operator.partition("::")
        allowed = {"aten": ARITHMETIC | MEMORY | LANGUAGE, "prim": LANGUAGE}.get(
            namespace, frozenset()
        )
        if name in allowed or (namespace == "aten" and name.removesuffix("_") in ARITHMETIC):
            continue
        if name == "SetAttr":
            raise UnsupportedCheckpoint(
                f"{file} is a program that replaces its own attributes to remember; export the "
                "network with its memory as an input, to ONNX."
            )
        raise UnsafeCheckpoint(
            f"{file} is a program that calls {operator}, which is not on the list of arithmetic "
            "that may run; export the network's forward pass alone with torch.jit.trace."
        )
