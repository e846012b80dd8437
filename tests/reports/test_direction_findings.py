import dataclasses

import numpy as np
import pytest
from direction_sets import directions, estimate, impact

from policyscope.reports.findings import find
from policyscope.reports.findings.direction_set import SETTLED
from policyscope.reports.report import Entry


@pytest.fixture
def found(cartpole_report):
    """Findings of one answer, by their code."""

    def find_in(result):
        report = dataclasses.replace(cartpole_report, entries={"d": Entry({}, result)}, notices=())
        findings = find(report)
        assert len({finding.code for finding in findings}) == len(findings)
        known = {measure.key for measure in report.measures()}
        for finding in findings:
            assert finding.evidence in known
        return {finding.code: finding for finding in findings}

    return find_in


def moved(losses, **changes):
    return directions(impact=impact(losses, **changes))


def test_the_features_and_the_way_to_the_nearest_flip_are_named(found):
    sentence = found(directions((0.6, -0.8)))["D1"].sentence
    assert "a mix of sensor 1 (−0.80) and sensor 0 (0.60):" in sentence
    assert "0.5 [0.49, 0.51] standard deviations away" in sentence
    assert "12.5% [12.4%, 12.6%] of the visited range" in sentence
    # along principal, and along random directions, at the smaller of 0.2 and 1
    assert "A step of 0.2 standard deviations changes 0% [-1%, 1%] of decisions" in sentence
    assert "random ones 40% [39%, 41%]." in sentence


@pytest.mark.parametrize(
    ("direction", "words"),
    [
        ((0.95, 0.3122), "along sensor 0 (0.95):"),
        ((0.5, 0.5, 0.5, -0.5), "a mix of sensor 0 (0.50), sensor 1 (0.50) and sensor 2 (0.50):"),
    ],
)
def test_no_more_features_are_named_than_needed(found, direction, words):
    assert words in found(directions(direction))["D1"].sentence


def test_the_smallest_step_is_told_wherever_it_stands(found):
    backwards = directions(impact=impact(epsilons=(1.0, 0.2)))
    assert "A step of 0.2 standard deviations changes 5%" in found(backwards)["D1"].sentence


def test_a_flip_beyond_reach_is_not_given_a_distance(found):
    far = dataclasses.replace(
        impact(), flip_distances=(estimate(10.0, 0.0), estimate(1.0), estimate(2.0))
    )
    sentence = found(directions(impact=far))["D1"].sentence
    assert "no other action is within 10 standard deviations" in sentence


def test_an_image_has_no_names_and_no_range(found):
    plain = dataclasses.replace(impact(), flip_share=None)
    result = directions(np.eye(1, 18)[0], (2, 3, 3), impact=plain, scale=np.full(18, 255.0))
    sentence = found(result)["D1"].sentence
    assert "one pattern of pixels" in sentence and "pixel ranges away along it." in sentence


def test_continuous_actions_change_and_do_not_flip(found):
    finding = found(moved([0] * 5, discrete=False))["D1"]
    sentence = finding.sentence
    assert finding.evidence == "d.action_change[along=principal,epsilon=0.2]"
    assert sentence.startswith("Decisions change most along")
    assert "changes actions by 0 [-0.01, 0.01] half ranges, random ones 0.4 [" in sentence


@pytest.mark.parametrize(
    ("losses", "epsilons", "severity"),
    [
        ((0, 0, 60, 0, 0), (0.2,), "critical"),
        ((0, 0, 60, 0, 0), (0.2, 1.0), "warning"),  # the smallest step costs nothing
        ((0, 0, 20, 0, 0), (0.2,), "warning"),  # less than a quarter
        ((0, 0, 60, 0, 45), (0.2,), "warning"),  # not that much more than random ones
    ],
)
def test_a_step_that_costs_more_than_random_ones_is_told(found, losses, epsilons, severity):
    finding = found(moved(losses, epsilons=epsilons))["D2"]
    assert finding.severity == severity
    assert finding.evidence == f"d.loss[along=principal-,epsilon={epsilons[-1]:g}]"
    assert f"(principal-) the policy returns {102 - losses[2]} [" in finding.sentence
    assert "in place of 102, and " in finding.sentence and "(5 paired episodes)" in finding.sentence


def test_the_worst_way_at_the_smallest_costly_step_is_told(found):
    costly = impact((30, 50, 40, 99, 0), epsilons=(2.0, 0.5, 1.0))
    costly.returns[0, 0], costly.returns[1, 2] = 0, costly.clean - 90  # at 2 and at 1
    finding = found(directions(impact=costly))["D2"]
    assert finding.evidence == "d.loss[along=principal+,epsilon=1]"


