import dataclasses
import io

import numpy as np
import pytest
from disturbed import outcome
from rich.console import Console

from policyscope.reports.disturbance_tables import disturbances
from policyscope.reports.figures import draw
from policyscope.reports.findings import find
from policyscope.reports.report import Entry, Played

MOTORS = Played("Legs-v0", "Legs-v0", {}, (), ("hip (N m)", "knee (N m)"))
ON_EARTH = {"gravities": (), "gravity": np.zeros((0, 5))}
NOTHING_CHANGED = {
    "masses": (),
    "frictions": (),
    "physics": np.zeros((0, 0, 5)),
    "unchanged": "no MuJoCo",
}
CHANGED = {"masses": (0.5, 1.0), "frictions": (1.0,)}


@pytest.fixture
def found(cartpole_report):
    def find_in(result):
        report = dataclasses.replace(cartpole_report, entries={"d": Entry({}, result)}, notices=())
        known = {"d", *(measure.key for measure in report.measures())}
        findings = {finding.code: finding for finding in find(report)}
        assert {finding.evidence for finding in findings.values()} <= known
        return findings

    return find_in


def test_the_least_epsilon_that_surely_lowers_is_named(found):
    steady = found(outcome())["P1"]
    assert "by 0.1 (half ranges, L∞ per step) lower the return from 102" in steady.sentence
    assert "to 82 [80.04, 83.96], by a steady disturbance (5 held-out" in steady.sentence
    assert steady.severity == "warning"
    clean = 100 + np.arange(5.0)
    unsure = np.array([clean + [-40, 30, 0, 20, -20], clean - 60])
    grave = found(outcome(held_out=unsure, strongest=("sign_noise", "sign_noise")))["P1"]
    assert "disturbed by 0.3" in grave.sentence and "by sign noise" in grave.sentence
    assert grave.severity == "critical"


def test_nothing_found_proves_nothing(found):
    clean = outcome().held_out_clean
    endured = found(outcome(held_out=np.array([clean, clean])))
    assert "P1" not in endured and "up to 0.3" in endured["P2"].sentence


def test_what_there_was_no_time_for_is_named(found):
    assert "a learned disturbance was not run" in found(outcome())["P3"].sentence
    left = found(outcome(left_out=("steady", "learned")))["P3"].sentence
    assert "a steady disturbance and a learned disturbance were not run" in left
    assert "P3" not in found(outcome(left_out=()))


def test_the_mildest_physics_that_costs_half_is_named(found):
    # of six one is as it was; two of the three that lose more than half lose friction as well
    grave = found(outcome())["P4"]
    assert grave.sentence.startswith("Under 3 of 6 changed physics")
    assert "masses ×0.5 and friction ×1 leave 42 [" in grave.sentence
    assert grave.evidence == "d.physics.return[mass=0.5,friction=1]"


def test_physics_that_is_endured_is_said_to_be(found):
    clean = outcome().clean
    lost = np.array([[[30.0]], [[0.0]]])
    endured = found(outcome(**CHANGED, physics=clean - lost, **ON_EARTH))
    assert "Under none of 1 changed physics" in endured["P5"].sentence
    assert "The costliest: masses ×0.5 and friction ×1 leave 72 [" in endured["P5"].sentence
    # half is lost on average, but not surely
    noisy = clean - np.array([[[0.0, 120, 0, 120, 30]], [[0.0] * 5]])
    assert "P5" in found(outcome(**CHANGED, physics=noisy, **ON_EARTH))


def test_where_only_the_physics_of_training_was_played_nothing_is_said(found):
    clean = outcome().clean
    same = outcome(
        masses=(1.0,),
        frictions=(1.0,),
        physics=clean[None, None],
        gravities=(1.0,),
        gravity=clean[None],
    )
    none = outcome(**NOTHING_CHANGED, **ON_EARTH)
    for result in (same, none):
        assert not {"P4", "P5"} & found(result).keys()


