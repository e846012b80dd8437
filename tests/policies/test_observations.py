"""Observations of any space become arrays, in the order that a network takes them."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from policyscope.errors import EnvironmentMismatch
from policyscope.policies.observations import arrangement, flattened, parts_of

CAMERA = spaces.Box(0, 255, (2, 3, 1), np.uint8)


def test_an_array_is_what_it_is():
    assert flattened(CAMERA, "it") is CAMERA


@pytest.mark.parametrize(
    ("space", "bounds", "kind"),
    [
        (spaces.Discrete(3), (0, 1), np.float32),
        (spaces.MultiBinary(3), (0, 1), np.float32),
        (spaces.Dict(a=CAMERA), (0, 255), np.float32),
        (spaces.Dict(a=spaces.Discrete(3), b=CAMERA), (0, 255), np.float32),
        (spaces.Tuple([CAMERA, spaces.Box(-1, 300, (1,))]), (-1, 300), np.float32),
        (spaces.Dict(a=spaces.Dict(b=spaces.Box(-1, 1, (2,), np.float64))), (-1, 1), np.float64),
    ],
    ids=str,
)
def test_everything_else_is_a_vector_of_floats_in_its_own_units(space, bounds, kind):
    flat = flattened(space, "it")
    assert flat.shape == (spaces.flatdim(space),)
    assert (flat.low.min(), flat.high.max()) == bounds
    assert flat.dtype == kind
    assert flat.contains(spaces.flatten(space, space.sample()).astype(kind))


@pytest.mark.parametrize("space", [spaces.Sequence(CAMERA), spaces.Graph(CAMERA, None)], ids=str)
def test_what_has_no_fixed_length_is_refused(space):
    for whole in (space, spaces.Dict(a=space)):
        with pytest.raises(EnvironmentMismatch, match="it observes .* no vector of a fixed length"):
            flattened(whole, "it")


def test_an_arrangement_says_where_each_number_stands():
    order = arrangement({"a": (2,), "b": (1, 2, 2)}, {"b": (2, 1, 2), "a": (2,)})
    assert order is not None
    # the grid's two channels one after the other, then a
    assert order.tolist() == [2, 4, 3, 5, 0, 1]


@pytest.mark.parametrize(
    "taken", [{"a": (2,)}, {"a": (2,), "c": (4,)}, {"a": (3,), "b": (3,)}, {"a": (2,), "b": (4, 1)}]
)
def test_parts_that_differ_have_no_arrangement(taken):
    assert arrangement({"a": (2,), "b": (4,)}, taken) is None


names = st.lists(st.text(max_size=3), unique=True, min_size=1, max_size=5)
shapes = st.lists(st.integers(1, 4), max_size=3).map(tuple)


@given(st.data())
def test_an_arrangement_takes_a_flat_dict_apart_as_its_keys_do(data):
    keys = data.draw(names)
    boxes = {key: spaces.Box(-9, 9, data.draw(shapes)) for key in keys}
    given_space = spaces.Dict(boxes)
    wanted = {key: boxes[key].shape for key in data.draw(st.permutations(keys))}
    sample = given_space.sample()
    flat = torch.from_numpy(spaces.flatten(given_space, sample))
    order = arrangement(parts_of(given_space), wanted)
    assert order is not None
    expected = np.concatenate([sample[key].flatten() for key in wanted])
    assert flat[order].tolist() == expected.tolist()
