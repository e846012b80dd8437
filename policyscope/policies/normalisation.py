"""Observation normalisers: the part of a policy that is most often left behind.

A network trained behind stable-baselines3's VecNormalize sees clip((o − μ)/√(σ² + ε), ±c). Its
statistics live in a file of their own, a pickle, which is read here as data.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from policyscope.errors import CheckpointError, DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies.pickles import Record, read
from policyscope.policies.policy import Memory

_STATISTICS = ("mean", "var")


@dataclass(frozen=True, eq=False)
class Normaliser:
    """Mean, variance and clipping of each feature, as recorded in training."""

    file: str
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float
    clip: float
    active: bool
    """False where only rewards were normalised."""

    @property
    def scale(self) -> np.ndarray:
        """One standard deviation of each feature, in the environment's units."""
        return np.sqrt(self.variance + self.epsilon)


class Normalised(nn.Module):
    """A network that sees normalised observations, computed in double precision as in training."""

    mean: Tensor
    scale: Tensor

    def __init__(self, network: nn.Module, normaliser: Normaliser) -> None:
        super().__init__()
        self.network = network
        self.clip = normaliser.clip
        self.register_buffer("mean", torch.from_numpy(normaliser.mean).double())
        self.register_buffer("scale", torch.from_numpy(normaliser.scale).double())

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Scores of observations in the environment's units."""
        normal = ((observations.double() - self.mean) / self.scale).clamp(-self.clip, self.clip)
        return self.network(normal, memory)


def read_normaliser(path: Path) -> Normaliser:
    """Read a VecNormalize file without running it.

    Raises:
        CheckpointError: If the file is missing, damaged or no VecNormalize.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no normalisation file {path}; check the path.")
    record = read(path.read_bytes(), path.name)
    statistics = record.get("obs_rms") if isinstance(record, Record) else None
    if isinstance(statistics, dict):
        raise UnsupportedCheckpoint(
            f"{path.name} normalises dictionary observations; only arrays can be analysed."
        )
    if not isinstance(statistics, Record):
        raise UnsupportedCheckpoint(
            f"{path.name} holds {_name(record)}, not the VecNormalize of stable-baselines3; "
            "save yours with `env.save(path)`."
        )
    mean, variance = (np.asarray(statistics.get(name), np.float64) for name in _STATISTICS)
    if mean.shape != variance.shape or not np.isfinite([mean, variance]).all():
        raise DamagedCheckpoint(f"{path.name} holds statistics that are NaN or do not fit.")
    return Normaliser(
        file=path.name,
        mean=mean,
        variance=variance,
        epsilon=float(record.get("epsilon", 1e-8)),
        clip=float(record.get("clip_obs", 10.0)),
        active=bool(record.get("norm_obs", True)),
    )


def _name(value: object) -> str:
    return f"a {value.origin}" if isinstance(value, Record) else f"a {type(value).__name__}"
