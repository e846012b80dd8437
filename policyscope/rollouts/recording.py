"""Recording: observations that somebody brings where there is no environment.

They are the arrays that people record under the names that they use: those of D4RL
(https://arxiv.org/abs/2004.07219), Minari, stable-baselines3 and imitation.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Shaped

from policyscope.errors import RecordingError
from policyscope.rollouts.names import Feature, feature_names, parse
from policyscope.rollouts.visited import Visited

OBSERVATIONS = ("observations", "obs")
EPISODE = "episode"
STARTS = "episode_starts"
ENDS = ("terminals", "timeouts", "terminations", "truncations", "dones")
ACTIONS = "actions"
FEATURES = "features"
COLUMNS = frozenset((*OBSERVATIONS, EPISODE, STARTS, *ENDS, ACTIONS, FEATURES))
"""Names of arrays that mean something; others are left alone."""
ROOM = 1 << 28
"""Bytes that any recording may take in memory."""
SHRINKAGE = 100
"""How much larger than its file it may be beyond that: images of a game shrink well."""
LONGEST_NAME = 80


@dataclass(frozen=True, eq=False)
class Recording:
    """Observations of whole episodes, one after the other.

    Raises:
        RecordingError: If they are too few, no finite numbers, or contradict each other.
    """

    observations: Shaped[np.ndarray, " step *observation"]
    lengths: Int[np.ndarray, " episode"] | None = None
    """Steps in each episode; None where it was not recorded where they begin."""
    features: tuple[str, ...] = ()
    """Name of each feature, with its unit in brackets, where they are known."""
    actions: Shaped[np.ndarray, " done *action"] | None = None
    """What was done at each step, perhaps by another policy."""
    file: str = "the recording"
    digest: str | None = None
    """SHA-256 of the file."""
    sampled: bool = False
    """Whether the states were drawn from ranges, and never visited."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "observations", _numbers(self.observations, self.file))
        steps = len(self.observations)
        if self.lengths is not None and (
            int(self.lengths.sum()) != steps or int(self.lengths.min(initial=1)) < 1
        ):
            raise RecordingError(f"The episodes of {self.file} do not add up to its {steps} steps.")
        if len(self.visited.blocks) < 2:
            raise RecordingError(
                f"{self.file} holds {steps} observations of one episode, and an interval needs at "
                "least 4, or 2 episodes; record more."
            )
        if self.actions is not None and len(self.actions) != steps:
            raise RecordingError(
                f"{self.file} holds {steps} observations and {len(self.actions)} actions; record "
                "one action for each."
            )
        _require_legible(self)
        _require_finite(self)

    @property
    def visited(self) -> Visited:
        """What a policy sees of it; one episode where it is not known where others begin."""
        whole = np.array([len(self.observations)])
        return Visited(whole if self.lengths is None else self.lengths, self.observations)

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should hear before they trust a number."""
        visited, steps = self.visited, len(self.observations)
        if self.sampled:
            return (
                f"The {steps:,} observations were drawn uniformly from the ranges of {self.file}: "
                "they are sampled, not visited, and a policy may never meet most of them.",
            )
        if len(visited.lengths) > 1:
            return ()
        known = (
            f"{self.file} does not say where episodes begin, so its steps are taken as those of "
            "one, in their order"
            if self.lengths is None
            else f"{self.file} holds one episode"
        )
        count = len(visited.blocks)
        return (
            f"{known}: intervals rest on {count} blocks of about {steps // count} consecutive "
            "steps, and are too narrow if states resemble each other for longer.",
        )

    @property
    def named(self) -> tuple[Feature, ...]:
        """Its features; images have none."""
        shape = self.observations.shape[1:]
        if len(shape) != 1:
            return ()
        return tuple(map(parse, self.features)) or feature_names("", *shape)


def assembled(columns: Mapping[str, np.ndarray], file: str, digest: str | None) -> Recording:
    """A recording of arrays with one row per step, named as in `COLUMNS`.

    Raises:
        RecordingError: See `Recording`; also if there are no observations.
    """
    observations = next((columns[name] for name in OBSERVATIONS if name in columns), None)
    if observations is None or observations.ndim == 0:
        raise RecordingError(
            f"{file} holds no array named observations (step, …); name it so, or store it alone."
        )
    steps = len(observations)
    for name in (EPISODE, STARTS, *ENDS):
        if name in columns and columns[name].size != steps:
            raise RecordingError(
                f"{file} holds {steps} observations, and {name} of shape {columns[name].shape}; "
                "it needs one value for each."
            )
    order, lengths = _episodes(columns, steps, file)
    actions = columns.get(ACTIONS)
    if actions is not None and actions.shape[:1] == (steps,):
        actions = actions[order]
    return Recording(
        observations=observations[order],
        lengths=lengths,
        features=tuple(map(str, columns.get(FEATURES, np.array(())).flat)),
        actions=actions,
        file=file,
        digest=digest,
    )


def require_room(unpacked: int, packed: int, file: str) -> None:
    """Refuse what would fill the memory, before it does.

    Raises:
        RecordingError: If it would.
    """
    if unpacked > ROOM + SHRINKAGE * packed:
        raise RecordingError(
            f"{file} has {packed:,} bytes and claims to hold arrays of {unpacked:,}, which no "
            "recording does; get a fresh copy."
        )


def _episodes(
    columns: Mapping[str, np.ndarray], steps: int, file: str
) -> tuple[np.ndarray | slice, np.ndarray | None]:
    """Steps in the order of their episodes, and how many each has."""
    if EPISODE in columns:
        ids = columns[EPISODE].ravel()
        if ids.dtype.kind == "f" and not np.isfinite(ids).all():
            raise RecordingError(f"{file} has steps without an episode; number them all.")
        _, first, which, counts = np.unique(
            ids, return_index=True, return_inverse=True, return_counts=True
        )
        # episodes that were recorded side by side are gathered, and keep the order of their steps
        by_appearance = np.argsort(first)
        rank = np.argsort(by_appearance)
        return np.argsort(rank[which], kind="stable"), counts[by_appearance]
    if STARTS in columns:
        begun = columns[STARTS].ravel() != 0
    else:
        ends = [columns[name].ravel() != 0 for name in ENDS if name in columns]
        if not ends:
            return slice(None), None
        begun = np.roll(np.any(ends, axis=0), 1)
    firsts = np.union1d([0], np.flatnonzero(begun)) if steps else np.array([], int)
    return slice(None), np.diff(firsts.astype(np.int64), append=steps)


def _numbers(values: np.ndarray, file: str) -> np.ndarray:
    """As 8-bit pixels or as real numbers in this machine's byte order."""
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind not in "biuf":
        raise RecordingError(
            f"{file} holds observations of type {values.dtype}; only numbers can be analysed."
        )
    wanted = np.uint8 if (kind, size) == ("u", 1) else np.float64
    if (kind, size) == ("f", 4):
        wanted = np.float32
    with np.errstate(over="ignore"):  # infinity is refused
        # torch wants them in order and writable, though nobody writes
        return np.require(values, wanted, ("C", "W"))


def _require_finite(recording: Recording) -> None:
    finite = np.isfinite(recording.observations)
    if finite.all():
        return
    step, *place = (int(i) for i in np.argwhere(~finite)[0])
    named = recording.named
    where = f"feature {named[place[0]].name!r}" if named else f"place {tuple(place)}"
    count = int(finite.size - finite.sum())
    raise RecordingError(
        f"{recording.file} holds NaN or infinity {count} times, first at step {step}, {where}; "
        "leave such steps out."
    )


def _require_legible(recording: Recording) -> None:
    names, shape = recording.features, recording.observations.shape[1:]
    if names and len(names) != math.prod(shape):
        raise RecordingError(
            f"{recording.file} names {len(names)} features, and its observations have shape "
            f"{shape}; give one name for each."
        )
    for name in names:
        if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
            raise RecordingError(
                f"{recording.file} has a feature named {name[:LONGEST_NAME]!r}; names are "
                f"printable texts of at most {LONGEST_NAME} characters."
            )
    plain = [feature.name for feature in map(parse, names)]
    twice = next((name for name in plain if plain.count(name) > 1), None)
    if twice is not None:
        raise RecordingError(
            f"{recording.file} has two features named {twice!r}; rename one of them."
        )
