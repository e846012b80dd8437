"""Figures of whether maps are true, of what hiding does, and of what would change a mind."""

import numpy as np
import pytest
from explained import attribution, continuous, estimate, faithfulness, recurrent, reliance, what_if

from policyscope.reports.figures import draw
from policyscope.reports.figures.what_if import NEAREST, STATES
from policyscope.reports.report import Played

CART = Played("Cart-v0", "Cart-v0", {}, ("sensor 0 (m)", "sensor 1 (rad)"), ())


def drawn(result, environment=None):
    return {one.name.removeprefix("s-"): one for one in draw("s", result, environment)}


def test_curves_of_every_method_and_of_chance_are_drawn_with_the_winner_in_front():
    result = attribution()
    tried = result.faithfulness
    one = drawn(result)["curves"]
    left, right = one.figure.data[:4], one.figure.data[4:]
    for traces, curves in ((left, tried.insertion), (right, tried.deletion)):
        for trace, curve in zip(traces, curves[::-1], strict=True):
            np.testing.assert_array_equal(trace.y, curve)
            np.testing.assert_array_equal(trace.x, tried.fractions)
    assert [trace.name for trace in left] == [
        *("random", "other methods", "other methods", "integrated gradients")
    ]
    assert [trace.showlegend for trace in left] == [True, False, True, True]
    assert not any(trace.showlegend for trace in right)
    assert left[-1].line.width > left[1].line.width and left[0].line.dash == "dash"
    assert "occlusion" in left[1].hovertemplate
    assert "less that of random ones, is 0.3 [0.29, 0.31], 95% interval" in one.caption


def table(result):
    one = drawn(result)["faithfulness"]
    (cells,) = one.figure.data
    heads = one.figure.layout.xaxis.ticktext
    return one, cells, [head.replace("<br>", " ") for head in heads]


def test_every_score_of_every_method_stands_in_the_table():
    result = attribution()
    tried = result.faithfulness
    one, cells, heads = table(result)
    assert heads == [
        *("advantage ↑", "insertion ↑", "deletion ↓", "RIS ↓", "complete- ness error ↓"),
        "randomised weights ↓",
    ]
    labels = one.figure.layout.yaxis.ticktext
    assert labels == (
        *("<b>integrated gradients</b>", "gradient", "occlusion<br><i>✗ refused</i>", "random"),
    )
    rows = [*zip(tried.advantages, tried.values, strict=True), (None, tried.chance)]
    for row, (advantage, values) in enumerate(rows):
        for column, value in enumerate((advantage, *values)):
            text, hover = cells.text[row][column], cells.hovertext[row][column]
            if value is None:
                assert (text, hover) == ("–", "does not apply")
            else:
                assert hover == f"{value}, n = 7"
    assert cells.text[0][1].startswith("0.90 ✓<br>") and "0.89…0.91" in cells.text[0][1]
    assert cells.text[0][3].startswith("3.5e4<br>") and "3.4e4…3.6e4" in cells.text[0][3]


