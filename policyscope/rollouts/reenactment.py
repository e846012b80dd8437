"""Reenactment: an episode under attack once more, from what a report keeps of it.

    shown_t = observation_t + change_t      on bit patterns, modulo the size of a pattern

The environment begins with the same seed and is given the same actions, so it has to give the same
observations, which are compared by digest; then what was shown is the same too, and a policy that
is shown it in the same row of a batch of the same size has to act the same. One bit that differs is
a difference.
"""

import hashlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped, UInt, UInt64

from policyscope.errors import ReportError
from policyscope.policies.observations import flattened
from policyscope.policies.policy import Memory, describe
from policyscope.reports.results import Counterexample
from policyscope.rollouts.actors import Actor
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.lockstep import Lockstep
from policyscope.rollouts.play import play
from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.seeds import Generators


@dataclass(frozen=True, eq=False)
class Reenactment:
    """An episode that was played again."""

    rollouts: Rollouts | None
    """None where it went on beyond the end of the one that was kept."""
    difference: str | None
    """A sentence on where the two first differ; None where they are the same, bit for bit."""


def reenacted(
    kept: Counterexample, environment: Environment, actor: Actor | None = None
) -> Reenactment:
    """Play a counterexample again.

    Args:
        kept: What is known of it.
        environment: Where it was played.
        actor: Who acts when shown the same; what was done is done again where there is nobody.

    Raises:
        ReportError: If it was not played in such an environment.
    """
    _require_fitting(kept, environment)
    eyes = _SameChanges(kept)
    try:
        rollouts = play(
            _SameActions(kept.actions) if actor is None else actor,
            environment,
            1,
            kept.seed,
            perturbation=eyes,
            first=kept.episode,
        )
    except _GoesOn:
        return Reenactment(None, _difference(kept, None, eyes.differing))
    return Reenactment(rollouts, _difference(kept, rollouts, eyes.differing))


def unharmed(kept: Counterexample, environment: Environment, actor: Actor) -> str | None:
    """A sentence where the same episode without the attack does not return what it did."""
    returned = float(play(actor, environment, 1, kept.seed, first=kept.episode).returns[0])
    if returned == kept.clean:
        return None
    return f"Without the attack the episode returned {kept.clean!r} and returns {returned!r}."


def changes(
    observations: Shaped[np.ndarray, " step *observation"],
    shown: Shaped[np.ndarray, " step *observation"],
) -> UInt[np.ndarray, " step *observation"]:
    """What turns the bit patterns of observations into those of what was shown."""
    return bits(shown) - bits(observations)


def digests(
    observations: Shaped[np.ndarray, " step *observation"],
    shown: Shaped[np.ndarray, " step *observation"],
) -> UInt64[np.ndarray, " step"]:
    """Sixty-four bits of BLAKE2 of each observation's bytes and of those that were shown."""
    each = [
        hashlib.blake2b(one.tobytes() + other.tobytes(), digest_size=8).digest()
        for one, other in zip(observations, shown, strict=True)
    ]
    return np.frombuffer(b"".join(each), "<u8").astype(np.uint64)


def bits(values: Shaped[np.ndarray, " *shape"]) -> UInt[np.ndarray, " *shape"]:
    """Bit patterns of numbers of any type."""
    return np.ascontiguousarray(values).view(np.dtype(f"u{values.dtype.itemsize}"))


def lengths(
    delta: Float[np.ndarray, " step *observation"],
    scale: Float[np.ndarray, " *observation"],
    norm: str,
) -> Float[np.ndarray, " step"]:
    """How long changes of observations are, in units of each feature."""
    shares = np.zeros(delta.shape)
    with np.errstate(divide="ignore"):  # what was not to be moved is infinitely far
        np.divide(np.abs(delta), scale, out=shares, where=delta != 0)
    flat = shares.reshape(len(shares), -1)
    return flat.max(1) if norm == "linf" else np.linalg.norm(flat, axis=1)


def moved(rollouts: Rollouts) -> Float[np.ndarray, " step *observation"]:
    """How far what was shown is from what there was, in the environment's units."""
    return rollouts.shown.astype(np.float64) - rollouts.observations.astype(np.float64)


