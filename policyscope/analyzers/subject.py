"""Subject: what an analyzer is asked about, and what an analyzer is."""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from gymnasium import Space
from jaxtyping import Float

from policyscope.errors import EnvironmentMismatch
from policyscope.policies.policy import Policy
from policyscope.progress import Progress, silent
from policyscope.reports.results import Result
from policyscope.rollouts.actors import Actor, Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.features import features_of
from policyscope.rollouts.fitting import fitted_to_recording
from policyscope.rollouts.names import Feature, action_names
from policyscope.rollouts.perturbation import Adversary, Perturbation
from policyscope.rollouts.play import play, returns_of
from policyscope.rollouts.recording import Recording
from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.visited import Visited


@dataclass(frozen=True, eq=False)
class Subject:
    """A policy with what it was seen to do in its environment, or with recorded observations."""

    policy: Policy
    environment: Environment | None
    """None where nothing can be played."""
    seen: Rollouts | Recording
    """The policy's own episodes, unperturbed; or observations that somebody recorded."""
    seed: int
    """Decides everything random."""
    action_space: Space
    features: tuple[Feature, ...]
    """Names of the observation's features; images have none."""
    actions: tuple[Feature, ...]
    """Names of the actions, or of the dimensions of a continuous one."""
    lanes: int | None = None
    progress: Progress = silent

    @classmethod
    def observed(  # noqa: PLR0913  what `analyze` takes, less the analyzers
        cls,
        policy: Policy,
        environment: Environment,
        episodes: int,
        seed: int,
        lanes: int | None = None,
        progress: Progress = silent,
    ) -> "Subject":
        """Fit a policy to an environment and watch it play.

        Raises:
            EnvironmentMismatch: If they do not fit.
        """
        observations, actions = environment.spaces()
        fitted = policy.fitted_to(observations, actions, environment.id)
        with progress("policy", episodes) as advance:
            rollouts = play(
                Greedy(fitted), environment, episodes, seed, lanes=lanes, on_finished=advance
            )
        return cls(
            policy=fitted,
            environment=environment,
            seen=rollouts,
            seed=seed,
            action_space=actions,
            features=features_of(environment.playable, observations),
            actions=action_names(environment.playable, fitted.outputs or 0),
            lanes=lanes,
            progress=progress,
        )

    @classmethod
    def recorded(
        cls,
        policy: Policy,
        recording: Recording,
        seed: int,
        actions: str | None = None,
        progress: Progress = silent,
    ) -> "Subject":
        """Fit a policy to recorded observations, without an environment.

        Raises:
            RecordingError: If they do not fit.
            UsageError: If `actions` is neither discrete nor continuous, or contradicts the file.
        """
        fitted, action_space = fitted_to_recording(policy, recording, actions)
        return cls(
            policy=fitted,
            environment=None,
            seen=recording,
            seed=seed,
            action_space=action_space,
            features=recording.named,
            actions=action_names("", fitted.outputs or 0),
            progress=progress,
        )

    @property
    def visited(self) -> Visited:
        """The observations, played or recorded: all that a question about the network needs."""
        return self.seen.visited

    @property
    def rollouts(self) -> Rollouts:
        """The policy's own episodes, unperturbed.

        Raises:
            EnvironmentMismatch: If there are none, for want of an environment.
        """
        if isinstance(self.seen, Rollouts):
            return self.seen
        raise EnvironmentMismatch(f"needs {Need.ENVIRONMENT.value}")

    def play(
        self,
        actor: Actor,
        perturbation: Perturbation | Adversary | None = None,
        episodes: int | None = None,
        seed: int | None = None,
        what: str | None = None,
    ) -> Rollouts:
        """The same episodes again, with another actor or other eyes: paired with `rollouts`.

        Args:
            actor: Chooses the actions.
            perturbation: Stands between the observation and the actor.
            episodes: Only the first so many.
            seed: Another seed gives other episodes, independent of `rollouts`.
            what: What the progress is of; by default the actor's purpose.

        Raises:
            EnvironmentMismatch: If there is no environment to play in.
        """
        episodes = len(self.rollouts.lengths) if episodes is None else episodes
        seed = self.seed if seed is None else seed
        with self.progress(what or actor.purpose, episodes) as advance:
            return play(
                actor,
                self._somewhere,
                episodes,
                seed,
                perturbation=perturbation,
                lanes=self.lanes,
                on_finished=advance,
            )

    def returns(
        self,
        actor: Actor,
        perturbation: Perturbation | Adversary | None,
        episodes: int,
        seed: int,
        what: str,
    ) -> Float[np.ndarray, " episode"]:
        """What episodes return, of which nothing else is kept, so that there may be any number.

        See `play`.
        """
        with self.progress(what, episodes) as advance:
            return returns_of(
                actor,
                self._somewhere,
                episodes,
                seed,
                perturbation=perturbation,
                lanes=self.lanes,
                on_finished=advance,
            )

    @property
    def _somewhere(self) -> Environment:
        """The environment, where there is one to play in."""
        if self.environment is None:
            raise EnvironmentMismatch(f"needs {Need.ENVIRONMENT.value}")
        return self.environment


class Need(Enum):
    """What a method cannot do without, beside observations."""

    ENVIRONMENT = "an environment to play in"
    GRADIENTS = "gradients of the scores"
    VECTORS = "observations that are vectors of features (`saliency` explains images)"
    NO_MEMORY = "a policy without memory"

    def met_by(self, subject: Subject) -> bool:
        """Whether the subject offers it."""
        match self:
            case Need.ENVIRONMENT:
                return subject.environment is not None
            case Need.GRADIENTS:
                return subject.policy.differentiable
            case Need.VECTORS:
                return len(subject.policy.observation_shape or ()) == 1
            case Need.NO_MEMORY:
                return not subject.policy.memory_shapes


@runtime_checkable
class Comparing(Protocol):
    """An analyzer that can also say how two policies differ, beyond what two runs of one do."""

    def compare(self, first: Subject, second: Subject, rng: np.random.Generator) -> Result:
        """Answer the question for two policies that played the same episodes."""
        ...


@runtime_checkable
class Analyzer(Protocol):
    """A method: a frozen dataclass of parameters with one pure `run`.

    Registered under the entry point group `policyscope.analyzers`. Where a need is not met the
    method is not run, and the report says so.
    """

    needs: ClassVar[tuple[Need, ...]]

    def run(self, subject: Subject, rng: np.random.Generator) -> Result:
        """Answer the question. Equal arguments give equal answers."""
        ...
