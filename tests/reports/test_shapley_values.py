import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console
from shared_out import estimate, on_manifold, shapley_values

from policyscope.reports.figures import draw
from policyscope.reports.figures.shapley_values import stacked
from policyscope.reports.figures.shapley_waterfall import ROWS, waterfall
from policyscope.reports.findings import find
from policyscope.reports.report import Entry, Played, read, write
from policyscope.reports.shapley_tables import shapley_values as table

CART = Played("Cart-v0", "Cart-v0", {}, ("sensor 0 (m)", "sensor 1 (rad)"), ("left", "right"))


@pytest.fixture
def found(cartpole_report):
    def find_in(result):
        report = dataclasses.replace(cartpole_report, entries={"s": Entry({}, result)}, notices=())
        known = {"s", *(measure.key for measure in report.measures())}
        findings = {finding.code: finding for finding in find(report)}
        assert {finding.evidence for finding in findings.values()} <= known
        return findings

    return find_in


def figure(result, name):
    (drawn,) = (one for one in draw("s", result, CART) if one.name == f"s-{name}")
    return drawn


def test_the_features_that_carry_half_are_named(found):
    carrying = found(shapley_values((0.1, 0.6, 0.3)))["H1"].sentence
    assert "contributed by sensor 1 (60%, mean |φ| 0.6 [0.59, 0.61]); in 5 states" in carrying
    spread = found(shapley_values((0.12, 0.11, 0.11) + (0.066,) * 10))["H1"].sentence
    assert "the 3 largest parts are contributed by sensor 0 (12%" in spread
    both = found(shapley_values((0.4, 0.2, 0.4)))["H1"].sentence
    assert "sensor 0 (40%" in both and " and sensor 2 (40%" in both and "sensor 1" not in both


def test_a_policy_that_never_changes_is_said_to():
    result = shapley_values((0.0, 0.0), on=None)
    assert result.shares.tolist() == [0, 0]


def test_no_feature_is_named_where_none_contributes(found):
    none = found(shapley_values((0.0, 0.0), on=None))
    assert none["H1"].title == "No feature contributes" and "H2" not in none


def test_features_that_surely_contribute_nothing_are_named(found):
    nothing = found(shapley_values((1.0, 0.005, 0.5), on=None))["H2"]
    assert nothing.sentence == "1 of 3 features surely contributes less than 2% of all: sensor 1."
    several = found(shapley_values((1.0, 0.005, 0.001), on=None))["H2"].sentence
    assert several.startswith("2 of 3 features surely contribute each less than 2% of all: sens")
    assert "H2" not in found(shapley_values((1.0, 0.05, 0.5), on=None))


def test_games_that_disagree_are_told_apart(found):
    apart = found(shapley_values((0.9, 0.1), on=(0.4, 0.6)))["H3"].sentence
    assert "Sensor 0 (90% and 40%): the network uses more" in apart
    assert "Sensor 1 (10% and 60%): it tells more" in apart
    assert "H3" not in found(shapley_values((0.6, 0.4), on=(0.4, 0.6)))
    assert "H3" not in found(shapley_values((0.97, 0.03), on=(0.99, 0.01)))


def test_where_hardly_any_state_agrees_games_are_not_compared(found):
    empty = on_manifold((0.4, 0.6), alone=estimate(0.8))
    findings = found(shapley_values((0.9, 0.1), on_manifold=empty))
    assert findings["H4"].severity == "warning" and "1,234 visited" in findings["H4"].sentence
    assert "H3" not in findings and "tolerance=0.4" in findings["H4"].advice


def test_unsettled_values_are_told(found):
    assert "H5" not in found(shapley_values())
    unsettled = found(shapley_values(standard_error=estimate(0.3)))["H5"]
    assert "standard error is 0.3" in unsettled.sentence


def test_a_report_with_values_is_read_back(cartpole_report, tmp_path):
    entries = {"s": Entry({}, shapley_values()), "t": Entry({}, shapley_values(on=None))}
    write(dataclasses.replace(cartpole_report, entries=entries), tmp_path / "r", {})
    again = read(tmp_path / "r").entries
    np.testing.assert_array_equal(again["s"].result.values, shapley_values().values)
    assert again["s"].result.on_manifold.importance == shapley_values().on_manifold.importance
    assert again["t"].result.on_manifold is None


