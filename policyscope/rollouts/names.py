"""What each observation feature and each action is called in the environments people use.

The names come from gymnasium's own documentation (the tables in its environments' docstrings);
where its code disagrees, the code wins. A unit is given only where the number really is in that
unit: rescaled observations and motor commands that a gear multiplies later have none.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """One observation feature or one action: its name and, where it has one, its unit."""

    name: str
    unit: str = ""

    @property
    def slug(self) -> str:
        """The name as an identifier."""
        return self.name.replace(" ", "_")

    @property
    def label(self) -> str:
        """The name with its unit: `cart position (m)`."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


def feature_names(environment_id: str, count: int) -> tuple[Feature, ...]:
    """Name the ``count`` observation features of an environment, by number where unknown."""
    return _look_up(FEATURES, environment_id, count, "feature")


def action_names(environment_id: str, count: int) -> tuple[Feature, ...]:
    """Name the ``count`` actions (or action dimensions) of an environment, as feature_names."""
    return _look_up(ACTIONS, environment_id, count, "action")


def _look_up(
    table: Mapping[tuple[str, int], str], environment_id: str, count: int, fallback: str
) -> tuple[Feature, ...]:
    name = re.sub(r"^.*[/:]|-v\d+$", "", environment_id)
    entry = table.get((name, count))
    if entry is None:
        return tuple(Feature(f"{fallback} {index}") for index in range(count))
    return tuple(parse(item) for item in entry.split(", "))


def parse(item: str) -> Feature:
    """A name with its unit in brackets behind it, where it has one: `cart position (m)`."""
    name, _, unit = item.partition(" (")
    return Feature(name, unit.removesuffix(")"))


def _join(*parts: str) -> str:
    return ", ".join(parts)


def _each(subjects: str, *qualities: str) -> str:
    """Every quality of the first subject, then every quality of the second, and so on."""
    return _join(
        *(f"{subject} {quality}" for subject in subjects.split(", ") for quality in qualities)
    )


def _planar(torso: str, joints: str) -> str:
    """A robot that moves in the x-z plane: all positions but x, then all velocities."""
    return _join(
        f"{torso} (m), torso angle (rad)",
        _each(joints, "angle (rad)"),
        "torso x velocity (m/s), torso z velocity (m/s), torso angular velocity (rad/s)",
        _each(joints, "angular velocity (rad/s)"),
    )


def _floating(joints: str) -> str:
    """A robot free in space: all positions but x and y, then all velocities."""
    return _join(
        # A unit quaternion, so without a unit, though the tables say radians.
        "torso height (m)",
        _each("torso orientation", "w", "x", "y", "z"),
        _each(joints, "angle (rad)"),
        _each("torso", "x velocity (m/s)", "y velocity (m/s)", "z velocity (m/s)"),
        _each(
            "torso",
            "x angular velocity (rad/s)",
            "y angular velocity (rad/s)",
            "z angular velocity (rad/s)",
        ),
        _each(joints, "angular velocity (rad/s)"),
    )


def _contacts(bodies: str) -> str:
    """MuJoCo's ``cfrc_ext``: torque before force, though the documentation says force first."""
    return _each(
        bodies,
        "contact torque x (N m)",
        "contact torque y (N m)",
        "contact torque z (N m)",
        "contact force x (N)",
        "contact force y (N)",
        "contact force z (N)",
    )


_INERTIA = (
    "inertia xx (kg m^2)",
    "inertia yy (kg m^2)",
    "inertia zz (kg m^2)",
    "inertia xy (kg m^2)",
    "inertia xz (kg m^2)",
    "inertia yz (kg m^2)",
    "mass offset x (kg m)",
    "mass offset y (kg m)",
    "mass offset z (kg m)",
    "mass (kg)",
)

# MuJoCo's `cvel`: rotation before translation, as in `_contacts`.
_COM_VELOCITY = (
    "com angular velocity x (rad/s)",
    "com angular velocity y (rad/s)",
    "com angular velocity z (rad/s)",
    "com velocity x (m/s)",
    "com velocity y (m/s)",
    "com velocity z (m/s)",
)


