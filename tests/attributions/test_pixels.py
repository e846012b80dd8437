import pytest

from policyscope.attributions.pixels import sides


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((84, 84), (0, 1)),
        ((4, 84, 84), (1, 2)),
        ((210, 160, 3), (0, 1)),
        ((8, 3, 64, 48), (2, 3)),
        ((8, 64, 48, 3), (1, 2)),
        ((7, 7, 7), (1, 2)),
    ],
)
def test_the_two_longest_axes_are_the_images(shape, expected):
    assert sides(shape) == expected
