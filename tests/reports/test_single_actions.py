"""How certificates of single actions are measured, drawn, told and summed up."""

import certificates
import numpy as np
import pytest
from rich.console import Console

from policyscope.provenance import Checkpoint
from policyscope.reports.figures import draw
from policyscope.reports.findings import find
from policyscope.reports.report import Entry, Played, Report, read, write
from policyscope.reports.text import summary

CHECKPOINT = Checkpoint("policy.zip", "0", "zip", "PPO", None, "4 → 2", 8, "", "", "logits")


def report(result) -> Report:
    played = Played("CartPole-v1", "CartPole-v1", {}, (), ())
    entries = {"certify": Entry({}, result)}
    return Report(CHECKPOINT, played, 0, 2, {}, (), entries, {})


def findings(result) -> dict:
    return {finding.code: finding for finding in find(report(result))}


def shown(result) -> list[str]:
    console = Console(width=100, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(summary(report(result)))
    return [" ".join(line.split()) for line in captured.get().splitlines()]


def computed(**other):
    """Of continuous actions."""
    at = {"tolerance": 0.1, "epsilons": (0.1,), "changes": np.full((2, 1, 4), 0.3)}
    return certificates.actions(**(at | other))


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize(
    ("certain", "severity"), [([0.0, 0, 1, 3], "info"), ([0, 0, 0, 2.0], "warning")]
)
def test_decisions_without_a_radius_are_counted(certain, severity, beside):
    result = certificates.actions([[0.1, 0.2, 0.3, 0.4], certain])
    result = certificates.certificate(actions=result) if beside else result
    told = findings(result)["G6"]
    none = certain.count(0)
    assert f"In {none} of 4 visited states" in told.sentence and told.severity == severity
    assert f"within {np.median(certain):.3g} environment units (l2, for certain)" in told.sentence
    assert report(result).measure(told.evidence).estimate.value == np.median(certain)


def test_without_bounds_the_radii_are_those_under_noise():
    smooth = certificates.actions([[0.0, 0.2, 0.4]], methods=("smoothing",), norms=("l2",))
    told = findings(smooth)["G6"]
    assert (
        "within 0.2 environment units (l2, by noise of 0.2, with 95% confidence)" in told.sentence
    )
    assert told.evidence == "certify.action_radius[method=smoothing,norm=l2]"


def test_continuous_actions_stand_within_a_tolerance():
    told = findings(computed())["G6"]
    assert "half of the actions move by at most 0.1 half ranges within 0.5" in told.sentence
    measures = {m.key: m.estimate.value for m in computed().measures()}
    assert measures["action_radius"] == 0.25
    assert measures["action_change_bound[method=lines,norm=l2,epsilon=0.1]"] == 0.3
    stays, moves = draw("certify", computed())
    assert "no dimension of it moves by more than 0.1 half ranges" in stays.caption
    assert list(moves.figure.data[0].y) == [0.3]


def test_alone_they_say_why_no_return_is_certified():
    alone = certificates.actions(alone="nothing is known")
    told = findings(alone)["G7"]
    assert told.sentence == "No return is certified: nothing is known."
    assert told.severity == "info" and report(alone).measure(told.evidence)
    assert "No return is certified: nothing is known." in draw("certify", alone)[0].caption
    assert "G7" not in findings(certificates.certificate(actions=certificates.actions()))


@pytest.mark.parametrize("beside", [True, False])
def test_the_summary_shows_the_radius_of_each_way(beside):
    actions = certificates.actions()
    lines = shown(certificates.certificate(actions=actions) if beside else actions)
    assert "radius (environment units) median of states no radius in" in lines
    assert "smoothing, l2 0.25 [0.1, 0.4] 0 of 4" in lines
    assert "lines, l2 0.5 [0, 3] 2 of 4" in lines


def test_they_are_read_as_they_were_written(tmp_path):
    result = computed(alone="nothing is known")
    write(report(result), tmp_path / "r", {})
    found = read(tmp_path / "r").entries["certify"].result
    assert type(found) is type(result) and found.alone == result.alone
    np.testing.assert_array_equal(found.changes, result.changes)
    np.testing.assert_array_equal(found.radii, result.radii)


def test_the_linear_piece_stands_beside_the_radius():
    result = certificates.actions(kinks=np.array([0.1, 0.2, 0.4, 1.0]))
    told = findings(result)["G8"]
    assert "more than 0.3 environment units (l2) from the next ReLU boundary" in told.sentence
    assert "in 2 of 4 the action is certified beyond it" in told.sentence
    assert report(result).measure(told.evidence).estimate.value == pytest.approx(0.3)
    assert "linear up to a ReLU boundary, l2 0.3 [0.1, 1]" in shown(result)
    line = draw("certify", result)[0].figure.data[-1]
    assert line.name == "linear, l2" and list(line.x) == [0, 0.1, 0.2, 0.4, 1]
    assert "G8" not in findings(certificates.actions())
