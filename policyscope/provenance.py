"""Where a number came from: the checkpoint, its digest, and what is known about the network."""

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Checkpoint:
    """What a file says about the policy inside it, as plain text that a report can carry."""

    file: str
    """Name of the file, without its folder."""
    digest: str
    """SHA-256 of the file's bytes, in hexadecimal."""
    format: str
    """For example `stable-baselines3 zip`."""
    algorithm: str | None
    """For example `PPO`, where the file says so."""
    library: str | None
    """Version of the library that wrote the file, where the file says so."""
    architecture: str
    """For example `4 → 64 → 64 → 2, tanh`."""
    parameters: int
    """How many numbers the acting network holds."""
    observations: str
    """Shape and type of one observation."""
    actions: str
    """The action space, or how many outputs there are."""
    scores: str
    """What the network's outputs mean: q-values, logits or mean action."""
    normaliser: str | None = None
    """The observation normaliser that was applied, if any."""
    unknown: tuple[str, ...] = ()
    """What could not be inferred from the file."""
    notices: tuple[str, ...] = ()
    """What a person should hear before they trust a number."""


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