def _humanoid(bodies: str, actuators: str) -> str:
    return _join(
        _floating(_HUMANOID_JOINTS),
        _each(bodies, *_INERTIA),
        _each(bodies, *_COM_VELOCITY),
        actuators,
        _contacts(bodies),
    )


_PUSHER_JOINTS = (
    "shoulder pan, shoulder lift, upper arm roll, elbow flex, forearm roll, wrist flex, wrist roll"
)
_HOPPER_JOINTS = "thigh, leg, foot"
_CHEETAH_JOINTS = "back thigh, back shin, back foot, front thigh, front shin, front foot"
# The model calls the right leg's joints just "thigh", "leg" and "foot".
_WALKER_JOINTS = "right thigh, right leg, right foot, left thigh, left leg, left foot"
_ANT_JOINTS = _each("front left, front right, back left, back right", "hip", "ankle")
_ANT_BODIES = _join(
    "torso", _each("front left, front right, back left, back right", "leg", "aux", "ankle")
)
_HUMANOID_LIMB_JOINTS = (
    "right hip x, right hip z, right hip y, right knee, "
    "left hip x, left hip z, left hip y, left knee, "
    "right shoulder 1, right shoulder 2, right elbow, "
    "left shoulder 1, left shoulder 2, left elbow"
)
_HUMANOID_JOINTS = _join("abdomen z, abdomen y, abdomen x", _HUMANOID_LIMB_JOINTS)
_HUMANOID_BODIES = (
    "torso, lower waist, pelvis, right thigh, right shin, right foot, "
    "left thigh, left shin, left foot, right upper arm, right lower arm, "
    "left upper arm, left lower arm"
)
_HUMANOID_ACTUATORS = _each(_HUMANOID_JOINTS, "actuator torque (N m)")
_ROOT_ACTUATORS = _join(
    _each("torso x, torso y, torso z", "actuator force (N)"),
    _each("torso x, torso y, torso z", "actuator torque (N m)"),
)

_CAR = "car position (m), car velocity (m/step)"
# Rescaled, but for the angle. The first leg of the code is the one on the right.
_LUNAR_LANDER = (
    "x position, y position, x velocity, y velocity, angle (rad), angular velocity, "
    "right leg contact, left leg contact"
)
# Speeds are rescaled and lidars are fractions of their range, from straight down (0) to ahead (9).
_BIPEDAL_WALKER = _join(
    "hull angle (rad), hull angular velocity, hull x velocity, hull y velocity",
    _each(
        "first, second",
        "hip angle (rad)",
        "hip angular velocity",
        "knee angle (rad)",
        "knee angular velocity",
        "leg contact",
    ),
    _each("lidar", *map(str, range(10))),
)
_DOUBLE_PENDULUM = (
    "cart position (m), first pole angle sine, second pole angle sine, "
    "first pole angle cosine, second pole angle cosine, cart velocity (m/s), "
    "first pole angular velocity (rad/s), second pole angular velocity (rad/s), "
    "cart constraint force (N)"
)
_REACHER = (
    "first arm angle cosine, second arm angle cosine, first arm angle sine, "
    "second arm angle sine, target x (m), target y (m), first arm angular velocity (rad/s), "
    "second arm angular velocity (rad/s), fingertip minus target x (m), "
    "fingertip minus target y (m)"
)

