import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console
from written import estimate, sparse_equations, sparse_policy, without_dynamics

from policyscope.reports.equation_tables import sparse_equations as table
from policyscope.reports.figures import draw
from policyscope.reports.findings import find
from policyscope.reports.readables import files
from policyscope.reports.report import Entry, read, write


@pytest.fixture
def found(cartpole_report):
    def find_in(result):
        report = dataclasses.replace(cartpole_report, entries={"s": Entry({}, result)}, notices=())
        known = {"s", *(measure.key for measure in report.measures())}
        findings = {finding.code: finding for finding in find(report)}
        assert {finding.evidence for finding in findings.values()} <= known
        return findings

    return find_in


def test_equations_that_return_as_much_do_the_same_job(found):
    same = found(sparse_equations())
    assert "Q2" not in same and same["Q1"].severity == "info"
    assert same["Q1"].title == "Equations would do the same job"
    assert same["Q1"].sentence.startswith("Equations of 3 terms in place of 1,000 parameters")
    assert "paired loss 0 [" in same["Q1"].sentence and "5 episodes" in same["Q1"].sentence
    assert "off by 0.05 [0.04, 0.06] half ranges" in same["Q1"].sentence


def test_what_surely_falls_short_says_how_far_and_where(found):
    clean = sparse_policy().clean
    short = found(sparse_equations({"returns": clean - 10}))
    assert "Q1" not in short and short["Q2"].severity == "warning"
    assert "surely less (paired loss 10 [10, 10], 5 episodes)" in short["Q2"].sentence
    assert short["Q2"].sentence.endswith("doubt where v is 1.5 deviations below its mean.")
    # less on average, and not surely: nor is it settled that they do the same
    unsure = found(sparse_equations({"returns": clean - [50, -45, 40, -30, 1]}))["Q1"]
    assert unsure.title == "Equations may do the same job"
    assert "more than 10% of the return: play more episodes" in unsure.advice


def test_something_simpler_is_named_only_where_it_returns_as_much(found):
    assert "Q3" not in found(sparse_equations())
    clean = sparse_policy().clean
    linear = found(sparse_equations({"rival_returns": np.stack([clean + 1, clean - 60])}))["Q3"]
    assert linear.sentence.startswith("A linear policy of 2 numbers returns 103")
    # a tree of as many numbers is not simpler
    tree = sparse_equations({"rival_returns": np.stack([clean - 50, clean + 1])})
    assert "Q3" not in found(tree)


def test_leaving_the_data_is_warned_of(found):
    assert "Q4" not in found(sparse_equations())
    leaving = found(sparse_equations({"extrapolation": estimate(0.25)}))["Q4"]
    assert "25.0% [24.0%, 26.0%] of the steps" in leaving.sentence


def test_the_end_of_trust_is_told(found):
    assert "for 5 steps [4, 6]" in found(sparse_equations())["Q5"].sentence
    far = sparse_equations(dynamics={"horizon": estimate(20.0, 0.0)})
    assert "as far as was looked, 20 steps" in found(far)["Q5"].sentence
    assert "only 3 steps" in found(without_dynamics())["Q5"].sentence


def test_the_calmest_fixed_point_is_told(found):
    rest = found(sparse_equations())["Q6"]
    assert "2 fixed points" in rest.sentence and "1 is stable" in rest.sentence
    assert "at x 0, v 0, where a deviation is multiplied by up to 0.9 a step" in rest.sentence
    restless = found(sparse_equations(dynamics={"moduli": np.full((2, 2), 1.5)}))["Q6"]
    assert restless.title == "The closed loop does not rest"
    assert restless.evidence == "s.fixed_points.unstable"
    jumping = sparse_equations(dynamics={"smooth": "discrete actions jump"})
    assert "Q6" not in found(jumping)


def test_sudden_changes_and_doubtful_terms_are_warned_of(found):
    plain = found(sparse_equations())
    assert "Q7" not in plain  # sudden, and small
    assert plain["Q8"].severity == "info" and "v² and x · v" in plain["Q8"].sentence
    contacts = sparse_equations(dynamics={"one_step": np.array([0.0, 0.4, 0.3])})
    assert "error in the change of v:" in found(contacts)["Q7"].sentence
    ill = found(sparse_equations(dynamics={"condition": 1e6}))["Q8"]
    assert ill.severity == "warning" and "1e+06" in ill.sentence


def test_size_counts_terms_and_idle_ones_have_no_effect():
    measures = {m.key: m.estimate.value for m in sparse_equations().measures()}
    assert measures["policy.terms"] == 3 and measures["policy.idle"] == 1
    assert measures["policy.size_ratio"] == 0.003
    assert measures["dynamics.terms"] == 3 and measures["reward.terms"] == 1
    assert (measures["fixed_points.stable"], measures["fixed_points.unstable"]) == (1, 1)
    assert measures["dynamics.error[steps=5]"] == pytest.approx(0.5)
    assert "dynamics.error[steps=50]" not in measures


def test_a_report_holds_the_equations(tmp_path, cartpole_report):
    before = sparse_equations()
    report = dataclasses.replace(cartpole_report, entries={"s": Entry({}, before)})
    write(report, tmp_path / "report", {})
    after = read(tmp_path / "report").entries["s"].result
    states = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_array_equal(
        after.surrogate.decisions(states), before.surrogate.decisions(states)
    )
    assert [m.estimate for m in after.measures()] == [m.estimate for m in before.measures()]


def test_figures_show_what_is_stored():
    result = sparse_equations()
    returns, terms, front, foresight, dynamics = draw("s", result)
    assert [trace.x[0] for trace in returns.figure.data] == pytest.approx([102, 102, 52, 42])
    assert list(terms.figure.data[0].x) == [1.0, 0.5, 0.001]  # the largest effect first
    assert terms.figure.layout.yaxis.ticktext[2] == "x · v² · 60%"
    assert list(front.figure.data[1].x) == [3]
    assert list(foresight.figure.data[1].y) == [error.value for error in result.dynamics.errors]
    assert dynamics.figure.data[0].text[0][1] == ""
    assert "unstable (largest eigenvalue 1.250) at x 1.5, v 0" in dynamics.caption


def test_the_report_has_files_of_the_equations(cartpole_report):
    entries = {"s": Entry({}, sparse_equations())}
    texts = files(dataclasses.replace(cartpole_report, entries=entries))
    assert texts.keys() == {"s-surrogate.json", "s-surrogate.py", "s-equations.tex"}
    assert r"\mathrm{torque} &= 0.5 - 2 \mathrm{x}" in texts["s-equations.tex"]
    assert r"\mathrm{change~of~x} &= 0.1 \mathrm{v}" in texts["s-equations.tex"]
    assert texts["s-equations.tex"].count(r"\begin{align}") == 2


def test_the_terminal_shows_equations_beside_their_rivals():
    console = Console(file=io.StringIO(), width=100)
    console.print(table(sparse_equations()))
    said = console.file.getvalue()
    assert "torque = 0.5 − 2 x" in said and "trusted for 5 steps" in said
    assert [line.split()[0] for line in said.splitlines() if "[" in line][1:] == [
        "network",
        "equations",
        "linear",
        "tree",
    ]
