"""A person's own code as a network: imported and run because they named it, never by a file's word.

A module of theirs answers observations with scores: a tensor, a distribution of torch (its logits,
or its mean), or a tuple that begins with one of these. A function of theirs is a black box from a
numpy array with one observation per row to an array with one row of scores for each.
"""

import importlib
import sys
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from policyscope.errors import UsageError, did_you_mean
from policyscope.policies.policy import MISFITS, Memory

Function = Callable[[np.ndarray], Any]
"""From observations, one row each, to a row of scores for each."""


def imported(reference: str) -> Any:
    """What `package.module:name` names, with the working directory on Python's path.

    Raises:
        UsageError: If it cannot be imported, or has no such name.
    """
    place, colon, name = reference.partition(":")
    if not (place and colon and name):
        raise UsageError(f"{reference!r} names no code; give package.module:name.")
    here = str(Path.cwd())
    if not {"", here} & set(sys.path):
        sys.path.insert(0, here)  # and left there, for code that imports only when it is called
    try:
        found = importlib.import_module(place)
    except Exception as error:  # a person's code may fail in any way; its reason goes to them
        raise UsageError(
            f"{place} cannot be imported ({type(error).__name__}: {error}); it has to lie in this "
            "folder or be installed."
        ) from error
    try:
        return attrgetter(name)(found)
    except AttributeError as error:
        raise UsageError(f"{place} has no {name!r}.{did_you_mean(name, dir(found))}") from error


def module_of(thing: Any, reference: str) -> nn.Module:
    """The module that something is, or builds when it is called without arguments.

    Raises:
        UsageError: If it builds none.
    """
    built = thing if isinstance(thing, nn.Module) else called(thing, reference)
    if not isinstance(built, nn.Module):
        raise UsageError(f"{reference} builds a {type(built).__name__}, not a torch.nn.Module.")
    return built.cpu().eval()


def called(thing: Any, reference: str) -> Any:
    """What a class or function makes when it is called without arguments.

    Raises:
        UsageError: If it cannot be called so.
    """
    try:
        with torch.random.fork_rng(devices=[]):
            return thing()
    except Exception as error:  # as in `imported`
        raise UsageError(
            f"{reference} cannot be called without arguments to build a policy "
            f"({type(error).__name__}: {error})."
        ) from error


class OwnModule(nn.Module):
    """A person's module behind the interface of a network without memory."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        for parameter in body.parameters():
            parameter.requires_grad_(False)
        numbers = (p.dtype for p in body.parameters() if p.is_floating_point())
        self.precision = next(numbers, torch.float32)

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Scores in single precision, and the memory handed on."""
        return _scores(_asked(self.body, observations.to(self.precision))).float(), memory


class OwnFunction(nn.Module):
    """A person's function behind the same interface, without gradients."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Scores of a copy of the observations, which the function may change."""
        answer = np.asarray(_asked(self.function, observations.detach().numpy().copy()))
        if answer.ndim != 2 or len(answer) != len(observations) or answer.dtype.kind not in "biuf":
            raise TypeError(
                f"it answers {len(observations)} observations with an array of shape "
                f"{answer.shape} and type {answer.dtype}, not with a row of scores for each: "
                "q-values, logits or a mean action"
            )
        return torch.from_numpy(answer.astype(np.float32)), memory


def _asked(code: Callable[..., Any], observations: Any) -> Any:
    try:
        return code(observations)
    except MISFITS:
        raise
    except Exception as error:  # as in `imported`; what runs it knows torch's errors
        raise RuntimeError(f"{type(error).__name__}: {error}") from error


def _scores(answer: Any) -> Tensor:
    while isinstance(answer, tuple) and answer:
        answer = answer[0]
    match answer:
        case Tensor():
            return answer
        case torch.distributions.Categorical() | torch.distributions.Bernoulli():
            return answer.logits
        case Distribution():
            return answer.mean
    raise TypeError(
        f"it answers with a {type(answer).__name__}, not with a tensor of scores, a distribution "
        "of torch or a tuple that begins with one"
    )