FEATURES: dict[tuple[str, int], str] = {
    ("CartPole", 4): (
        "cart position (m), cart velocity (m/s), pole angle (rad), pole angular velocity (rad/s)"
    ),
    ("MountainCar", 2): _CAR,
    ("MountainCarContinuous", 2): _CAR,
    ("Acrobot", 6): (
        "first joint angle cosine, first joint angle sine, "
        "second joint angle cosine, second joint angle sine, "
        "first joint angular velocity (rad/s), second joint angular velocity (rad/s)"
    ),
    ("Pendulum", 3): "angle cosine, angle sine, angular velocity (rad/s)",
    ("LunarLander", 8): _LUNAR_LANDER,
    ("LunarLanderContinuous", 8): _LUNAR_LANDER,
    ("BipedalWalker", 24): _BIPEDAL_WALKER,
    ("BipedalWalkerHardcore", 24): _BIPEDAL_WALKER,
    ("InvertedPendulum", 4): (
        "cart position (m), pole angle (rad), cart velocity (m/s), pole angular velocity (rad/s)"
    ),
    ("InvertedDoublePendulum", 9): _DOUBLE_PENDULUM,
    ("InvertedDoublePendulum", 11): _join(
        _DOUBLE_PENDULUM, _each("first pole, second pole", "constraint torque (N m)")
    ),
    ("Reacher", 10): _REACHER,
    ("Reacher", 11): _join(_REACHER, "fingertip minus target z (m)"),
    ("Pusher", 23): _join(
        _each(_PUSHER_JOINTS, "angle (rad)"),
        _each(_PUSHER_JOINTS, "angular velocity (rad/s)"),
        _each("fingertip, object, goal", "x (m)", "y (m)", "z (m)"),
    ),
    ("Swimmer", 8): _join(
        _each("front tip, first rotor, second rotor", "angle (rad)"),
        "front tip x velocity (m/s), front tip y velocity (m/s)",
        _each("front tip, first rotor, second rotor", "angular velocity (rad/s)"),
    ),
    ("Hopper", 11): _planar("torso height", _HOPPER_JOINTS),
    # z is measured from where the torso starts; the documentation calls the torso the front tip.
    ("HalfCheetah", 17): _planar("torso z", _CHEETAH_JOINTS),
    ("Walker2d", 17): _planar("torso height", _WALKER_JOINTS),
    ("Ant", 27): _floating(_ANT_JOINTS),
    ("Ant", 105): _join(_floating(_ANT_JOINTS), _contacts(_ANT_BODIES)),
    ("Ant", 111): _join(_floating(_ANT_JOINTS), _contacts(_join("world", _ANT_BODIES))),
    ("Humanoid", 348): _humanoid(_HUMANOID_BODIES, _HUMANOID_ACTUATORS),
    ("Humanoid", 376): _humanoid(
        _join("world", _HUMANOID_BODIES), _join(_ROOT_ACTUATORS, _HUMANOID_ACTUATORS)
    ),
}
FEATURES["HumanoidStandup", 348] = FEATURES["Humanoid", 348]
FEATURES["HumanoidStandup", 376] = FEATURES["Humanoid", 376]

_LANDER_THROTTLES = "main engine throttle, lateral engine throttle"
_WALKER_TORQUES = _each("first, second", "hip torque", "knee torque")
_HUMANOID_TORQUES = _join(
    _each("abdomen y, abdomen z, abdomen x", "torque"), _each(_HUMANOID_LIMB_JOINTS, "torque")
)

# Most MuJoCo tables give newtons, but the actions are multiplied by a gear first: no unit then.
ACTIONS: dict[tuple[str, int], str] = {
    ("CartPole", 2): "push left, push right",
    ("MountainCar", 3): "accelerate left, do not accelerate, accelerate right",
    ("MountainCarContinuous", 1): "force",
    ("Acrobot", 3): "apply negative torque, apply no torque, apply positive torque",
    ("Pendulum", 1): "torque (N m)",
    ("LunarLander", 4): "do nothing, fire left engine, fire main engine, fire right engine",
    ("LunarLander", 2): _LANDER_THROTTLES,
    ("LunarLanderContinuous", 2): _LANDER_THROTTLES,
    # The documentation says motor speeds; the size of an action limits the torque instead.
    ("BipedalWalker", 4): _WALKER_TORQUES,
    ("BipedalWalkerHardcore", 4): _WALKER_TORQUES,
    ("InvertedPendulum", 1): "cart force",
    ("InvertedDoublePendulum", 1): "cart force",
    ("Reacher", 2): "first hinge torque, second hinge torque",
    ("Pusher", 7): _each(_PUSHER_JOINTS, "torque (N m)"),
    ("Swimmer", 2): "first rotor torque, second rotor torque",
    ("Hopper", 3): _each(_HOPPER_JOINTS, "torque"),
    ("HalfCheetah", 6): _each(_CHEETAH_JOINTS, "torque"),
    ("Walker2d", 6): _each(_WALKER_JOINTS, "torque"),
    ("Ant", 8): _each(
        "back right, front left, front right, back left", "hip torque", "ankle torque"
    ),
    ("Humanoid", 17): _HUMANOID_TORQUES,
    ("HumanoidStandup", 17): _HUMANOID_TORQUES,
}
