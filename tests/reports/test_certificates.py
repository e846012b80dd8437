"""How a certificate is measured, drawn, told and summed up."""

import dataclasses

import certificates
import numpy as np
import pytest
from rich.console import Console

from policyscope.provenance import Checkpoint
from policyscope.reports.figures import draw
from policyscope.reports.findings.certificate import from_certificate
from policyscope.reports.report import Entry, Played, Report, read, write
from policyscope.reports.requirements import Verdict, judge
from policyscope.reports.results import AttackedReturns
from policyscope.reports.text import summary

CHECKPOINT = Checkpoint("policy.zip", "0", "zip", "PPO", None, "4 → 2", 8, "", "", "logits")


def one_sigma(**other):
    whole = certificates.certificate()
    fields = {"bounds": whole.bounds[:1], "noisy": whole.noisy[:1], "sigmas": (0.2,)}
    return certificates.certificate(**(fields | other))


def report(result) -> Report:
    return Report(
        checkpoint=CHECKPOINT,
        environment=Played("CartPole-v1", "CartPole-v1", {}, (), ()),
        seed=0,
        episodes=2,
        versions={},
        notices=(),
        entries={"certify": Entry({}, result)},
        timings={},
    )


def findings(result) -> dict:
    return {finding.code: finding for finding in from_certificate("certify", result)}


def test_the_lines_are_the_certificates_and_open_marks_the_noisy_returns():
    result = certificates.certificate()
    by_budget, by_sigma = draw("certify", result)
    lines, marks = by_budget.figure.data[::2], by_budget.figure.data[1::2]
    for i in range(2):
        assert list(lines[i].x) == [0, 0.2, 1] and list(lines[i].y) == list(result.bounds[i])
        assert list(marks[i].y) == [result.noisy[i].mean()]
    assert by_budget.figure.layout.shapes[0].y0 == 200
    assert [list(line.y) for line in by_sigma.figure.data] == result.bounds.T.tolist()
    assert len(draw("certify", one_sigma())) == 1


def test_the_caption_says_whom_the_guarantee_is_against():
    caption = draw("certify", certificates.certificate())[0].caption
    for words in ("that of the reset included", "before frames are stacked", "at most l2"):
        assert words in caption
    assert "environment units" in caption and "95% confidence" in caption and "n = 3" in caption


def test_budgets_are_drawn_in_order_however_they_were_given():
    shuffled = certificates.certificate(budgets=(1.0, 0.0, 0.2))
    assert list(draw("certify", shuffled)[0].figure.data[0].x) == [0, 0.2, 1]


def test_the_best_noise_of_each_budget_is_told():
    told = findings(certificates.certificate())["G1"]
    assert "70 up to 0.2 (noise of 0.4), 40 up to 1 (noise of 0.4)" in told.sentence
    assert told.evidence == "certify.return_lower_bound[l2=0.2,sigma=0.4]"
    assert report(certificates.certificate()).measure(told.evidence).estimate.value == 70


def test_where_the_certificate_says_nothing_is_told():
    told = findings(one_sigma())
    assert told["G2"].severity == "info" and "budget of 1 on" in told["G2"].sentence
    assert "60 up to 0.2" in told["G1"].sentence and "up to 1" not in told["G1"].sentence
    nothing = findings(one_sigma(bounds=np.array([[3.0, 1.0, 0.5]])))
    assert "G1" not in nothing and nothing["G2"].severity == "warning"
    assert "G2" not in findings(one_sigma(bounds=np.array([[140.0, 60.0, 30.0]])))


@pytest.mark.parametrize(
    ("noisy", "severity"), [(150, None), (101, None), (99, "warning"), (19, "critical")]
)
def test_a_policy_that_noise_makes_useless_is_called_so(noisy, severity):
    result = one_sigma(noisy=np.array([[noisy, noisy - 1.0, noisy + 1.0]]))
    told = findings(result).get("G3")
    assert (told and told.severity) == severity
    if told:
        assert f"is {noisy} [" in told.sentence and "200 [200, 200]" in told.sentence


def test_what_is_useless_is_judged_from_the_floor():
    negative = one_sigma(
        clean=np.array([-150.0, -150.0]),
        noisy=np.array([[-300.0, -301.0, -299.0]]),
        bounds=np.array([[-320.0, -700.0, -1500.0]]),
        floor=-3000.0,
    )
    assert "G3" not in findings(negative) and "G2" not in findings(negative)
    assert "-700 up to 0.2" in findings(negative)["G1"].sentence


