import pytest

from policyscope.errors import UsageError
from policyscope.reports.requirements import Verdict, judge
from policyscope.reports.results import Measure
from policyscope.statistics import Estimate

MEASURE = Measure(
    "returns.clean.mean", (), Estimate(10.0, 8.0, 12.0, 0.95, 50, "Student t"), "reward"
)


@pytest.mark.parametrize(
    ("threshold", "verdict"),
    [
        ({"at_least": 7.9}, Verdict.PASSED),
        ({"at_least": 8.0}, Verdict.PASSED),
        ({"at_least": 9.0}, Verdict.UNDECIDED),
        ({"at_least": 11.0}, Verdict.UNDECIDED),
        ({"at_least": 12.1}, Verdict.FAILED),
        ({"at_most": 12.0}, Verdict.PASSED),
        ({"at_most": 11.0}, Verdict.UNDECIDED),
        ({"at_most": 7.9}, Verdict.FAILED),
    ],
)
def test_the_whole_interval_decides_and_not_its_middle(threshold, verdict):
    assert judge(MEASURE, **threshold).verdict is verdict


def test_undecided_says_how_many_episodes_would_decide():
    # half width 2 at n = 50, distance 1: four times as many
    assert "About 200 episodes would decide" in judge(MEASURE, at_least=9.0).sentence


def test_the_sentence_holds_measure_value_interval_and_threshold():
    sentence = judge(MEASURE, at_least=20).sentence
    assert sentence == (
        "returns.clean.mean is 10 [8, 12] reward (95%, n = 50); required at least 20: failed."
    )


@pytest.mark.parametrize("thresholds", [{}, {"at_least": 1.0, "at_most": 2.0}])
def test_exactly_one_threshold_is_wanted(thresholds):
    with pytest.raises(UsageError, match="either at_least or at_most"):
        judge(MEASURE, **thresholds)