def test_measures_of_a_feature_are_the_sum_of_its_actions():
    by_key = {m.key: m for m in shapley_values().measures()}
    whole = by_key["importance[feature=sensor_1]"]
    parts = [by_key[f"importance[feature=sensor_1,action={a}]"] for a in ("left", "right")]
    assert whole.estimate.value == pytest.approx(sum(part.estimate.value for part in parts))
    assert whole.unit == "probability"
    assert by_key["importance_on_manifold[feature=sensor_0]"].estimate.value == 0.3
    assert by_key["no_match"].estimate.value == 0.1


def test_the_table_lists_the_most_important_first():
    console = Console(file=io.StringIO(), width=80, record=True)
    console.print(table(shapley_values((0.1, 0.2, 0.7), on=(0.5, 0.3, 0.2))))
    lines = console.export_text().splitlines()
    assert lines[1].split()[:3] == ["sensor", "2", "0.700"] and "20.0%" in lines[1]
    console.print(table(shapley_values((0.1,) * 8, on=None)))
    assert "… and 2 more" in console.export_text()


def test_a_waterfall_leads_from_the_base_to_what_is_done():
    result = shapley_values((0.1, 0.2, 0.7))
    for state in range(5):
        falls = waterfall(result, state)
        assert falls.base + sum(falls.parts) == pytest.approx(falls.end)
        assert np.abs(falls.parts).argmax() == 0
    first = waterfall(result, 0)
    assert first.output == 0 and first.end == result.outputs[0, 0]
    assert first.labels[0] == "sensor 2 = 2 (-0.058)"
    assert waterfall(result, 4).output == 1


def test_many_features_share_the_last_row_of_a_waterfall():
    result = shapley_values((1.0,) * 15, on=None)
    falls = waterfall(result, 2)
    assert len(falls.labels) == len(falls.parts) == ROWS
    assert falls.labels[-1].startswith("6 others (")
    assert falls.base + sum(falls.parts) == pytest.approx(falls.end)


def test_every_state_can_be_chosen_and_shows_its_own_waterfall():
    result = shapley_values(count=7)
    drawn = figure(result, "waterfall").figure
    steps = drawn.layout.sliders[0].steps
    assert len(steps) == 7
    sureness = [float(step.label.rpartition(" ")[2]) for step in steps]
    assert sureness == sorted(sureness)
    for step in steps:
        bars, layout = step.args
        (parts,), (starts,) = bars["x"], bars["base"]
        end = layout["shapes"][1]["x0"]
        assert starts[0] == layout["shapes"][0]["x0"]
        assert starts[-1] + parts[-1] == pytest.approx(end, abs=2e-3)
    assert list(drawn.data[0].x) == steps[0].args[0]["x"][0]


def test_dots_of_the_swarm_are_the_values_of_the_chosen_action():
    result = shapley_values((0.1, 0.9))
    drawn = figure(result, "beeswarm").figure
    labels = [button.label for button in drawn.layout.updatemenus[0].buttons]
    assert sorted(labels) == ["left", "right"]
    for button in drawn.layout.updatemenus[0].buttons:
        output = ("left", "right").index(button.label)
        expected = result.values[:, [1, 0], output].T.ravel()
        np.testing.assert_allclose(button.args[0]["x"][0], expected, rtol=1e-3)
    assert drawn.layout.yaxis.ticktext == ("sensor 1 (rad)", "sensor 0 (m)")


def test_dots_that_would_hide_one_another_stand_apart():
    away = stacked(np.array([0.0, 0.0, 0.0, 1.0]))
    assert len(set(away[:3])) == 3 and away[3] == 0
    crowd = stacked(np.zeros(500))
    assert len(set(crowd)) == 500 and np.abs(crowd).max() <= 0.4


def test_both_games_are_drawn_where_both_were_played():
    assert len(figure(shapley_values(), "importance").figure.data) == 2
    assert len(figure(shapley_values(on=None), "importance").figure.data) == 1
