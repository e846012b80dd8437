"""Checkpoints of every format, made once, and models of stable-baselines3 to compare with."""

from pathlib import Path

import pytest
import torch
from originals import MODELS, Original, built

SHARED = Path(__file__).parents[2].parent / "shared" / "checkpoints"


@pytest.fixture(scope="session")
def published() -> Path:
    """Policies that other people trained, beside the repository."""
    if not SHARED.is_dir():
        pytest.skip("the folder of published checkpoints is not beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def originals(tmp_path_factory) -> dict[str, Original]:
    """One small model of each algorithm and variant, with random weights, and its zip."""
    folder = tmp_path_factory.mktemp("originals")
    return {name: built(name, make, folder) for name, make in MODELS.items()}


@pytest.fixture
def marker(tmp_path) -> Path:
    """A file that exists only if the code of a payload was run."""
    return tmp_path / "code was run"


@pytest.fixture
def network() -> torch.nn.Sequential:
    """A small network with tanh."""
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
