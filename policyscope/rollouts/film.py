"""Film: an episode to look at, frame by frame.

Of images the film shows what there was and, right of it, what the policy was shown; of everything
else, what the environment draws when the same actions are done in it. A strip below it says where
in the episode a frame is, and in which steps something else was shown than there was.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from jaxtyping import Bool, Shaped, UInt8
from PIL import Image

from policyscope.errors import EnvironmentMismatch, UsageError
from policyscope.images import frame_axes, frames_of
from policyscope.progress import Progress, silent
from policyscope.reports.results import Counterexample
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.quiet import quiet
from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.seeds import environment_seed

Frame = UInt8[np.ndarray, " _ _ 3"]

WIDTH = 320
"""Pixels; larger frames are made smaller."""
STRIP = 8
"""Height of the strip, in pixels."""
RED, GREY, BLACK = (213, 94, 0), (200, 205, 210), (0, 0, 0)
IMAGES_PER_SECOND = 15
"""Where the film is of images: as fast as an Atari game with a frame in every fourth."""
FASTEST = 20
"""Milliseconds: viewers of GIF show what is faster slowly."""


def require_writable(path: Path) -> None:
    """Refuse a place that no film can be written to.

    Raises:
        UsageError: If it is none.
    """
    if path.suffix not in WRITERS:
        raise UsageError(f"A film is a {' or '.join(WRITERS)} file, not {path.name!r}.")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"No film can be written to {path}: name a file in a folder that exists.")
    if path.suffix == ".mp4" and find_spec("cv2") is None:
        raise UsageError(
            "An .mp4 needs an encoder: pip install opencv-python-headless, or ask for a .gif."
        )


def film(
    kept: Counterexample,
    rollouts: Rollouts,
    environment: Environment,
    path: Path,
    progress: Progress = silent,
) -> int:
    """Write one episode as a film, whole or not at all.

    Args:
        kept: Knows how the episode begins.
        rollouts: The one episode.
        environment: Where it was played.
        path: Where the film goes, see `require_writable`.
        progress: Shows how far it is.

    Returns:
        How many frames it has.

    Raises:
        EnvironmentMismatch: If the environment cannot be drawn.
    """
    if frame_axes(rollouts.observations.shape[1:]) is None:
        seed = environment_seed(kept.seed, kept.episode)
        frames, rate = drawn(environment, seed, rollouts)
    else:
        frames, rate = _seen(rollouts), IMAGES_PER_SECOND
    attacked = (rollouts.shown != rollouts.observations).reshape(len(rollouts.shown), -1).any(1)
    with (
        tempfile.TemporaryDirectory(prefix=".film-", dir=path.absolute().parent) as scratch,
        progress("film", len(attacked)) as advance,
    ):

        def marked() -> Iterator[Frame]:
            for step, frame in enumerate(frames):
                yield _with_strip(_small(frame), step, attacked)
                advance(1)

        fresh = Path(scratch, f"new{path.suffix}")
        count = WRITERS[path.suffix](marked(), rate, fresh)
        os.replace(fresh, path)
    return count


def drawn(environment: Environment, seed: int, rollouts: Rollouts) -> tuple[Iterator[Frame], float]:
    """What the environment draws of an episode, and how many frames that are in a second.

    Raises:
        EnvironmentMismatch: If it draws nothing.
    """
    able = environment.simulator()
    able.close()
    if "rgb_array" not in able.metadata.get("render_modes", ()):
        raise EnvironmentMismatch(f"{environment.playable} draws no pictures of itself: no film.")
    arguments = {**_camera(able), **environment.arguments, "render_mode": "rgb_array"}
    simulator = replace(environment, arguments=arguments).simulator()

    def frames() -> Iterator[Frame]:
        done = zip(rollouts.actions, rollouts.rewards, strict=True)
        with closing(simulator):
            simulator.reset(seed=seed)
            yield np.asarray(simulator.render())
            for step, (action, reward) in enumerate(done):
                _, given, *_ = simulator.step(action)
                if given != reward:
                    raise EnvironmentMismatch(
                        f"{environment.playable} goes another way in step {step} when it is drawn."
                    )
                yield np.asarray(simulator.render())

    rate = float(able.metadata.get("render_fps") or IMAGES_PER_SECOND)
    return _explained(frames(), environment.playable), rate


def _camera(simulator: gymnasium.Env) -> dict[str, str]:
    """The argument that makes a robot's own camera follow it, where none follows it anyway."""
    inner: Any = simulator.unwrapped
    if not any(k.__module__.startswith("gymnasium.envs.mujoco.") for k in type(inner).__mro__):
        return {}
    follows = "trackbodyid" in (inner.mujoco_renderer.default_cam_config or {})
    cameras = [inner.model.camera(number).name for number in range(inner.model.ncam)]
    return {"camera_name": "track"} if "track" in cameras and not follows else {}


