"""Pixels: which axes of what was seen are an image's."""


def sides(shape: tuple[int, ...]) -> tuple[int, int]:
    """The two longest axes, height and width; others are channels, frames, or times.

    Args:
        shape: Of one observation of two axes or more, or of several over time.
    """
    longest = sorted(range(len(shape)), key=lambda axis: (shape[axis], axis))[-2:]
    return min(longest), max(longest)