def test_the_map_holds_the_means():
    curves, physics, _ = draw("d", outcome(), MOTORS)
    heat = physics.figure.data[0]
    np.testing.assert_allclose(np.array(heat.z), outcome().physics.mean(2))
    assert list(physics.figure.layout.yaxis.ticktext) == ["×0.5", "×1", "×1.5"]
    assert (heat.zmin, heat.zmax) == (0, 102)
    steady = curves.figure.data[1]
    assert list(steady.y) == [82, 42] and steady.name == "steady"


def test_the_steady_change_is_told_in_the_names_of_the_motors():
    caption = draw("d", outcome(), MOTORS)[0].caption
    assert "in half ranges: knee -0.3, hip +0.075." in caption
    assert "action 1 -0.3" in draw("d", outcome())[0].caption
    chosen = draw("d", outcome(discrete=True), MOTORS)[0].caption
    assert "The steady disturbance of the largest does hip." in chosen
    assert "steady disturbance" not in draw("d", outcome(steady=np.zeros((0, 2))))[0].caption


def test_without_other_physics_the_reason_stands_in_the_caption_and_the_table():
    result = outcome(**NOTHING_CHANGED, **ON_EARTH)
    (curves,) = draw("d", result)
    assert "Physics was left as it is: no MuJoCo." in curves.caption
    assert "no MuJoCo" in printed(result) and "friction" not in printed(result)


def test_the_table_shows_returns_by_disturbance_and_by_physics():
    lines = printed(outcome()).splitlines()
    (steady,) = [line for line in lines if line.strip().startswith("steady")]
    assert "82 [80.04, 83.96]" in steady and "42 [40.04, 43.96]" in steady
    assert lines[-3].split() == ["×1.5", "32", "112"]
    assert lines[-1].split() == ["72", "102"]


def test_gravity_that_costs_half_is_named(found):
    clean = outcome().clean
    lost = {"physics": outcome().clean[None, None] * np.ones((3, 2, 1))}
    grave = found(outcome(**lost, gravity=clean - np.array([[70.0], [0.0]])))["P4"]
    assert "Under 1 of 6 changed physics" in grave.sentence
    assert "gravity ×0.5 leaves 32 [" in grave.sentence
    assert grave.evidence == "d.gravity.return[gravity=0.5]"
    endured = found(outcome(**lost))["P5"]
    assert "The costliest: gravity ×0.5 leaves 72 [" in endured.sentence


def test_gravity_is_drawn_where_nothing_else_can_be_changed():
    curves, falling = draw("d", outcome(**NOTHING_CHANGED))
    assert list(falling.figure.data[0].y) == [72, 102]
    assert list(falling.figure.layout.xaxis.ticktext) == ["×0.5", "×1"]
    assert "no MuJoCo" in curves.caption
    assert "no MuJoCo" in printed(outcome(**NOTHING_CHANGED))


def test_forces_are_told_in_words_of_their_own(found):
    pushed = outcome(pushed=True, steady=np.array([[1.0, 0, 0], [0.0, -1, 0.5]]), **NOTHING_CHANGED)
    told = found(pushed)
    assert told["P1"].sentence.startswith(
        "Forces on the body of 0.1 (shares of the weight, L∞ per step) lower the return"
    )
    assert "by a steady force" in told["P1"].sentence
    assert "a learned force was not run" in told["P3"].sentence
    endured = found(dataclasses.replace(pushed, held_out=np.stack([pushed.held_out_clean] * 2)))
    assert "None of 2 forces surely lowers" in endured["P2"].sentence
    caption = draw("d", pushed, MOTORS)[0].caption
    assert "of which a force pushes the body" in caption
    assert "in shares of the weight: y -0.3, z +0.15" in caption
    assert "forces of (shares of the weight" in printed(pushed)
    keys = {measure.unit for measure in pushed.measures() if measure.key.startswith("change[")}
    assert keys == {"shares of the weight"}


def printed(result) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(disturbances(result))
    return console.file.getvalue().rstrip()