def _explained(frames: Iterator[Frame], name: str) -> Iterator[Frame]:
    try:
        with quiet():
            yield from frames
    except EnvironmentMismatch:
        raise
    except Exception as error:  # a renderer may fail in any way, for want of a screen above all
        raise EnvironmentMismatch(
            f"{name} cannot be drawn here ({error}). MuJoCo without a screen needs MUJOCO_GL=egl "
            "or MUJOCO_GL=osmesa."
        ) from error


def _seen(rollouts: Rollouts) -> Iterator[Frame]:
    """Of each step the newest image that there was, beside the one that was shown."""
    for pair in zip(rollouts.observations, rollouts.shown, strict=True):
        yield np.concatenate([_picture(image) for image in pair], 1)


def _picture(image: Shaped[np.ndarray, " *observation"]) -> Frame:
    if image.dtype != np.uint8:
        image = (255 * np.clip(image, 0, 1)).astype(np.uint8)
    if image.ndim == 3 and image.shape[-1] == 3:
        return image
    return np.repeat(frames_of(image)[-1][:, :, None], 3, 2)


def _small(frame: Frame) -> Frame:
    height, width, _ = frame.shape
    size = (WIDTH, round(height * WIDTH / width))
    how = Image.Resampling.NEAREST if width < WIDTH else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(frame).resize(size, how))


def _with_strip(frame: Frame, step: int, attacked: Bool[np.ndarray, " step"]) -> Frame:
    strip = np.full((STRIP, frame.shape[1], 3), GREY, np.uint8)
    columns = frame.shape[1] / (len(attacked) + 1)
    for one in np.flatnonzero(attacked).tolist():
        strip[:, int(one * columns) : max(int((one + 1) * columns), int(one * columns) + 1)] = RED
    now = int(step * columns)
    strip[:, now : now + max(int(columns), 2)] = BLACK
    return np.concatenate([frame, strip])


def _as_gif(frames: Iterator[Frame], rate: float, path: Path) -> int:
    count = 0

    def pictures() -> Iterator[Image.Image]:
        nonlocal count
        for frame in frames:
            count += 1
            yield Image.fromarray(frame).quantize()

    every = pictures()
    first = next(every)
    lasting = max(FASTEST, round(100 / rate) * 10)
    first.save(path, "GIF", save_all=True, append_images=every, duration=lasting, loop=0)
    return count


def _as_mp4(frames: Iterator[Frame], rate: float, path: Path) -> int:
    import cv2  # brings an encoder, and is not installed everywhere

    first = next(frames)
    size = (first.shape[1], first.shape[0])
    code = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), code, rate, size)
    count = 0
    for frame in chain([first], frames):
        writer.write(np.ascontiguousarray(frame[:, :, ::-1]))
        count += 1
    writer.release()
    return count


WRITERS: dict[str, Callable[[Iterator[Frame], float, Path], int]] = {
    ".gif": _as_gif,
    ".mp4": _as_mp4,
}
"""By the suffix of the file."""
