"""Observation normalisers: the part of a policy that is most often left behind.

A network trained behind stable-baselines3's VecNormalize sees clip((o − μ)/√(σ² + ε), ±c). Its
statistics live in a file of their own, a pickle, which is read here as data.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from policyscope.errors import CheckpointError, DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies.observations import Parts
from policyscope.policies.pickles import read
from policyscope.policies.policy import Memory, Policy
from policyscope.policies.records import Record, within


@dataclass(frozen=True, eq=False)
class Normaliser:
    """Mean, variance and clipping of each feature, as recorded in training."""

    file: str
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float
    clip: float | np.ndarray
    """Infinite for the parts of a Dict that were not normalised, whose mean is 0 and variance 1."""
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
    clip: Tensor

    def __init__(self, network: nn.Module, normaliser: Normaliser) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("clip", torch.as_tensor(normaliser.clip).double())
        self.register_buffer("mean", torch.from_numpy(normaliser.mean).double())
        self.register_buffer("scale", torch.from_numpy(normaliser.scale).double())

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Scores of observations in the environment's units."""
        normal = ((observations.double() - self.mean) / self.scale).clamp(-self.clip, self.clip)
        return self.network(normal, memory)


def read_normaliser(path: Path, parts: Parts | None = None) -> Normaliser:
    """Read a VecNormalize file without running it.

    Args:
        path: What stable-baselines3 wrote with `env.save(path)`.
        parts: What the policy's flat observations consist of, where they were a Dict.

    Raises:
        CheckpointError: If the file is missing, damaged or no VecNormalize, or of another Dict.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no normalisation file {path}; check the path.")
    record = read(path.read_bytes(), path.name)
    if not (isinstance(record, Record) and record.origin.endswith("VecNormalize")):
        raise UnsupportedCheckpoint(
            f"{path.name} holds {_name(record)}, not the VecNormalize of stable-baselines3; "
            "save yours with `env.save(path)`."
        )
    epsilon, clip = _number(record.get("epsilon", 1e-8)), _number(record.get("clip_obs", 10.0))
    statistics = record.get("obs_rms")
    active = _number(record.get("norm_obs", True)) != 0
    if active and isinstance(statistics, dict):
        mean, variance, clip = _of_a_dict(statistics, parts or {}, clip, path.name)
    elif active:
        mean, variance = _recorded(statistics, path.name)
    else:
        mean, variance = np.zeros(()), np.ones(())
    normaliser = Normaliser(path.name, mean, variance, epsilon, clip, active)
    if not _sound(normaliser):
        raise DamagedCheckpoint(
            f"{path.name} holds statistics that are NaN, negative or do not fit; get a fresh copy."
        )
    return normaliser


def _recorded(statistics: object, file: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of an array."""
    if not isinstance(statistics, Record):
        raise DamagedCheckpoint(f"{file} holds no statistics; get a fresh copy.")
    return _numbers(statistics.get("mean")), _numbers(statistics.get("var"))


def _of_a_dict(
    statistics: dict[Any, Any], parts: Parts, clip: float, file: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, variance and clipping of each number, of parts that were not normalised as well."""
    found = {key: _recorded(part, file) for key, part in statistics.items()}
    fits = all(array.shape == parts.get(key) for key, pair in found.items() for array in pair)
    if not fits or not parts:
        shapes = ", ".join(f"{key} {mean.shape}" for key, (mean, _) in found.items())
        taken = ", ".join(f"{key} {shape}" for key, shape in parts.items())
        raise CheckpointError(
            f"{file} normalises a Dict of {shapes}, and the policy takes {taken or 'arrays'}; they "
            "do not belong together."
        )
    columns = [
        (*found[key], np.full(shape, clip))
        if key in found
        else (np.zeros(shape), np.ones(shape), np.full(shape, np.inf))
        for key, shape in parts.items()
    ]
    mean, variance, clips = (
        np.concatenate([array.flatten() for array in column])
        for column in zip(*columns, strict=True)
    )
    return mean, variance, clips


def applied(policy: Policy, normaliser: Normaliser) -> Policy:
    """The policy behind a normaliser.

    Raises:
        CheckpointError: If they do not belong together, or the policy has one already.
    """
    if policy.checkpoint.normaliser is not None:
        raise CheckpointError(
            f"{policy.checkpoint.file} brings its own normaliser ({policy.checkpoint.normaliser}); "
            f"leave {normaliser.file} away."
        )
    # an explicit choice answers whatever notice the loader left about a missing normaliser
    notices = tuple(n for n in policy.checkpoint.notices if "normalis" not in n)
    checkpoint = replace(policy.checkpoint, normaliser=normaliser.file, notices=notices)
    if not normaliser.active:
        notice = f"{normaliser.file} normalised rewards only, so observations stay as they are."
        return replace(policy, checkpoint=replace(checkpoint, notices=(*notices, notice)))
    shape = policy.observation_shape
    if shape is not None and normaliser.mean.shape != shape:
        raise CheckpointError(
            f"{normaliser.file} normalises observations of shape {normaliser.mean.shape}, but the "
            f"policy in {policy.checkpoint.file} takes {shape}; they do not belong together."
        )
    return replace(
        policy.behind(lambda network: Normalised(network, normaliser)),
        observation_shape=normaliser.mean.shape,
        scale=torch.from_numpy(normaliser.scale),
        checkpoint=checkpoint,
    )


def filter_inside(content: Any, inputs: int, file: str) -> Normaliser | None:
    """The observation filter that a training run saved with its environments.

    A running mean M and sum of squares S over n observations, applied as clip((o − M)/√(S/(n−1))):
    the ZFilter of the TRPO and PPO implementations for MuJoCo, read from the records of a pickle.
    """
    for record in within(content):
        statistics = record.get("rs") if isinstance(record, Record) else None
        if not isinstance(statistics, Record):
            continue
        mean, squares = (_numbers(statistics.get(name)) for name in ("_M", "_S"))
        count = _number(statistics.get("_n"))
        if mean.shape == squares.shape == (inputs,) and count > 1:
            clip = record.get("clip")
            normaliser = Normaliser(
                file=f"{record.origin.rpartition('.')[2]} inside {file}",
                mean=mean,
                variance=squares / (count - 1),
                epsilon=1e-16,
                clip=np.inf if clip is None else _number(clip),
                active=True,
            )
            return normaliser if _sound(normaliser) else None
    return None


def _sound(normaliser: Normaliser) -> bool:
    mean, variance = normaliser.mean, normaliser.variance
    finite = np.isfinite(mean).all() and np.isfinite([*variance.flat, normaliser.epsilon]).all()
    positive = (variance >= 0).all() and (variance + normaliser.epsilon > 0).all()
    return bool(
        mean.shape == variance.shape and finite and positive and np.all(normaliser.clip > 0)
    )


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