def test_better_than_chance_depends_on_which_way_a_score_is_better_and_on_its_interval():
    _, cells, _ = table(attribution(faithfulness=faithfulness((0.005, 0.02, -0.1))))
    # advantage, insertion, deletion, and three of stability, which random maps have too
    assert [list(row) for row in cells.z] == [
        [0, 1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [-1, 1, 1, 0, 0, 0],
        [0] * 6,
    ]
    near = faithfulness()
    values = tuple((estimate(0.515), estimate(0.485), *row[2:]) for row in near.values)
    _, cells, _ = table(attribution(faithfulness=faithfulness(values=values)))
    assert [list(row[1:3]) for row in cells.z[:3]] == [[0, 0]] * 3


def test_the_caption_says_who_was_refused_and_who_could_not_be_used():
    caption = drawn(attribution())["faithfulness"].caption
    assert "Refused: occlusion (no better than random)." in caption
    assert "Could not be used: DeepLift (it needs layers that it knows)." in caption
    assert "95% interval (bootstrap, n = 7 episodes)" in caption
    clean = drawn(attribution(faithfulness=faithfulness(refused=("", "", ""), skipped=())))
    assert "Refused" not in clean["faithfulness"].caption
    assert "Could not" not in clean["faithfulness"].caption


def test_shares_of_kept_actions_and_changes_of_the_value_are_lines_over_their_bands():
    result = attribution()
    one = drawn(result)["reliance"]
    traces = one.figure.data
    assert len(traces) == 16
    for start, rows in ((0, result.reliance.keeps_action), (8, result.reliance.value_changes)):
        for i, row in enumerate(rows):
            band, line = traces[start + 2 * i : start + 2 * i + 2]
            assert list(line.y) == [e.value for e in row]
            assert list(line.x) == [0, 1]
            assert list(band.x) == [0, 1, 1, 0]
            assert list(band.y) == [row[0].high, row[1].high, row[1].low, row[0].low]
    names = [trace.name for trace in traces[1:8:2]]
    assert names == [
        *("only the salient part", "all but the salient part"),
        *("only a random part", "all but a random part"),
    ]
    assert [trace.line.dash for trace in traces[1:8:2]] == ["solid", "solid", "dot", "dot"]
    assert len({trace.marker.symbol for trace in traces[1:8:2]}) == 4
    assert one.figure.layout.xaxis.ticktext == ("0.5", "0.9")
    assert "share of states whose action stays" in one.caption and "Right:" in one.caption


def test_continuous_actions_stay_close_and_without_a_critic_there_is_one_panel():
    one = drawn(continuous(reliance=reliance(value_changes=())))["reliance"]
    assert len(one.figure.data) == 8
    assert one.figure.layout.yaxis.title.text == "closeness of the actions"
    assert "exp(−change in half ranges)" in one.caption and "Right" not in one.caption


def test_masked_returns_are_bars_with_the_clean_one_beside_them():
    result = attribution()
    bars = drawn(result)["masked-returns"].figure.data
    assert [bar.name for bar in bars][0] == "everything"
    assert [list(bar.y) for bar in bars] == [[102.0], [90.0], [20.0], [30.0], [80.0]]
    # of five in a row, Student's half width is 1.963
    assert [bar.error_y.array[0] for bar in bars] == pytest.approx([1.963] * 5, abs=1e-3)
    hatched = [bool(bar.marker.pattern.shape) for bar in bars]
    assert hatched == [False, False, False, True, True]
    assert (
        "said, at every step, by integrated gradients." in drawn(result)["masked-returns"].caption
    )


def test_what_was_not_measured_is_not_drawn():
    unplayed = reliance(played=(), clean=np.empty(0), returns=np.empty((4, 0, 0)), shifts=(),
                        overlaps=(), rank_correlations=(), predictability=None)  # fmt: skip
    found = drawn(attribution(reliance=unplayed))
    assert "masked-returns" not in found and "stability" not in found


def test_overlap_and_correlation_of_each_shift_stand_beside_chance():
    one = drawn(attribution())["stability"]
    overlap, correlation = one.figure.data
    assert list(overlap.x) == [0.8, 0.6] and list(correlation.x) == [0.95, 0.7]
    assert list(overlap.error_x.array) == pytest.approx([0.01] * 2)
    assert one.figure.layout.yaxis.ticktext == ("observation noise", "brightness")
    # of two numbers one is salient, and a random one is the same in half of the states
    assert one.figure.layout.shapes[0].x0 == 0.5 and "at 0.5, is the overlap" in one.caption
    assert "less that of the average map, is 0.12 [0.11, 0.13]" in one.caption
    untold = drawn(attribution(reliance=reliance(predictability=None)))["stability"]
    assert "ROC" not in untold.caption


def rows(one) -> list[tuple[str, ...]]:
    return list(zip(*one.figure.data[0].cells["values"], strict=True))


def test_a_row_says_what_would_have_to_be_different():
    one = drawn(attribution(), CART)["what-if"]
    assert one.figure.data[0].header["values"][:6] == (
        *("where", "it does", "it would do", "if", "were", "instead of"),
    )
    # states 0, 2, 4, … of two features: the second is 1, 3, 5, 7 and 0.25 more
    assert rows(one)[:2] == [
        ("episode 0, step 0", "left", "right", "sensor 1 (rad)", "1.25", "1", "+0.25", "0.5"),
        ("episode 0, step 10", "right", "right", "sensor 1 (rad)", "3.25", "3", "+0.25", "0.5"),
    ]
    assert len(rows(one)) == 4
    assert "Of the 5 states that were examined, 1 keeps the action" in one.caption
    assert "by up to 3 usual changes" in one.caption


def test_decreases_are_taken_where_they_are_nearer_and_units_tell_what_is_near():
    changes = np.array([[[0.2, 0.6], [1.0, np.inf], [0.3, 0.2]]])
    question = what_if(1, 3, cases=np.array([2]), changes=changes, units=np.array([0.1, 1.0, 0.2]),
                       becomes=np.array([[[1, 0], [1, -1], [0, 1]]]))  # fmt: skip
    one = drawn(attribution((0.2, 0.5, 0.3), 3, what_if=question))["what-if"]
    # states are 6, 7, 8; in usual changes the distances are 2, 1 and 1
    assert rows(one) == [
        ("episode 1, step 0", "left", "right", "sensor 1", "6", "7", "−1", "1"),
        ("", "", "right", "sensor 2", "8.2", "8", "+0.2", "1"),
    ]
    assert "none keeps the action" in one.caption


def test_of_many_states_a_few_are_told_from_beginning_to_end():
    one = drawn(attribution((0.5, 0.5), 100))["what-if"]
    assert len(rows(one)) == STATES and NEAREST > 1
    assert rows(one)[0][0] == "episode 0, step 0" and rows(one)[-1][0] == "episode 49, step 0"


def test_features_that_never_change_change_no_mind_and_an_empty_table_is_left_out():
    question = what_if(units=np.zeros(2))
    assert np.isinf(question.distances).all()
    found = drawn(attribution(what_if=question))
    assert "what-if" not in found and "turns" in found


def test_with_memory_the_newest_observation_is_told():
    result = recurrent()
    row = rows(drawn(result)["what-if"])[0]
    assert row[5] == f"{result.states[0, -1, -1]:g}"


def test_shares_of_states_that_a_feature_turns_are_bars_from_the_largest():
    (bars,) = drawn(attribution(), CART)["turns"].figure.data
    assert list(bars.x) == [0.8, 0.0]
    assert list(bars.error_x.array) == pytest.approx([0.01, 0])
    one = drawn(attribution(), CART)["turns"]
    assert one.figure.layout.yaxis.ticktext == ("sensor 1 (rad)", "sensor 0 (m)")
    assert "the 5 examined states" in one.caption and "n = 7 episodes" in one.caption


def test_curves_go_from_the_smallest_rho_to_the_largest():
    hidden = reliance(rhos=(0.9, 0.5))
    one = drawn(attribution(reliance=hidden))["reliance"]
    kept = hidden.keeps_action[0]
    assert list(one.figure.data[1].y) == [kept[1].value, kept[0].value]
    assert one.figure.data[0].y[0] == kept[1].high
    assert one.figure.layout.xaxis.ticktext == ("0.5", "0.9")


def test_of_several_actions_at_once_a_change_leads_to_something_else():
    result = attribution(outputs=("a", "b"), decision=np.ones((5, 2, 2)),
                         chosen=np.array([[0, 1]] * 5))  # fmt: skip
    assert rows(drawn(result)["what-if"])[0][1:3] == ("left and right", "something else")
    assert "choices" in drawn(result)


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0, "0.00"), (0.00057, "6e-4"), (0.0023, "0.002"), (-0.5, "-0.50"), (12.3, "12"),
     (36_000_000.0, "3.6e7"), (0.9999, "1.00")],
)  # fmt: skip
def test_numbers_in_cells_have_few_digits(value, told):
    values = ((estimate(value, 0.0), *faithfulness().values[0][1:]), *faithfulness().values[1:])
    _, cells, _ = table(attribution(faithfulness=faithfulness(values=values)))
    assert f">{told}…{told}<" in cells.text[0][1]
