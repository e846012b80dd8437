import numpy as np
import pytest

from policyscope.images import frames_of, radial_spectrum


@pytest.mark.parametrize(
    ("shape", "frames"),
    [
        ((4, 84, 84), (4, 84, 84)),
        ((84, 90, 3), (3, 84, 90)),
        ((84, 90), (1, 84, 90)),
        ((3, 3, 3), (3, 3, 3)),
    ],
)
def test_frames_are_found_along_the_first_axis_or_a_short_last_one(shape, frames):
    image = np.arange(float(np.prod(shape))).reshape(shape)
    assert frames_of(image).shape == frames
    if shape[-1] == 3 < shape[0]:
        np.testing.assert_array_equal(frames_of(image)[1], image[:, :, 1])


@pytest.mark.parametrize("shape", [(), (7,), (2, 3, 4, 5)])
def test_what_is_no_image_has_no_frames(shape):
    assert len(frames_of(np.ones(shape))) == 0


def test_the_radial_spectrum_of_a_wave_is_at_its_frequency():
    x = np.arange(64)
    wave = np.cos(2 * np.pi * 5 * x / 64)[None, :] * np.ones((64, 1))
    spectrum = radial_spectrum(np.stack([wave, wave.T, np.ones((64, 64))]))
    assert spectrum.shape[0] == 3
    assert spectrum[0].argmax() == spectrum[1].argmax() == 5
    assert spectrum[2].argmax() == 0
    np.testing.assert_allclose(radial_spectrum(np.moveaxis(np.stack([wave] * 3), 0, 2))[0],
                               spectrum[0])  # fmt: skip
    assert radial_spectrum(np.ones(7)).size == 0