class _GoesOn(Exception):  # noqa: N818  it ends a run, and is no error
    """The episode does not end where the kept one does."""


@dataclass(frozen=True, eq=False)
class _SameActions:
    """Does in each step what was done; what is remembered is the number of the step."""

    actions: Shaped[np.ndarray, " step *action"]

    purpose: ClassVar[str] = "the same actions"

    def initial_memory(self, lanes: int) -> Memory:
        """See `Actor.initial_memory`."""
        return (torch.zeros(lanes),)

    def act(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        memory: Memory,
        playing: Lockstep,
        generators: Generators,
    ) -> tuple[Shaped[np.ndarray, " lane *action"], Memory]:
        """See `Actor.act`."""
        del observations, playing, generators
        steps = memory[0].long().numpy()
        if steps.max() >= len(self.actions):
            raise _GoesOn
        return self.actions[steps], (memory[0] + 1,)


class _SameChanges:
    """Changes in each step what was changed, for one episode; notes what it should not see."""

    purpose: ClassVar[str] = "the same changes"

    def __init__(self, kept: Counterexample) -> None:
        self._kept = kept
        self._step = 0
        self.differing: int | None = None

    def perturb(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        episodes: Int64[np.ndarray, " lane"],
        generators: Generators,
    ) -> Shaped[np.ndarray, " lane *observation"]:
        """See `Perturbation.perturb`."""
        del episodes, generators
        step, self._step = self._step, self._step + 1
        if step >= len(self._kept.changes):
            return observations
        changed = bits(observations) + self._kept.changes[step : step + 1]
        shown = changed.view(observations.dtype)
        if self.differing is None and digests(observations, shown)[0] != self._kept.digests[step]:
            self.differing = step
        return shown


def _difference(
    kept: Counterexample, played: Rollouts | None, observation: int | None
) -> str | None:
    """Where two episodes first differ; within a step, observations come first."""
    found = [] if observation is None else [(observation, "what was observed or shown is another")]
    if played is None:
        found.append((len(kept.rewards), "it goes on where it ended"))
    else:
        for what, before, now in (
            ("action", kept.actions, played.actions),
            ("reward", kept.rewards, played.rewards),
        ):
            step = _apart(before, now)
            if step is not None:
                found.append((step, f"the {what} was {before[step]} and is {now[step]}"))
        ends = (len(played.rewards), bool(played.terminated[0]), bool(played.truncated[0]))
        if ends != (len(kept.rewards), kept.terminated, kept.truncated):
            found.append((min(ends[0], len(kept.rewards)), "it does not end as it did"))
    if not found:
        return None
    step, what = min(found, key=lambda one: one[0])
    return f"The two first differ in step {step}: {what}."


def _apart(one: np.ndarray, other: np.ndarray) -> int | None:
    """The first step that both have in which they are not the same, bit for bit."""
    if one.shape[1:] != other.shape[1:] or one.dtype != other.dtype:
        return 0
    steps = min(len(one), len(other))
    one, other = one[:steps], other[:steps]
    differing = (bits(one) != bits(other)).reshape(len(one), -1).any(1)
    return int(differing.argmax()) if differing.any() else None


def _require_fitting(kept: Counterexample, environment: Environment) -> None:
    given, actions = environment.spaces()
    observations = flattened(given, environment.playable)
    shape = observations.shape[environment.frame_stack is not None :]
    size, dtype = kept.changes.dtype.itemsize, observations.dtype
    if (kept.scale.shape, size) != (shape, np.dtype(dtype).itemsize):
        raise ReportError(
            f"The counterexample has observations of shape {kept.scale.shape} and {size} bytes a "
            f"number, and {environment.playable} gives {shape} of {dtype}: it was played elsewhere."
        )
    if not all(actions.contains(action) for action in kept.actions):
        raise ReportError(
            f"The counterexample has actions that are none of {environment.playable}'s "
            f"({describe(actions)}): it was played elsewhere."
        )
