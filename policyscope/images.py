"""Images: the frames that an observation holds, and how fine a pattern in them is."""

import numpy as np
from jaxtyping import Float, Shaped


def frame_axes(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The axes of height and width, counted from the last; a vector has none."""
    if len(shape) < 2:
        return None
    channels_last = len(shape) > 2 and shape[-1] <= 4 < shape[-3]
    return (-3, -2) if channels_last else (-2, -1)


def frames_of(
    image: Shaped[np.ndarray, " *observation"],
) -> Shaped[np.ndarray, " frame height width"]:
    """The frames of an image, along its first axis or a short last one; a vector has none."""
    if image.ndim == 3 and image.shape[2] <= 4 < image.shape[0]:
        image = np.moveaxis(image, 2, 0)
    if image.ndim not in (2, 3):
        return np.empty((0, 1, 1))
    return image.reshape(-1, *image.shape[-2:])


def radial_spectrum(
    image: Float[np.ndarray, " *observation"],
) -> Float[np.ndarray, " frame radius"]:
    """Mean magnitude of each frame's Fourier transform by the distance from its zero frequency.

    Radius r holds the frequencies of r − ½ to r + ½ cycles per frame. Vectors have no frames.
    """
    frames = frames_of(image)
    if not len(frames):
        return np.empty((0, 0))
    magnitude = np.abs(np.fft.fft2(frames)).reshape(len(frames), -1)
    cycles = [np.fft.fftfreq(size, 1 / size) for size in frames.shape[1:]]
    radius = np.rint(np.hypot(cycles[0][:, None], cycles[1])).astype(int).ravel()
    counts = np.bincount(radius)
    return np.stack([np.bincount(radius, frame) / counts for frame in magnitude])
