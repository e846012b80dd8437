"""Blur: how much do the scores change when a spot of the image is blurred?

    m_P(s) = ½ ‖S(s) − S(s with P blurred)‖²        over all scores, whichever is asked for

interpolated between the spots, which are those of `spots`. It has no sign, and no target.

Reference: Greydanus, Koul, Dodge, Fern 2018, https://arxiv.org/abs/1711.00138
"""

from dataclasses import dataclass

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps, Reference, Targets
from policyscope.attributions.parts import drops, frame_shape
from policyscope.attributions.spots import blurred, over_frames, spots

VECTORS = "it blurs the frames of images, and this policy sees vectors"


@dataclass(frozen=True)
class Blur:
    """Half the square of the change of all scores when a spot is blurred."""

    def obstacle(self, glimpses: Glimpses) -> str | None:
        """See `Method.obstacle`."""
        return VECTORS if frame_shape(glimpses) is None else None

    def attribute(self, glimpses: Glimpses, targets: Targets, reference: Reference) -> Maps:
        """See `Method.attribute`."""
        del reference
        frame = frame_shape(glimpses)
        if frame is None:
            raise ValueError(f"Blur was asked for all the same: {VECTORS}.")
        lower = drops(glimpses, spots(frame), blurred(glimpses, frame))
        credits = lower.square().sum(3)[:, None] / 2
        return over_frames(credits.expand(-1, targets.shape[1], -1, -1), frame, glimpses)
