import gymnasium
import pytest

from policyscope.policies.policy import outputs_needed
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.names import ACTIONS, FEATURES, Feature, action_names, feature_names

KNOWN = sorted({name for name, _ in FEATURES})
REGISTERED = [
    id
    for id in sorted(gymnasium.registry)
    if "/" not in id and id.rpartition("-v")[0] in KNOWN and Environment(id).playable == id
]


def test_cartpole_and_hopper_are_named_in_the_order_of_their_observations():
    assert feature_names("CartPole-v1", 4) == (
        Feature("cart position", "m"),
        Feature("cart velocity", "m/s"),
        Feature("pole angle", "rad"),
        Feature("pole angular velocity", "rad/s"),
    )
    hopper = feature_names("Hopper-v4", 11)
    assert hopper[0] == Feature("torso height", "m")
    assert [f.name for f in hopper[1:5]] == [
        "torso angle", "thigh angle", "leg angle", "foot angle",
    ]  # fmt: skip
    assert hopper[5] == Feature("torso x velocity", "m/s")
    assert hopper[10] == Feature("foot angular velocity", "rad/s")


def test_contact_forces_come_after_their_torques():
    names = [f.slug for f in feature_names("Ant-v3", 111)]
    assert names[27:33] == [
        f"world_contact_{kind}_{axis}" for kind in ("torque", "force") for axis in "xyz"
    ]


def test_actions_are_named_too():
    assert [a.name for a in action_names("CartPole-v1", 2)] == ["push left", "push right"]
    assert action_names("Pendulum-v1", 1) == (Feature("torque", "N m"),)
    assert action_names("LunarLander-v3", 4)[2].slug == "fire_main_engine"
    assert action_names("LunarLander-v3", 2)[1].name == "lateral engine throttle"


@pytest.mark.parametrize("id", ["module:Hopper-v3", "space/Hopper-v9", "Hopper", "Hopper-v4"])
def test_versions_and_modules_and_namespaces_do_not_matter(id):
    assert feature_names(id, 11)[0].name == "torso height"


def test_what_is_not_known_is_numbered():
    assert feature_names("Mystery-v0", 2) == (Feature("feature 0"), Feature("feature 1"))
    assert [a.name for a in action_names("Mystery-v0", 2)] == ["action 0", "action 1"]
    # a wrapper changed the observations: names by position would be wrong
    assert feature_names("CartPole-v1", 5)[0].name == "feature 0"


@pytest.mark.parametrize("table", [FEATURES, ACTIONS], ids=["features", "actions"])
def test_every_entry_names_as_many_as_it_says_and_none_twice(table):
    lookup = feature_names if table is FEATURES else action_names
    for name, count in table:
        named = lookup(f"{name}-v0", count)
        assert len(named) == len({feature.slug for feature in named}) == count, name
        assert all(feature.name and "(" not in feature.name for feature in named)


@pytest.mark.parametrize("id", REGISTERED)
def test_the_environments_of_gymnasium_have_all_their_names(id):
    observations, actions = Environment(id).spaces()
    features = feature_names(id, observations.shape[0])
    choices = action_names(id, outputs_needed(actions))
    assert not features[0].name.startswith("feature ")
    assert not choices[0].name.startswith("action ")


def test_all_families_of_environments_are_covered():
    assert {"CartPole-v1", "Pendulum-v1", "LunarLander-v3", "Humanoid-v4", "Ant-v5"} <= set(
        REGISTERED
    )
