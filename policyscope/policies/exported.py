"""TorchScript: programs in a restricted language, run only after their operators were checked.

A TorchScript archive holds source text. Before any of it is compiled, every function of torch that
the text mentions is looked up in an allow-list of arithmetic: nothing that reads or writes files,
draws random numbers, keeps a state, or reaches Python or a native class. The operators of the
compiled graph are then held against the same list, so that a difference between two parsers hides
nothing. (Loading alone may run code: classes may bring a `__setstate__`.)
"""

import ast
import io
import warnings
import zipfile
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from policyscope.errors import DamagedCheckpoint, UnsafeCheckpoint, UnsupportedCheckpoint
from policyscope.policies.file import CheckpointFile, Hints
from policyscope.policies.policy import Memory, Policy
from policyscope.provenance import Checkpoint

ARITHMETIC = frozenset(
    """
    abs adaptive_avg_pool2d add addmm amax amin arange argmax avg_pool2d baddbmm batch_norm bmm cat
    celu chunk clamp clamp_max clamp_min clip clone concat contiguous conv1d conv2d cos detach dim
    div dropout einsum elu embedding eq erf exp expand expand_as flatten floor_divide fmod format
    full full_like ge gelu glu gt hardsigmoid hardswish hardtanh index_select item layer_norm le
    leaky_relu len linear list log log1p log_softmax logical_and logical_not logical_or lt matmul
    max max_pool2d maximum mean min minimum mish mm mul narrow ne neg numel ones ones_like permute
    pow prod reciprocal relu relu6 remainder repeat reshape round rsqrt rsub select selu sigmoid
    sign silu sin size slice softmax softplus softsign split split_with_sizes sqrt square squeeze
    stack std sub sum t tan tanh tensor tile to transpose type_as unbind unflatten unsqueeze var
    view where zeros zeros_like __and__ __contains__ __getitem__ __is__ __isnot__ __not__ __or__
    """.split()
)
"""Operators whose results depend on their arguments alone."""

LANGUAGE = frozenset(
    """
    device dtype is_floating_point layout max min NumToTensor RaiseException shape unchecked_cast
    unchecked_unwrap_optional uninitialized unwrap_optional Constant GetAttr If ListConstruct
    ListUnpack Loop TupleConstruct TupleIndex TupleUnpack CallMethod CallFunction CreateObject
    """.split()
)
"""Primitives of the language itself: constants, containers, control flow."""


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
        _require_arithmetic(_mentioned(file), file.name)
        module = _compiled(file)
        operators = set(_operators(module.inlined_graph))
        _require_arithmetic(operators, file.name)
        tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        damaged = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
        if damaged:
            raise DamagedCheckpoint(f"{file.name} holds NaN or infinity in {damaged[0]}.")
        arithmetic = sorted(op.partition("::")[2] for op in operators if op.startswith("aten::"))
        return Policy(
            network=Program(module),
            outputs=None,
            checkpoint=Checkpoint(
                file=file.name,
                digest=file.digest,
                format=self.format,
                algorithm=None,
                library=None,
                architecture=f"program of {', '.join(arithmetic)}",
                parameters=sum(tensor.numel() for tensor in tensors.values()),
                observations="not recorded",
                actions="not recorded",
                scores="logits or mean action, as the environment's actions tell",
                unknown=("observations", "actions", "whether scores are q-values or logits"),
            ),
        )


class Program(nn.Module):
    """A TorchScript module behind the interface of a network without memory."""

    def __init__(self, module: torch.jit.ScriptModule) -> None:
        super().__init__()
        self.module = module.eval()
        for parameter in self.module.parameters():
            parameter.requires_grad_(False)

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Run the program on single precision observations."""
        return self.module(observations.float()), memory


def _mentioned(file: CheckpointFile) -> Iterator[str]:
    """Everything of torch that the archive's source mentions, as `namespace::name`."""
    with zipfile.ZipFile(file.path) as archive:
        if any(b"torch.classes" in archive.read(name) for name in file.members if "pkl" in name):
            yield "torch.classes::"
        for member in file.members:
            if not member.endswith(".py"):
                continue
            try:
                tree = ast.parse(archive.read(member))
            except (SyntaxError, ValueError, RecursionError, zipfile.BadZipFile) as error:
                raise DamagedCheckpoint(
                    f"{file.name} holds a program that cannot be read ({error})."
                ) from error
            yield from filter(None, map(_qualified, ast.walk(tree)))


def _qualified(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Attribute):
        return None
    match ast.unparse(node).split("."):
        case ["torch", name]:
            return f"aten::{name}"
        case ["torch", "classes", *_] | ["__torch__", "torch", "classes", *_]:
            return "torch.classes::"
        case ["ops", namespace, name]:
            return f"{namespace}::{name}"
    return None


def _compiled(file: CheckpointFile) -> torch.jit.ScriptModule:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the format is what people bring
            return torch.jit.load(io.BytesIO(file.path.read_bytes()), map_location="cpu")
    except RuntimeError as error:  # torch's word for every kind of damage
        raise DamagedCheckpoint(
            f"{file.name} cannot be compiled ({str(error).strip().splitlines()[0]}); "
            "get a fresh copy."
        ) from error


def _operators(block: torch.Graph | torch.Block) -> Iterator[str]:
    for node in block.nodes():
        yield node.kind()
        for inner in node.blocks():
            yield from _operators(inner)


def _require_arithmetic(operators: Iterator[str] | set[str], file: str) -> None:
    for operator in operators:
        namespace, _, name = operator.partition("::")
        allowed = {"aten": ARITHMETIC | LANGUAGE, "prim": LANGUAGE}.get(namespace, frozenset())
        if name in allowed or (namespace == "aten" and name.removesuffix("_") in ARITHMETIC):
            continue
        if name in ("lstm", "gru", "lstm_cell", "gru_cell", "copy_", "SetAttr"):
            raise UnsupportedCheckpoint(
                f"{file} is a program with memory ({operator}); recurrent TorchScript policies "
                "cannot be played yet."
            )
        raise UnsafeCheckpoint(
            f"{file} is a program that calls {operator}, which is not on the list of arithmetic "
            "that may run; export the network's forward pass alone with torch.jit.trace."
        )
