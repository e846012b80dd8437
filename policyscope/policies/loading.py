"""load(path): from a file to a policy, across the only boundary where input is not trusted.

Nothing in a file is ever executed. Pickles, those of torch among them, are read as data; programs
in restricted languages run only after their operators were checked.
"""

from dataclasses import replace
from os import PathLike
from pathlib import Path

import torch

from policyscope import registry
from policyscope.errors import (
    CheckpointError,
    DamagedCheckpoint,
    UnsupportedCheckpoint,
    UsageError,
)
from policyscope.policies.architecture import filled
from policyscope.policies.file import CheckpointFile, Hints, Loader
from policyscope.policies.normalisation import applied, read_normaliser
from policyscope.policies.policy import MISFITS, Policy
from policyscope.policies.quoting import first_line
from policyscope.policies.repository import Published, normaliser_beside, published
from policyscope.provenance import digest


def load(
    path: str | PathLike[str],
    *,
    activation: str | None = None,
    normalisation: str | PathLike[str] | None = None,
    architecture: str | None = None,
) -> Policy:
    """Load a trained policy without running anything that its file brings.

    Args:
        path: A checkpoint, in any format of docs/loading.md, or a folder with one in it.
        activation: Name of the activation between layers, for files that do not record it.
        normalisation: A VecNormalize file with the statistics of the observations.
        architecture: Code of your own that builds the network to be filled with the file's
            weights, as `package.module:name`; imported, with the working directory on the path.

    Raises:
        CheckpointError: With one sentence about what the file is and what would make it loadable.
        UsageError: If there is no such activation or code.
    """
    folder = _published(Path(path))
    file = _open(Path(path) if folder is None else folder.checkpoint)
    if architecture is None:
        policy = _with_sound_critic(_true_to_itself(_loader(file).load(file, Hints(activation))))
    elif activation is None:
        policy = filled(file, architecture)
    else:
        raise UsageError("An architecture has its own activations; leave --activation away.")
    notices = () if folder is None else (folder.notice,)
    if normalisation is None and folder is not None:
        normalisation = folder.normaliser
    if normalisation is not None:
        return _with_notices(
            applied(policy, read_normaliser(Path(normalisation), policy.parts)), notices
        )
    return _with_notices(policy, notices or _unused_normaliser(file.path))


def _true_to_itself(policy: Policy) -> Policy:
    """The policy, if one observation of its shape gives the scores and the memory that it names."""
    file, shape = policy.checkpoint.file, policy.observation_shape
    if shape is None:
        return policy
    try:
        with torch.no_grad():
            scores, memory = policy.network(torch.zeros(1, *shape), policy.initial_memory(1))
    except MISFITS as error:
        raise DamagedCheckpoint(
            f"{file} describes a network whose parts do not fit together ({first_line(error)}); "
            "get a fresh copy."
        ) from error
    kept = tuple(tuple(part.shape[1:]) for part in memory)
    if scores.shape != (1, policy.outputs or scores.shape[-1]) or kept != policy.memory_shapes:
        raise DamagedCheckpoint(
            f"{file} describes {policy.outputs} scores and a memory of {policy.memory_shapes}, and "
            f"its network gives {tuple(scores.shape)} and {kept}; get a fresh copy."
        )
    return policy


def _with_sound_critic(policy: Policy) -> Policy:
    """The policy, without its critic where that does not give one value and the same memory."""
    critic, shape = policy.critic, policy.observation_shape
    if critic is None or shape is None:
        return policy
    try:
        with torch.no_grad():
            values, memory = critic(torch.zeros(1, *shape), policy.initial_memory(1))
    except MISFITS:
        return replace(policy, critic=None)
    kept = tuple(tuple(part.shape[1:]) for part in memory)
    sound = values.shape == (1, 1) and kept == policy.memory_shapes
    return policy if sound else replace(policy, critic=None)


def _published(path: Path) -> Published | None:
    """What a folder gives; None for a file."""

    def recognised(inside: Path) -> bool:
        return inside.stat().st_size > 0 and _recognising(_open(inside)) is not None

    try:
        return published(path, recognised) if path.is_dir() else None
    except OSError as error:
        raise _unreadable(path, error) from error


def _open(path: Path) -> CheckpointFile:
    try:
        if not path.is_file():
            raise CheckpointError(f"There is no file {path}; check the path.")
        if path.stat().st_size == 0:
            raise CheckpointError(f"{path.name} is empty; get a fresh copy.")
        return CheckpointFile(path, digest(path))
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"{path} cannot be opened ({error.strerror}); check the path and who may read it."
    )


def _loader(file: CheckpointFile) -> Loader:
    loader = _recognising(file)
    if loader is None:
        _, broken = registry.everything(registry.LOADERS)
        raise UnsupportedCheckpoint(" ".join((_what_it_looks_like(file), *broken)))
    return loader


def _recognising(file: CheckpointFile) -> Loader | None:
    loaders = (kind() for kind in registry.everything(registry.LOADERS)[0].values())
    return next((loader for loader in loaders if loader.recognises(file)), None)


_LOOKS = (
    (b"PK\x03\x04", "a zip archive that is cut off or of no known layout", "get a fresh copy"),
    (b"\x89HDF", "an HDF5 file (Keras)", "export the policy to TorchScript"),
    (b"\x08", "a protobuf file, but no ONNX model", "get a fresh copy"),
    (b"\x1f\x8b", "a gzip archive", "unpack it and give the file inside"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file", "fetch that: git lfs pull"),
    (b"{", "a JSON text", "give the file that holds the weights"),
)


def _what_it_looks_like(file: CheckpointFile) -> str:
    if file.members:
        listed = ", ".join(file.members[:3])
        return (
            f"{file.name} is a zip archive of {listed}, …, and neither a stable-baselines3 zip "
            "(data, policy.pth) nor a torch file; give the checkpoint itself."
        )
    for magic, looks, remedy in _LOOKS:
        if file.head.startswith(magic):
            return f"{file.name} looks like {looks}; {remedy}."
    return (
        f"{file.name} is no checkpoint that can be read; give a stable-baselines3 zip, a state "
        "dict or module saved with torch.save, a TorchScript or an ONNX file."
    )


def _unused_normaliser(path: Path) -> tuple[str, ...]:
    found = normaliser_beside(path)
    if found is None:
        return ()
    return (
        f"{found.name} lies beside the checkpoint and was not used: give it with --normalisation.",
    )


def _with_notices(policy: Policy, notices: tuple[str, ...]) -> Policy:
    known = policy.checkpoint.notices
    return replace(policy, checkpoint=replace(policy.checkpoint, notices=known + notices))
