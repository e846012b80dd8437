"""A policy that is code: a function of a person's own, or a module with its weights inside.

A function takes a batch of observations as a numpy array, one row for each, and answers with an
array of scores, a row for each: q-values, logits or a mean action. It is a black box. An
`nn.Module` takes and answers tensors, and has gradients. Nothing else decides which of them it is.
"""

import inspect
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn

from policyscope.errors import UsageError
from policyscope.policies.normalisation import applied, read_normaliser
from policyscope.policies.own_code import OwnFunction, OwnModule, called, module_of
from policyscope.policies.policy import Policy
from policyscope.provenance import Checkpoint, digest


def from_callable(
    thing: Any,
    name: str | None = None,
    *,
    normalisation: str | PathLike[str] | None = None,
) -> Policy:
    """The policy that a function or a module is.

    Args:
        thing: A function from an array of observations to one of scores, or an `nn.Module`; a
            class is made into an object first.
        name: What to call it, such as `package.module:name`.
        normalisation: A VecNormalize file with the statistics of the observations.

    Raises:
        UsageError: If it is neither.
        CheckpointError: If the VecNormalize file cannot be read.
    """
    name = name or f"{thing.__module__}:{_kind(thing).__qualname__}"
    made = called(thing, name) if isinstance(thing, type) else thing
    if not callable(made):
        raise UsageError(f"{name} is a {type(made).__name__}, neither a function nor a module.")
    learned = isinstance(made, nn.Module)
    source = _source(thing)
    policy = Policy(
        network=(OwnModule(module_of(made, name)) if learned else OwnFunction(made)).eval(),
        outputs=None,
        differentiable=learned,
        checkpoint=Checkpoint(
            file=name,
            digest="" if source is None else digest(source),
            format="module of one's own" if learned else "function of one's own",
            algorithm=None,
            library=None,
            architecture=_kind(made).__qualname__,
            parameters=sum(p.numel() for p in made.parameters()) if learned else 0,
            observations="not recorded",
            actions="not recorded",
            scores="logits or mean action, as the environment's actions tell",
            unknown=("observations", "actions", "whether scores are q-values or logits"),
            notices=(_about_digest(name, source),) + (f"{name} is a black box.",) * (not learned),
        ),
    )
    return (
        policy if normalisation is None else applied(policy, read_normaliser(Path(normalisation)))
    )


def _kind(thing: Any) -> Any:
    """What its source is written for: a function or class itself, of an object its class."""
    return thing if inspect.isroutine(thing) or isinstance(thing, type) else type(thing)


def _source(thing: Any) -> Path | None:
    try:
        file = inspect.getsourcefile(_kind(thing))
    except TypeError:  # what is built into Python has none
        return None
    return Path(file) if file is not None and Path(file).is_file() else None


def _about_digest(name: str, source: Path | None) -> str:
    if source is None:
        return f"{name} has no source file, so no digest tells one version of it from another."
    return f"The digest is of {source.name} alone, not of what that imports or reads."
