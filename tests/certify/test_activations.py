import math

import pytest
import torch
from policyscope_certify.activations import ACTIVATIONS

aten = torch.ops.aten
KINDS = {
    "relu": (aten.relu.default, ()),
    "hardtanh": (aten.hardtanh.default, (-1.0, 2.0)),
    "clamp from below": (aten.clamp_min.default, (0.3,)),
    "clamp from above": (aten.minimum.default, (torch.tensor(0.3),)),
    "tanh": (aten.tanh.default, ()),
    "sigmoid": (aten.sigmoid.default, ()),
    "leaky": (aten.leaky_relu.default, (0.1,)),
    "elu": (aten.elu.default, (0.7,)),
    "softplus": (aten.softplus.default, ()),
}
ENDS = [-40.0, -3.0, -1.0, -0.99999, -0.2, -1e-9, 0.0, 1e-9, 0.3, 1.0, 1.7, 2.0, 5.0, 40.0]


@pytest.mark.parametrize("kind", KINDS)
def test_lines_stay_on_their_side_of_the_curve(kind):
    function, constants = KINDS[kind]
    activation = ACTIVATIONS[function](*constants)
    low, high = torch.tensor(
        [(a, a + w) for a in ENDS for w in (0, 1e-13, 1e-9, 1e-4, 0.5, 3.0, 60.0)],
        dtype=torch.float64,
    ).T
    lines = activation.lines(low, high)
    share = torch.linspace(0, 1, 2001, dtype=torch.float64)[:, None]
    z = low + share * (high - low)
    curve, room = activation(z), 1e-12
    below = lines.slope_below * z + lines.offset_below
    above = lines.slope_above * z + lines.offset_above
    assert (below <= curve + room).all() and (above >= curve - room).all()
    # and no farther away than constants, in the middle
    assert (below[1000] >= curve[0] - room).all() and (above[1000] <= curve[-1] + room).all()
    # narrow intervals are met everywhere
    narrow = high - low <= 1e-9
    assert (above - below)[:, narrow].abs().max() < 2e-9


@pytest.mark.parametrize("kind", KINDS)
def test_activations_compute_what_torch_computes(kind):
    function, constants = KINDS[kind]
    z = torch.linspace(-30, 30, 1001, dtype=torch.float64)
    torch.testing.assert_close(ACTIVATIONS[function](*constants)(z), function(z, *constants))


def test_the_lines_of_relu_are_those_of_the_paper():
    relu = ACTIVATIONS[aten.relu.default]()
    lines = relu.lines(torch.tensor([-1.0, -3.0, 1.0, -2.0]), torch.tensor([3.0, 1.0, 2.0, -1.0]))
    assert lines.slope_above.tolist() == [0.75, 0.25, 1, 0]
    assert lines.offset_above.tolist() == [0.75, 0.75, 0, 0]
    assert lines.slope_below.tolist() == [1, 0, 1, 0]
    assert lines.offset_below.tolist() == [0, 0, 0, 0]


def test_the_tangent_of_tanh_passes_through_the_other_end():
    tanh = ACTIVATIONS[aten.tanh.default]()
    low, high = torch.tensor([[-1.0]]).double(), torch.tensor([[9.0]]).double()
    lines = tanh.lines(low, high)
    # below: from (9, tanh 9) to the point on the left where the curve is touched, or a constant
    assert lines.slope_below.item() * 9 + lines.offset_below.item() <= math.tanh(9) + 1e-12
    low, high = torch.tensor([[-1.0]]).double(), torch.tensor([[1.0]]).double()
    lines = tanh.lines(low, high)
    at_low = lines.slope_above.item() * -1 + lines.offset_above.item()
    assert at_low == pytest.approx(math.tanh(-1), abs=1e-12)


def test_slopes_that_fall_have_no_lines():
    assert ACTIVATIONS[aten.elu.default](1.5) is None
    assert ACTIVATIONS[aten.leaky_relu.default](-0.1) is None
