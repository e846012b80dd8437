import dataclasses

import numpy as np

from policyscope.reports.findings import find
from policyscope.reports.report import Entry, Recorded
from policyscope.reports.results import EpisodeReturns


def returns(clean, random, truncated=False) -> EpisodeReturns:
    values = np.array([clean, random], dtype=float)
    return EpisodeReturns(
        arms=("clean", "random"),
        returns=values,
        lengths=np.full(values.shape, 7),
        truncated=np.full(values.shape, truncated),
        confidence=0.95,
    )


def found(report, *results, **changes):
    entries = {f"analyzer{i}": Entry({}, result) for i, result in enumerate(results)}
    return find(dataclasses.replace(report, entries=entries, **{"notices": (), **changes}))


def test_a_policy_that_beats_chance_says_by_how_much(cartpole_report):
    (finding,) = found(cartpole_report, returns([10, 12, 11], [1, 2, 1]))
    assert (finding.code, finding.severity) == ("R2", "info")
    # differences 9, 10, 10: mean 9.667, Student's half width 4.303 × 0.5774 / √3 = 1.434
    assert "9.667 [8.232, 11.1] more than random actions" in finding.sentence
    assert finding.evidence == "analyzer0.clean.mean"


def test_a_policy_no_better_than_chance_is_critical_and_comes_first(cartpole_report):
    findings = found(cartpole_report, returns([1, 3, 2], [2, 1, 3]), notices=("something to know",))
    assert [(f.code, f.severity) for f in findings] == [("R1", "critical"), ("N1", "warning")]
    assert "--normalisation" in findings[0].advice


def test_an_advantage_whose_interval_holds_zero_is_no_advantage(cartpole_report):
    (finding,) = found(cartpole_report, returns([0.0, 10.0], [1.0, 1.0]))
    assert finding.code == "R1"


def test_episodes_ended_by_the_limit_are_mentioned(cartpole_report):
    codes = [f.code for f in found(cartpole_report, returns([5, 6, 5], [1, 1, 1], truncated=True))]
    assert codes == ["R2", "R3"]


def test_an_upgraded_environment_is_named(cartpole_report):
    environment = dataclasses.replace(cartpole_report.environment, id="CartPole-v0")
    (finding,) = found(cartpole_report, environment=environment)
    assert finding.code == "E1"
    assert "CartPole-v0" in finding.sentence and "CartPole-v1" in finding.sentence


def test_equal_results_give_equal_findings(cartpole_report):
    assert find(cartpole_report) == cartpole_report.findings


def test_recorded_observations_are_said_not_to_have_been_played(cartpole_report):
    recorded = Recorded("walk.npz", None, 90, 3, False, (), ())
    report = dataclasses.replace(cartpole_report, environment=recorded, entries={})
    (finding,) = find(report)
    assert (finding.code, finding.severity) == ("E2", "info")
    assert "the 90 recorded observations in 3 episodes of walk.npz" in finding.sentence