def test_successes_are_shares_of_episodes():
    result = one_sigma(
        goal=90.0,
        clean=np.ones(2),
        noisy=np.array([[1.0, 1.0, 0.0]]),
        bounds=np.array([[0.5, 0.4, 0.1]]),
    )
    measures = {m.key: m for m in result.measures()}
    assert measures["success_lower_bound[l2=0.2]"].estimate.value == 0.4
    noisy = measures["noisy_success[sigma=0.2]"].estimate
    assert noisy.value == pytest.approx(2 / 3) and noisy.method == "Clopper–Pearson"
    assert not any("return" in key for key in measures)
    assert (
        "share of episodes that return 90 below 40.0% up to 0.2" in findings(result)["G1"].sentence
    )
    assert "return 90 or more" in draw("certify", result)[0].figure.layout.yaxis.title.text


def test_a_requirement_passes_by_the_certificate_and_fails_by_the_noisy_return():
    bound = next(m for m in one_sigma().measures() if m.key == "return_lower_bound[l2=0.2]")
    assert judge(bound, at_least=60).verdict is Verdict.PASSED
    assert judge(bound, at_least=61).verdict is Verdict.UNDECIDED
    assert judge(bound, at_least=190).verdict is Verdict.FAILED


def test_the_summary_shows_both_returns_above_the_certificates():
    console = Console(width=100, record=True, file=None, quiet=False)
    with console.capture() as shown:
        console.print(summary(report(certificates.certificate())))
    lines = [" ".join(line.split()) for line in shown.get().splitlines()]
    start = lines.index("return, at 95% noise of 0.2 noise of 0.4")
    assert lines[start + 1 : start + 6] == [
        "without noise 200",
        "under noise 148 88",
        "adversary of l2 0, at least 140 80",
        "adversary of l2 0.2, at least 60 70",
        "adversary of l2 1, at least 0.5 40",
    ]


@pytest.mark.parametrize("goal", [None, 3.0])
def test_it_is_read_as_it_was_written(tmp_path, goal):
    result = certificates.certificate(goal=goal)
    write(report(result), tmp_path / "r", {})
    found = read(tmp_path / "r").entries["certify"].result
    for field in dataclasses.fields(result):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(result, field.name))
    assert found.goal == goal


def attacked(limits=(141.0, 45.0)):
    """Beside the first noise: what adversaries of 0.2 and 1 leave of three episodes."""
    beside = AttackedReturns(
        budgets=(0.2, 1.0),
        strongest=(("timed.flips", "timed.rationed"),),
        returns=np.array([[[90.0, 100.0, 110.0], [20.0, 21.0, 22.0]]]),
        untouched=np.array([[150.0, 150.0, 144.0]]),
        limits=np.array([limits]),
        confidence=0.999,
    )
    return one_sigma(attacked=beside)


def test_what_adversaries_leave_is_drawn_and_told_beside_the_certificate(tmp_path):
    result = attacked()
    (drawn,) = draw("certify", result)
    line = drawn.figure.data[2]
    assert (list(line.x), list(line.y)) == ([0.2, 1.0], [100.0, 21.0])
    assert list(line.text) == ["timed.flips", "timed.rationed"]
    assert "n = 3 episodes" in drawn.caption and "wrong order" not in drawn.caption
    console = Console(width=100, record=True, file=None, quiet=False)
    with console.capture() as shown:
        console.print(summary(report(result)))
    lines = [" ".join(line.split()) for line in shown.get().splitlines()]
    assert "adversary of l2 0.2, strongest found 100 [75.16, 124.8]" in lines
    write(report(result), tmp_path / "r", {})
    found = read(tmp_path / "r").entries["certify"].result
    np.testing.assert_array_equal(found.attacked.returns, result.attacked.returns)
    assert found.attacked.strongest == result.attacked.strongest


def test_the_interval_of_a_certificate_ends_where_the_attack_does():
    result = attacked()
    measures = {m.key: m.estimate for m in result.measures()}
    mean = measures["attacked_return[l2=0.2,sigma=0.2]"]
    assert measures["return_lower_bound[l2=0.2]"].high == mean.high < result.noisy_mean(0).high
    assert measures["return_lower_bound[l2=0]"].high == result.noisy_mean(0).high
    assert measures["attacked_loss[l2=1,sigma=0.2]"].value == 127
    assert "attacked_return[l2=0,sigma=0.2]" not in measures


@pytest.mark.parametrize(
    ("limits", "consistent"), [((60.0, 0.5), 1), ((59.9, 0.5), 0), ((60.0, 0.4), 0)]
)
def test_a_limit_below_the_certificate_is_a_contradiction(limits, consistent):
    result = attacked(limits)
    (found,) = (m.estimate for m in result.measures() if m.key == "consistent")
    assert (found.value, found.confidence, found.n) == (consistent, 0.999, 3)
    told = findings(result)
    assert ("G4" in told) == (not consistent)
    if not consistent:
        worst = max(((60 - limits[0]), "timed.flips"), ((0.5 - limits[1]), "timed.rationed"))[1]
        assert worst in told["G4"].sentence and told["G4"].severity == "critical"


def test_a_smaller_noise_has_no_attack_where_all_were_larger():
    assert attacked().attacked.within(0.1) is None
    assert attacked().attacked.within(0.9) == 0
