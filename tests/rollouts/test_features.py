"""Each number of an observation has a name that says where it comes from."""

import numpy as np
import pytest
from gymnasium import spaces

from policyscope.rollouts.features import features_of

TWO = spaces.Box(-1, 1, (2,))


@pytest.mark.parametrize(
    ("space", "names"),
    [
        (spaces.Dict(arm=TWO, claw=spaces.Box(0, 1, (1,))), "arm[0] arm[1] claw"),
        (spaces.Dict(gear=spaces.Discrete(2, start=3)), "gear=3 gear=4"),
        (
            spaces.Dict(arm=spaces.Dict(angle=spaces.Box(0, 1, (1,)), tip=TWO)),
            "arm.angle arm.tip[0] arm.tip[1]",
        ),
        (spaces.Dict(eye=spaces.Box(0, 255, (1, 2, 1))), "eye[0,0,0] eye[0,1,0]"),
        (spaces.Dict(lamps=spaces.MultiBinary(2)), "lamps[0] lamps[1]"),
        (spaces.Tuple([TWO, spaces.Discrete(2)]), "[0][0] [0][1] [1]=0 [1]=1"),
        (spaces.Discrete(3), "state=0 state=1 state=2"),
        (spaces.MultiDiscrete([1, 2]), "[0]=0 [1]=0 [1]=1"),
        (spaces.Dict(word=spaces.Text(2)), "word[0] word[1]"),
    ],
    ids=str,
)
def test_parts_are_named_by_their_place_in_the_space(space, names):
    assert [feature.name for feature in features_of("Mystery-v0", space)] == names.split()


def test_there_are_as_many_names_as_numbers_and_none_twice():
    space = spaces.Dict(
        a=spaces.Tuple([spaces.MultiDiscrete([[2, 3], [4, 1]]), spaces.Discrete(3)]),
        b=spaces.Dict(c=spaces.Box(-1, 1, (2, 3)), d=spaces.MultiBinary([2, 2])),
    )
    names = [feature.name for feature in features_of("Mystery-v0", space)]
    assert len(names) == len(set(names)) == spaces.flatdim(space)


def test_the_name_of_a_one_is_the_name_of_its_value():
    space = spaces.Dict(gear=spaces.Discrete(4, start=2), knobs=spaces.MultiDiscrete([2, 3]))
    flat = spaces.flatten(space, {"gear": 4, "knobs": np.array([0, 2])})
    names = [feature.name for feature in features_of("Mystery-v0", space)]
    assert [name for name, number in zip(names, flat, strict=True) if number] == [
        "gear=4", "knobs[0]=0", "knobs[1]=2",
    ]  # fmt: skip


def test_vectors_have_the_names_of_their_environment_and_images_none():
    assert features_of("CartPole-v1", spaces.Box(-1, 1, (4,)))[0].name == "cart position"
    assert features_of("Mystery-v0", TWO)[1].name == "feature 1"
    assert features_of("Mystery-v0", spaces.Box(0, 255, (4, 84, 84))) == ()
