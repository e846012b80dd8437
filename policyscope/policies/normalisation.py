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
from policyscope.policies.pickles import read
from policyscope.policies.policy import Memory
from policyscope.policies.records import Record


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
    if not (isinstance(record, Record) and record.origin.endswith("VecNormalize")):
        raise UnsupportedCheckpoint(
            f"{path.name} holds {_name(record)}, not the VecNormalize of stable-baselines3; "
            "save yours with `env.save(path)`."
        )
    statistics = record.get("obs_rms")
    if isinstance(statistics, dict):
        raise UnsupportedCheckpoint(
            f"{path.name} normalises dictionary observations; only arrays can be analysed."
        )
    active = _number(record.get("norm_obs", True)) != 0
    if not active:
        statistics = Record("none are kept", state={"mean": 0.0, "var": 1.0})
    if not isinstance(statistics, Record):
        raise DamagedCheckpoint(f"{path.name} holds no statistics; get a fresh copy.")
    normaliser = Normaliser(
        file=path.name,
        mean=_numbers(statistics.get("mean")),
        variance=_numbers(statistics.get("var")),
        epsilon=_number(record.get("epsilon", 1e-8)),
        clip=_number(record.get("clip_obs", 10.0)),
        active=active,
    )
    if not _sound(normaliser):
        raise DamagedCheckpoint(
            f"{path.name} holds statistics that are NaN, negative or do not fit; get a fresh copy."
        )
    return normaliser


def _sound(normaliser: Normaliser) -> bool:
    mean, variance = normaliser.mean, normaliser.variance
    finite = np.isfinite(mean).all() and np.isfinite([*variance.flat, normaliser.epsilon]).all()
    positive = (variance >= 0).all() and (variance + normaliser.epsilon > 0).all()
    return bool(mean.shape == variance.shape and finite and positive and normaliser.clip > 0)


def _numbers(value: object) -> np.ndarray:
    """An array of numbers; one NaN where there are none."""
    plain = isinstance(value, np.ndarray | np.generic | float | int)
    array = np.asarray(value if plain else np.nan)
    with np.errstate(over="ignore"):  # infinity is refused
        return array.astype(np.float64) if array.dtype.kind in "biuf" else np.array(np.nan)


def _number(value: object) -> float:
    array = _numbers(value)
    return float(array) if array.ndim == 0 else np.nan


def _name(value: object) -> str:
    return f"a {value.origin}" if isinstance(value, Record) else f"a {type(value).__name__}"
