"""What a loader is given, and what it promises."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from policyscope.policies import archives
from policyscope.policies.policy import Policy
from policyscope.policies.tensors import read_content


@dataclass(frozen=True)
class CheckpointFile:
    """A file to be recognised, with its digest."""

    path: Path
    digest: str

    @property
    def name(self) -> str:
        """Its name, for messages."""
        return self.path.name

    @cached_property
    def members(self) -> tuple[str, ...]:
        """Names inside, if it is a zip archive with an intact directory; otherwise none."""
        return archives.names(self.path)

    @cached_property
    def content(self) -> bytes:
        """All of its bytes."""
        return self.path.read_bytes()

    @cached_property
    def saved(self) -> Any:
        """What torch or safetensors saved, read as data once for all who want to recognise it.

        Raises:
            CheckpointError: If it cannot be read.
        """
        return read_content(self.content, self.name)

    @cached_property
    def head(self) -> bytes:
        """The first bytes, by which formats without members are told."""
        with self.path.open("rb") as file:
            return file.read(64)


@dataclass(frozen=True)
class Hints:
    """What a person adds because the file cannot say it."""

    activation: str | None = None
    """Name of the activation between layers."""


@runtime_checkable
class Loader(Protocol):
    """One file format. Registered under the entry point group `policyscope.loaders`."""

    format: str
    """Its name, as `inspect` shows it."""

    def recognises(self, file: CheckpointFile) -> bool:
        """Whether the file is of this format, judged without building anything."""
        ...

    def load(self, file: CheckpointFile, hints: Hints) -> Policy:
        """Build the policy without running anything that the file brings.

        Raises:
            CheckpointError: With one sentence about what the file is and what would help.
        """
        ...
