"""play: one loop for everything that happens in an environment.

Episodes are played in lock step on many lanes, inference is batched, and every episode is played
to its end, so that short ones are not preferred. Episode i is the same episode whatever the number
of lanes: all that is random in it comes from (seed, purpose, i), and all that is computed for it
is computed in the same row of a batch of the same size.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import numpy as np
import torch
from jaxtyping import Float

from policyscope.errors import UsageError
from policyscope.policies.policy import Memory
from policyscope.rollouts.actors import Actor
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.lockstep import Lockstep
from policyscope.rollouts.perturbation import Adversary, Perturbation, Sight
from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.seeds import Generators, environment_seed
from policyscope.rollouts.tape import Record, Tally, Tape


def play(  # noqa: PLR0913  the three that follow * have defaults that suit everyone
    actor: Actor,
    environment: Environment,
    episodes: int,
    seed: int = 0,
    *,
    perturbation: Perturbation | Adversary | None = None,
    lanes: int | None = None,
    on_finished: Callable[[int], None] = lambda episodes: None,
    first: int = 0,
) -> Rollouts:
    """Play whole episodes.

    Args:
        actor: Chooses the actions, for example `Greedy(policy)`.
        environment: What to play.
        episodes: How many; their numbers are 0, 1, … where `first` is 0.
        seed: With an episode's number, decides everything that is random in it.
        perturbation: Stands between the observation and the actor.
        lanes: How many are played side by side; it changes the speed, never an episode.
        on_finished: Called with the number of episodes that have just ended.
        first: The number of the first, so that one of many can be played again.

    Raises:
        UsageError: If there are no episodes or no lanes to play.
    """
    _require_some(episodes, lanes)
    tape = Tape(episodes)
    _play(tape, actor, environment, seed, perturbation, lanes, on_finished, first)
    return tape.rollouts(seed, environment.frame_stack)


def returns_of(  # noqa: PLR0913  see `play`
    actor: Actor,
    environment: Environment,
    episodes: int,
    seed: int = 0,
    *,
    perturbation: Perturbation | Adversary | None = None,
    lanes: int | None = None,
    on_finished: Callable[[int], None] = lambda episodes: None,
) -> Float[np.ndarray, " episode"]:
    """The undiscounted returns of the episodes that `play` plays, and nothing else of them.

    What an episode needs is forgotten when it ends, so there may be any number. See `play`.
    """
    _require_some(episodes, lanes)
    tally = Tally(episodes)
    _play(tally, actor, environment, seed, perturbation, lanes, on_finished)
    return tally.returns


def _play(  # noqa: PLR0913  see `play`
    record: Record,
    actor: Actor,
    environment: Environment,
    seed: int,
    perturbation: Perturbation | Adversary | None,
    lanes: int | None,
    on_finished: Callable[[int], None],
    first: int = 0,
) -> None:
    count = min(record.episodes, lanes or environment.usual_lanes)
    simulators = environment.lanes(count)
    eyes = _Eyes(perturbation, environment.frame_stack, seed)
    choices = Generators(seed, actor.purpose)
    playing = Lockstep(range(first, first + record.episodes), count, environment.batch)

    def begin(positions: np.ndarray) -> np.ndarray:
        seeds = [
            environment_seed(seed, episode) for episode in playing.episodes[positions].tolist()
        ]
        return simulators.reset(playing.lanes[positions], seeds)

    with closing(simulators), torch.inference_mode(), _one_thread():
        observations = begin(np.arange(count))
        memory = actor.initial_memory(count)
        while len(playing.lanes):
            shown = eyes.shown(observations, playing.episodes, memory)
            actions, memory = actor.act(eyes.see(shown), memory, playing, choices)
            following, rewards, terminated, truncated = simulators.step(playing.lanes, actions)
            seen = () if perturbation is None else (shown,)
            record.write(playing.episodes - first, (observations, actions, rewards, *seen))
            ended = terminated | truncated
            if ended.any():
                record.end(playing.episodes[ended] - first, terminated[ended], truncated[ended])
                on_finished(int(ended.sum()))
                begun, kept = playing.finish(ended)
                following, memory = following[kept], tuple(m[kept] for m in memory)
                eyes.forget(begun, kept)
                if len(begun):
                    following[begun] = begin(begun)
                    for rows, fresh in zip(memory, actor.initial_memory(len(begun)), strict=True):
                        rows[begun] = fresh
            observations = following


def _require_some(episodes: int, lanes: int | None) -> None:
    if episodes < 1 or (lanes is not None and lanes < 1):
        raise UsageError(f"play needs at least 1 episode and 1 lane, not {episodes} and {lanes}.")


class _Eyes:
    """What the actor sees: the new observation, changed or not, or the newest few of them."""

    def __init__(
        self, perturbation: Perturbation | Adversary | None, frame_stack: int | None, seed: int
    ) -> None:
        self._perturbation = perturbation
        self._generators = Generators(seed, perturbation.purpose if perturbation else "")
        self._frame_stack = frame_stack
        self._frames: np.ndarray | None = None

    def shown(self, observations: np.ndarray, episodes: np.ndarray, memory: Memory) -> np.ndarray:
        if self._frame_stack is not None and self._frames is None:
            shape = (len(observations), self._frame_stack, *observations.shape[1:])
            self._frames = np.zeros(shape, observations.dtype)
        match self._perturbation:
            case None:
                return observations
            case Adversary() as adversary:
                sight = Sight(episodes, self._frames, memory)
                return adversary.attack(observations, sight, self._generators)
            case Perturbation() as perturbation:
                return perturbation.perturb(observations, episodes, self._generators)

    def see(self, shown: np.ndarray) -> np.ndarray:
        if self._frames is None:
            return shown
        self._frames = np.concatenate([self._frames[:, 1:], shown[:, None]], 1)
        return self._frames

    def forget(self, begun: np.ndarray, kept: np.ndarray) -> None:
        """An episode begins with empty frames."""
        if self._frames is not None:
            self._frames = self._frames[kept]
            self._frames[begun] = 0


@contextmanager
def _one_thread() -> Iterator[None]:
    """One torch thread: two that share a busy core wait for each other a hundred times longer."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
