"""The methods of attribution, by the names they are reported under."""

from policyscope.attributions.blur import Blur
from policyscope.attributions.deep_lift import DeepLift
from policyscope.attributions.gradient import Gradient
from policyscope.attributions.guided_backpropagation import GuidedBackpropagation
from policyscope.attributions.integrated_gradients import IntegratedGradients
from policyscope.attributions.method import Method
from policyscope.attributions.occlusion import Occlusion
from policyscope.attributions.sarfa import Sarfa
from policyscope.attributions.smooth_grad import SmoothGrad

METHODS: dict[str, Method] = {
    "gradient": Gradient(),
    "integrated gradients": IntegratedGradients(),
    "smoothgrad": SmoothGrad(),
    "deeplift": DeepLift(),
    "guided backpropagation": GuidedBackpropagation(),
    "occlusion": Occlusion(),
    "blur": Blur(),
    "sarfa": Sarfa(),
}

ADDITIVE = frozenset(METHODS) - {"blur", "sarfa"}
"""Methods whose map of a sum of scores is the sum of the maps: those of two may be subtracted."""

ONE_PASS = ("deeplift", "guided backpropagation", "gradient")
"""Methods that are quick enough for every image of an episode."""
