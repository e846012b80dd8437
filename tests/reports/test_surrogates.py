"""What a report says of surrogates, and the files that it leaves."""

import dataclasses

import numpy as np
import pytest
from shared_out import shapley_values, surrogates

from policyscope.readable.equations import Equations
from policyscope.readable.storage import from_json
from policyscope.reports.findings.surrogates import from_surrogates
from policyscope.reports.html import page
from policyscope.reports.readables import files, recommended
from policyscope.reports.report import Entry, read, write


@pytest.fixture
def report(cartpole_report):
    entry = Entry({}, shapley_values(surrogates=surrogates()))
    return dataclasses.replace(cartpole_report, entries={"shapley": entry})


def codes(result) -> dict[str, str]:
    return {finding.code: finding.sentence for finding in from_surrogates("shapley", result)}


def test_the_smallest_faithful_one_is_chosen():
    assert surrogates(agreement=(0.96, 0.99)).chosen == 0
    assert surrogates(agreement=(0.9, 0.99)).chosen == 1
    assert surrogates(agreement=(0.9, 0.94)).chosen == 1
    worse = ((-900.0, -897.0), (10.0, 12.0))
    assert surrogates(agreement=(0.99, 0.8), returns=worse).chosen == 1
    assert surrogates(agreement=(0.99, 0.8), returns=((-900.0, -897.0), (-901.0, -898))).chosen == 0


def test_of_two_losses_that_are_alike_the_interval_decides():
    noisy = surrogates(returns=((4.0, 14.0), (9.9, 11.9)))
    assert noisy.as_good(0)
    assert not noisy.as_good(1)
    assert noisy.overlaps(1)
    assert "a loss of 0.1 [0.1, 0.1] in pairs" in codes(noisy)["L1"]


def test_the_front_leaves_out_what_another_one_beats():
    assert surrogates(agreement=(0.9, 0.99)).front == (0, 1)
    assert surrogates(agreement=(0.99, 0.9)).front == (0,)
    assert surrogates(agreement=(0.99, 0.9), returns=((1.0, 3.0), (10.0, 12.0))).front == (0, 1)


def test_without_returns_size_and_agreement_are_all_there_is(report):
    unplayed = {"clean": np.empty(0), "returns": np.empty((2, 0)), "own_agreements": ()}
    recorded = surrogates(agreement=(0.99, 0.9), **unplayed)
    assert recorded.front == (0,)
    assert recorded.chosen == 0
    assert {m.name for m in recorded.measures()} == {"agreement", "size"}
    assert "returns" not in codes(recorded)["L1"]
    entry = Entry({}, shapley_values(surrogates=recorded))
    shown = page(dataclasses.replace(report, entries={"shapley": entry}))
    assert "figure-shapley-surrogates" in shown


def test_measures_of_the_chosen_one_have_no_name():
    measures = {m.key: m.estimate.value for m in shapley_values().measures()}
    assert measures["surrogate.agreement"] == measures["surrogate.agreement[model=tree_2]"] == 0.99
    assert measures["surrogate.agreement[model=linear]"] == 0.9
    assert measures["surrogate.return"] == 11
    assert measures["surrogate.size[model=linear]"] == 2
    assert measures["surrogate.size"] == 3
    assert measures["surrogate.loss"] == 0


def test_a_faithful_one_is_told_with_what_it_says():
    sentences = codes(surrogates(agreement=(0.96, 0.9)))
    assert "The surrogate linear acts like the network in 96.0% [95.0%, 97.0%]" in sentences["L1"]
    assert "2 numbers in place of 100: right where 1 sensor 0" in sentences["L1"]
    assert "L3" not in sentences


def test_an_unfaithful_one_is_told_with_what_it_misses():
    worse = ((9.0, 11.5), (1.0, 3.0))
    sentences = codes(surrogates(agreement=(0.9, 0.6), returns=worse))
    assert "L1" not in sentences
    assert "The best of 2, the surrogate linear, acts like the network in 90.0%" in sentences["L3"]
    assert "It misses right most (50% alike)" in sentences["L3"]
    assert "acts otherwise where sensor 1 is smaller" in sentences["L3"]


def test_linear_equivalence_is_a_matter_of_the_interval():
    assert "a loss of 0 [0, 0], paired over 2 episodes" in codes(surrogates())["L2"]
    assert "L2" not in codes(surrogates(returns=((9.0, 11.0), (10.0, 12.0))))
    noisy = surrogates(returns=((4.0, 14.0), (10.0, 12.0)))  # nothing is sure, and nothing is shown
    assert noisy.as_good(0)
    assert "L2" not in codes(noisy)
    square = Equations(np.array([[2, 0]]), np.array([[0.0, 1.0]]))
    plain = surrogates()
    curved = dataclasses.replace(plain.readables[0], form=square)
    assert "L2" not in codes(surrogates(readables=(curved, plain.readables[1])))


def test_a_refusal_is_told():
    assert codes(surrogates(refused=("Purity is low.",)))["L4"] == "Purity is low."


def test_the_chosen_one_lies_beside_the_report(report, tmp_path):
    written = files(report)
    assert set(written) == {"shapley-surrogate.json", "shapley-surrogate.py"}
    write(report, tmp_path / "out", written)
    again = read(tmp_path / "out")
    (one,) = recommended(again)
    kept = from_json((tmp_path / "out" / "shapley-surrogate.json").read_bytes())
    assert one.readable.kind == kept.kind == "tree of 2 leaves"
    seen = np.random.default_rng(0).normal(size=(20, 2))
    np.testing.assert_array_equal(kept.decisions(seen), one.readable.decisions(seen))
    assert one.command == "policyscope analyze DIR/shapley-surrogate.json --env CartPole-v1"


def test_the_page_says_what_it_does(report):
    shown = page(report)
    assert "if sensor 0 ≤ 0.5: left\nif 0.5 &lt; sensor 0: right" in shown
    assert "figure-shapley-surrogates" in shown


def test_names_of_strangers_are_text_on_the_page(report):
    plain = surrogates()
    bad = dataclasses.replace(plain.readables[1], features=("<script>alert(1)</script>", "b"))
    entry = Entry({}, shapley_values(surrogates=surrogates(readables=(plain.readables[0], bad))))
    shown = page(dataclasses.replace(report, entries={"shapley": entry}))
    assert "<script>alert(1)" not in shown
