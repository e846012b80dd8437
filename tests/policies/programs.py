"""TorchScript archives, made with the deprecated functions that people still use."""

import io
import warnings
from pathlib import Path

import torch
from torch import nn


def scripted(module: nn.Module) -> torch.jit.ScriptModule:
    """The module as a program."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and what people bring
        return torch.jit.script(module.eval())


def traced(module: nn.Module, *example: torch.Tensor) -> torch.jit.ScriptModule:
    """The operations of one forward pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        return torch.jit.trace(module.eval(), example)


def frozen(module: nn.Module) -> torch.jit.ScriptModule:
    """The module as a program whose weights are constants."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        return torch.jit.freeze(scripted(module))


def exported(module: nn.Module, path: Path) -> Path:
    """Save a module as a program."""
    program = module if isinstance(module, torch.jit.ScriptModule) else scripted(module)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        torch.jit.save(program, buffer)
    path.write_bytes(buffer.getvalue())
    return path
