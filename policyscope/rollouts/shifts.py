"""Natural shifts of images: other light, lens, camera, transmission.

The kinds are those of RA-NLD's experiments, which does not state their strength; ours leave a frame
easy to read for a person. They change every new frame alike, before frames are stacked.

| shift | strength |
|---|---|
| brightness and contrast | contrast × 1.2, then + 10 of 255 |
| blur | Gaussian, radius 1 pixel |
| rotation | 3 degrees about the centre |
| perspective | the two upper corners move inwards by 5 % of the width |
| compression | JPEG of quality 10 |

Reference: Korkmaz 2024, https://arxiv.org/abs/2406.16979, §5; images are changed by Pillow.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int, Shaped
from PIL import Image, ImageFilter

from policyscope.policies.policy import Policy
from policyscope.rollouts.perturbation import Shift
from policyscope.rollouts.seeds import Generators

CONTRAST, BRIGHTNESS, RADIUS, DEGREES, LEAN, QUALITY = 1.2, 10, 1.0, 3.0, 0.05, 10


@dataclass(frozen=True, eq=False)
class NaturalShift:
    """The same change of every frame."""

    change: Callable[[Image.Image], Image.Image]

    purpose: ClassVar[str] = "natural shift"

    def perturb(
        self,
        observations: Shaped[np.ndarray, " lane *observation"],
        episodes: Int[np.ndarray, " lane"],
        generators: Generators,
    ) -> Shaped[np.ndarray, " lane *observation"]:
        """See `Perturbation.perturb`."""
        del episodes, generators
        channel = _channel(observations.shape[1:])
        frames = observations if channel is None else np.moveaxis(observations, channel + 1, 1)
        shown = np.empty_like(frames)
        for place in np.ndindex(frames.shape[:-2]):
            shown[place] = np.asarray(self.change(Image.fromarray(frames[place])))
        return shown if channel is None else np.moveaxis(shown, 1, channel + 1)


def _brightness_and_contrast(frame: Image.Image) -> Image.Image:
    return frame.point([min(int(CONTRAST * value + BRIGHTNESS), 255) for value in range(256)])


def _blur(frame: Image.Image) -> Image.Image:
    return frame.filter(ImageFilter.GaussianBlur(RADIUS))


def _rotation(frame: Image.Image) -> Image.Image:
    return frame.rotate(DEGREES, Image.Resampling.BILINEAR)


def _perspective(frame: Image.Image) -> Image.Image:
    width, height = frame.size
    inward = LEAN * width
    # where the corners of what is shown lie in the frame, anticlockwise from the upper left
    corners = (-inward, 0, 0, height, width, height, width + inward, 0)
    return frame.transform(frame.size, Image.Transform.QUAD, corners, Image.Resampling.BILINEAR)


def _compression(frame: Image.Image) -> Image.Image:
    stored = io.BytesIO()
    frame.save(stored, "JPEG", quality=QUALITY)
    return Image.open(stored)


def _shift(
    change: Callable[[Image.Image], Image.Image],
    policy: Policy,
    visited: Shaped[np.ndarray, " step *observation"],
    scale: Float[np.ndarray, " *observation"],
) -> NaturalShift | None:
    del policy, scale
    shape = visited.shape[1:]
    image = visited.dtype == np.uint8 and (len(shape) == 2 or _channel(shape) is not None)
    return NaturalShift(change) if image else None


def _channel(shape: tuple[int, ...]) -> int | None:
    """Which axis of an image is no direction in it: a short first or last one of three."""
    if len(shape) != 3:
        return None
    return next((axis for axis in (0, 2) if shape[axis] <= 4 < min(np.delete(shape, axis))), None)


brightness_and_contrast: Shift = partial(_shift, _brightness_and_contrast)
blur: Shift = partial(_shift, _blur)
rotation: Shift = partial(_shift, _rotation)
perspective: Shift = partial(_shift, _perspective)
compression: Shift = partial(_shift, _compression)