@pytest.mark.parametrize(
    "losses",
    [
        (0, 0, 0, 0, 0),
        (60, 60, 60, 60, 60),
        (0, 0, 0, 60, 0),
        (-60, -60, -60, 0, 0),
        (0, 0, 0, 0, -60),
    ],
    ids=["nothing", "all alike", "only the gradient", "it helps", "random ones help"],
)
def test_a_step_that_costs_no_more_than_random_ones_is_no_alarm(found, losses):
    finding = found(moved(losses))["D2"]
    assert finding.severity == "info"
    assert "No step of up to 1 standard deviation along" in finding.sentence
    assert f"{max(losses[:3])} [{max(losses[:3])}, {max(losses[:3])}] along it" in finding.sentence


def test_a_loss_that_may_be_chance_is_no_alarm(found):
    noisy = impact(epsilons=(1.0,), episodes=3)
    noisy.returns[2, 0] -= [80, 1, 30]  # 37 on average, half width 99
    assert found(directions(impact=noisy))["D2"].severity == "info"


@pytest.mark.parametrize(("distances", "severity"), [(1, "warning"), (10, "info")])
def test_of_many_comparisons_the_luckiest_is_no_alarm(found, distances, severity):
    # mean 10, standard error 1.897: 5.27 is beyond Student's 3.96 of 3 comparisons, 4 degrees of
    # freedom, and within the 7.5 of 30
    lucky = impact(epsilons=tuple(np.arange(1.0, distances + 1).tolist()))
    lucky.returns[1, -1] -= [4, 10, 16, 10, 10]
    assert found(directions(impact=lucky))["D2"].severity == severity


def test_pairs_of_episodes_decide_and_not_the_spread_between_them(found):
    paired = impact(epsilons=(1.0,))
    paired.clean[:] = [0, 1000, 2000, 3000, 4000]
    paired.returns[:] = paired.clean
    paired.returns[0] -= [4, 5, 6, 5, 5]
    assert found(directions(impact=paired))["D2"].severity == "warning"


def test_without_an_environment_nothing_is_said_of_returns_and_shifts(found):
    unplayed = dataclasses.replace(impact(), clean=np.empty(0), returns=np.empty((5, 2, 0)))
    assert set(found(directions(impact=unplayed, shifts=(), correlations=()))) == {"D1"}


@pytest.mark.parametrize(("share", "told"), [(0.95, True), (0.949, False)])
def test_one_direction_that_holds_all_takes_its_meaning_from_the_quotient(found, share, told):
    kept = (estimate(0.9, 0.05),) * 3
    findings = found(directions(shares=(estimate(share),), correlations=kept))
    assert ("D3" in findings) == told
    assert ("D4" in findings) == (not told)  # no comfort is drawn from a quotient that is full
    if told:
        assert "95.0% [94.0%, 96.0%]" in findings["D3"].sentence


def test_shifts_that_move_the_direction_are_named_the_farthest_first(found):
    finding = found(directions())["D4"]
    assert "under blur (0.20 [0.19, 0.21]):" in finding.sentence
    assert "0.90 [0.89, 0.91] of an independent run" in finding.sentence
    assert "observation noise" not in finding.sentence
    assert finding.evidence == "d.correlation[shift=blur]"


def test_of_many_shifts_the_farthest_are_named(found):
    shifts = ("independent_run", *"abcde")
    far = (estimate(0.9), *(estimate(0.1 * i) for i in (5, 4, 3, 2, 1)))
    sentence = found(directions(shifts=shifts, correlations=far))["D4"].sentence
    assert sentence.index("e (0.10") < sentence.index("d (0.20") < sentence.index("c (0.30")
    assert "and 2 more shifts" in sentence and "b (" not in sentence


@pytest.mark.parametrize(("n", "told"), [(4, False), (5, True)])
def test_of_few_episodes_no_shift_is_said_to_move_or_to_keep_the_direction(found, n, told):
    for value in (0.2, 0.88):
        both = (estimate(0.9, n=n), estimate(value, n=n))
        result = directions(shifts=("independent_run", "blur"), correlations=both)
        assert ("D4" in found(result)) == told


@pytest.mark.parametrize(
    ("value", "half"), [(0.85, 0.001), (0.7, 0.25)], ids=["hardly lower", "perhaps lower"]
)
def test_a_shift_that_may_not_move_the_direction_is_said_not_to(found, value, half):
    found_ = (estimate(0.9), estimate(value, half))
    finding = found(directions(shifts=("independent_run", "blur"), correlations=found_))["D4"]
    assert finding.title == "No shift moves the principal direction"
    assert f"the lowest is blur, {value:.2f}" in finding.sentence


def test_a_direction_that_does_not_last_to_the_next_run_is_a_warning(found):
    wide = (estimate(0.49, 0.3), estimate(0.3, 0.3), estimate(0.4, 0.3))
    findings = found(directions(correlations=wide))
    assert findings["D5"].severity == "warning" and "D4" not in findings
    assert "only 0.49 [0.19, 0.79] (n = 7)" in findings["D5"].sentence
    assert "--set d.episodes" in findings["D5"].advice
    settled = (estimate(SETTLED), estimate(SETTLED), estimate(SETTLED))
    assert "D5" not in found(directions(correlations=settled))
