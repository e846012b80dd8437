"""The methods of attribution, by the names they are reported under."""

from policyscope.attributions.gradient import Gradient
from policyscope.attributions.integrated_gradients import IntegratedGradients
from policyscope.attributions.method import Method

METHODS: dict[str, Method] = {
    "gradient": Gradient(),
    "integrated gradients": IntegratedGradients(),
}
