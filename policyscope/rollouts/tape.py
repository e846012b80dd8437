"""What is kept of episodes while they are played: every step, or only what they returned."""

from typing import Protocol, runtime_checkable

import numpy as np

from policyscope.rollouts.rollouts import Rollouts


@runtime_checkable
class Record(Protocol):
    """Keeps what it wants of each step."""

    episodes: int
    """How many are played."""

    def write(self, episodes: np.ndarray, step: tuple[np.ndarray, ...]) -> None:
        """One step of the lanes that are playing, and the place of the episode in each.

        A step is the observations, actions and rewards, and what was shown in the place of the
        observations where something stands between them and the actor.
        """
        ...

    def end(self, episodes: np.ndarray, terminated: np.ndarray, truncated: np.ndarray) -> None:
        """These episodes have had their last step."""
        ...


class Tally:
    """The sum of each episode's rewards."""

    def __init__(self, episodes: int) -> None:
        self.episodes = episodes
        self.returns = np.zeros(episodes)

    def write(self, episodes: np.ndarray, step: tuple[np.ndarray, ...]) -> None:
        """See `Record.write`."""
        self.returns[episodes] += step[2]

    def end(self, episodes: np.ndarray, terminated: np.ndarray, truncated: np.ndarray) -> None:
        """See `Record.end`."""
        del episodes, terminated, truncated


class Tape:
    """Steps as they are played, all lanes at once; whole episodes when it is read."""

    def __init__(self, episodes: int) -> None:
        self.episodes = episodes
        self._lengths = np.zeros(episodes, np.int64)
        self._terminated = np.zeros(episodes, bool)
        self._truncated = np.zeros(episodes, bool)
        self._places: list[tuple[np.ndarray, np.ndarray]] = []
        self._steps: list[tuple[np.ndarray, ...]] = []

    def write(self, episodes: np.ndarray, step: tuple[np.ndarray, ...]) -> None:
        """See `Record.write`."""
        self._places.append((episodes.copy(), self._lengths[episodes]))
        self._steps.append(step)
        self._lengths[episodes] += 1

    def end(self, episodes: np.ndarray, terminated: np.ndarray, truncated: np.ndarray) -> None:
        """See `Record.end`."""
        self._terminated[episodes] = terminated
        self._truncated[episodes] = truncated

    def rollouts(self, seed: int, frame_stack: int | None) -> Rollouts:
        """What was written, whole episodes one after the other."""
        first = np.cumsum(self._lengths) - self._lengths
        places = [first[episode] + time for episode, time in self._places]
        columns = []
        for parts in zip(*self._steps, strict=True):
            columns.append(np.empty((self._lengths.sum(), *parts[0].shape[1:]), parts[0].dtype))
            for place, part in zip(places, parts, strict=True):
                columns[-1][place] = part
        observations, actions, rewards, *shown = columns
        return Rollouts(
            seed=seed,
            lengths=self._lengths,
            observations=observations,
            shown=shown[0] if shown else observations,
            actions=actions,
            rewards=rewards,
            terminated=self._terminated,
            truncated=self._truncated,
            frame_stack=frame_stack,
        )
