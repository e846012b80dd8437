"""Folders in which people publish a policy: one checkpoint among papers, videos and logs.

Like those of the RL Zoo (`ppo-CartPole-v1.zip`, its contents unpacked beside it, `results.json`,
`vec_normalize.pkl`), of CleanRL (`dqn.cleanrl_model`, its source, videos) and of Hugging Face's
libraries (`config.json`, `model.safetensors`, `pytorch_model.bin`). Which file is the checkpoint is
told by what is in it. The folder also says that its VecNormalize statistics belong to it. Links
that lead out of it are not followed, but for those of Hugging Face's cache, where the files of a
snapshot are links to blobs beside it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from policyscope.errors import CheckpointError

_KINDS = frozenset(
    """
    .bin .cleanrl_model .ckpt .gz .jit .model .onnx .p .pkl .pt .pt2 .pth .safetensors .tar .th .ts
    .zip
    """.split()
)
_ASIDE = re.compile(
    r"vec_?normalize|optim|scheduler|replay_?buffer|rng_state|training_args|pytorch_variables",
    re.IGNORECASE,
)
"""What training leaves beside a policy."""
_SAME = ("model.safetensors", "pytorch_model.bin")
"""The same weights twice, as Hugging Face's libraries save them."""
_LISTED = 5
_MOST_FILES = 1000
"""Files that may be checkpoints, each of which is looked into."""


@dataclass(frozen=True)
class Published:
    """What a folder gives."""

    checkpoint: Path
    normaliser: Path | None
    notice: str


def published(folder: Path, recognised: Callable[[Path], bool]) -> Published:
    """The one checkpoint in a folder, and the statistics that belong to it.

    Args:
        folder: The folder; those inside it are not searched.
        recognised: Whether a file is of a format that can be loaded.

    Raises:
        CheckpointError: If there is none, or several.
    """
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and _inside(path, folder)]
    likely = [p for p in files if p.suffix.lower() in _KINDS and not _ASIDE.search(p.name)]
    if len(likely) > _MOST_FILES:
        raise CheckpointError(
            f"{folder} holds {len(likely):,} files that may be checkpoints; give one of them."
        )
    found = [path for path in likely if recognised(path)]
    if {path.name for path in found} >= set(_SAME):
        found = [path for path in found if path.name != _SAME[1]]
    # where there is only one that it could be, its loader says best what is wrong with it
    found = found or (likely if len(likely) == 1 else [])
    if {path.name for path in files} >= {"data", "policy.pth"}:
        raise CheckpointError(
            f"{folder} is an unpacked stable-baselines3 zip; give the zip, or pack it again."
        )
    if len(found) != 1:
        raise CheckpointError(_none_or_several(folder, files, found))
    (checkpoint,) = found
    normaliser = normaliser_beside(checkpoint)
    if normaliser is not None and not _inside(normaliser, folder):
        raise CheckpointError(
            f"{normaliser} is a link that leads out of its folder; give the file itself with "
            "--normalisation."
        )
    with_it = "" if normaliser is None else f", behind the statistics of {normaliser.name}"
    notice = f"{checkpoint.name} was taken from the folder{with_it}."
    return Published(checkpoint, normaliser, notice)


def _inside(path: Path, folder: Path) -> bool:
    """Whether a file lies in the folder, or where Hugging Face's cache keeps those of it."""
    folder, lies = folder.resolve(), path.resolve().parent
    blobs = folder.parents[1] / "blobs" if folder.parent.name == "snapshots" else folder
    return lies.is_relative_to(folder) or lies == blobs


def normaliser_beside(checkpoint: Path) -> Path | None:
    """The VecNormalize file that lies beside a checkpoint, under one of its usual names."""
    names = (f"{checkpoint.stem}.vecnormalize.pkl", "vecnormalize.pkl", "vec_normalize.pkl")
    paths = (checkpoint.with_name(name) for name in names)
    return next((path for path in paths if path.is_file()), None)


def _none_or_several(folder: Path, files: list[Path], found: list[Path]) -> str:
    if found:
        return f"{folder} holds {len(found)} checkpoints: {_listed(found)}; give one of them."
    held = _listed(files) or "no files"
    return f"{folder} is a folder with no checkpoint that can be read: {held}; give the file."


def _listed(paths: list[Path]) -> str:
    more = f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
    return ", ".join(path.name for path in paths[:_LISTED]) + more
