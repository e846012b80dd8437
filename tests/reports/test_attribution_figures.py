"""Figures of vectors' maps: importance, dependence, choices, time, and how far back."""

import dataclasses
import json

import numpy as np
import pytest
from explained import attribution, continuous, estimate, faithfulness, image, recurrent

from policyscope.reports.figures import draw
from policyscope.reports.figures.attribution import BARS
from policyscope.reports.figures.attribution_times import COLUMNS, FEATURES, KINDS
from policyscope.reports.figures.canvas import COLOURS
from policyscope.reports.figures.dependence import ACTIONS, DOTS, PANELS, ROWS, STATES
from policyscope.reports.report import Played

CART = Played(
    id="Cart-v0",
    played="Cart-v0",
    arguments={},
    features=("position (m)", "angle (rad)"),
    actions=("push left", "push right"),
)


def drawn(result, environment=None):
    return {one.name.removeprefix("s-"): one for one in draw("s", result, environment)}


def test_maps_come_first_then_whether_they_are_true():
    rest = ["curves", "faithfulness", "reliance", "masked-returns", "stability"]
    vectors = ["importance", "dependence", "choices", "over-time"]
    questions = ["what-if", "turns"]
    assert list(drawn(attribution())) == [*vectors, *rest, *questions]
    assert list(drawn(recurrent())) == [*vectors[:3], "past", vectors[3], *rest, *questions]
    assert list(drawn(continuous())) == [*vectors, *rest]
    assert list(drawn(image())) == ["overlays", *rest]


def test_bars_and_diamonds_are_the_shares_from_the_most_important_down():
    figure = drawn(attribution([0.2, 0.5, 0.3]))["importance"].figure
    bars, diamonds = figure.data
    assert list(bars.x) == [0.5, 0.3, 0.2]
    assert list(diamonds.x) == [0.25, 0.15, 0.1]
    assert list(bars.error_x.array) == pytest.approx([0.01] * 3)
    assert list(bars.error_x.arrayminus) == pytest.approx([0.01] * 3)
    assert np.all(np.diff(bars.y) > 0)
    axis = figure.layout.yaxis
    assert axis.ticktext == ("sensor 1", "sensor 2", "sensor 0")
    assert axis.range[0] > axis.range[1]  # so that the first is at the top


def test_without_gradients_there_are_no_diamonds_and_no_words_about_them():
    one = drawn(attribution(sensitivity=()))["importance"]
    assert len(one.figure.data) == 1 and "Diamonds" not in one.caption


MAPS = ("importance", "dependence", "over-time", "past")


@pytest.mark.parametrize("figure", MAPS)
def test_every_map_says_whose_it_is(figure):
    caption = drawn(recurrent())[figure].caption
    assert caption.startswith("Maps are by integrated gradients, the most faithful of 3 methods.")


@pytest.mark.parametrize("figure", MAPS)
def test_every_map_warns_where_no_method_passes(figure):
    doubted = faithfulness(refused=("no better than random", "x", "y"))
    caption = drawn(recurrent(faithfulness=doubted))[figure].caption
    assert caption.startswith("Do not believe this picture: no method passed.")
    assert "refused (no better than random)" in caption


def test_maps_of_single_scores_are_those_of_a_method_that_adds_up():
    caption = drawn(attribution())["choices"].caption
    assert caption.startswith("Maps are by gradient, the most faithful of the methods whose maps")
    doubted = faithfulness(refused=("", "worse than chance", ""))
    caption = drawn(attribution(faithfulness=doubted))["choices"].caption
    assert caption.startswith("Do not believe this picture. Maps are by gradient, refused (worse")


def test_where_no_method_could_be_used_nothing_is_ranked_and_maps_are_doubted():
    found = drawn(attribution(faithfulness=faithfulness((), ())))
    assert "curves" not in found and "faithfulness" not in found
    assert found["importance"].caption.startswith("Do not believe this picture")


def test_many_features_are_cut_off_and_the_caption_says_what_is_hidden():
    importance = np.full(BARS + 15, 1 / (BARS + 15)).tolist()
    found = drawn(attribution(importance))
    bars, dependence = found["importance"], found["dependence"]
    assert len(bars.figure.data[0].x) == BARS
    assert f"{BARS} most important of 40 features; the 15 hidden ones have 37.5%" in bars.caption
    assert len(dependence.figure.data) == 2 * len(PANELS)
    assert "6 of 40 features, the most important first." in dependence.caption


def test_few_features_are_all_shown_and_nothing_is_said_to_be_hidden():
    one = drawn(attribution([0.5, 0.5]))["importance"]
    assert len(one.figure.data[0].x) == 2 and "hidden" not in one.caption


def test_dependence_dots_are_values_and_contributions_of_the_chosen_actions():
    result = attribution([0.3, 0.7])
    left, right = drawn(result)["dependence"].figure.data[:2]  # of the second feature
    assert list(left.x) == list(result.states[[0, 2, 4], 1])
    assert list(left.y) == list(result.decision[[0, 2, 4], 0, 1])
    assert list(right.x) == list(result.states[[1, 3], 1])
    assert list(right.customdata) == [0, 1]


def test_with_memory_dots_are_of_the_newest_observation():
    result = recurrent()
    one = drawn(result)["dependence"]
    left = one.figure.data[0]
    assert list(left.x) == list(result.states[[0, 2, 4], -1, 1])
    assert list(left.y) == list(result.decision[[0, 2, 4], 0, -1, 1])
    assert one.figure.layout.shapes[0].x0 == result.baseline[-1, 1]
    assert "of the newest observation" in one.caption


def test_chosen_actions_are_told_apart_by_name_colour_and_shape():
    unnamed = attribution(actions=())
    unnamed.chosen[:, 0] = np.arange(5) % 2
    for result, environment, names in (
        (attribution(), CART, ("left", "right")),
        (unnamed, CART, ("push left", "push right")),
        (unnamed, None, ("action 0", "action 1")),
    ):
        left, right, *others = drawn(result, environment)["dependence"].figure.data
        assert (left.name, right.name) == names
        assert left.marker.color != right.marker.color
        assert left.marker.symbol != right.marker.symbol
        assert [other.showlegend for other in others] == [False, False]


def test_more_actions_than_colours_are_not_told_apart():
    result = attribution([1.0], 20)
    result.chosen[:, 0] = np.arange(20) % (len(COLOURS) + 1)
    (dots,) = drawn(result)["dependence"].figure.data
    assert len(dots.x) == 20 and not dots.showlegend


def test_many_states_are_thinned_and_the_caption_says_so():
    one = drawn(attribution([1.0], STATES * 4))["dependence"]
    assert sum(len(dots.x) for dots in one.figure.data) == STATES
    assert f"{STATES} of {STATES * 4} are drawn" in one.caption


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_a_feature_is_shown_for_its_largest_part_whatever_the_units_of_outputs(scale):
    result = continuous([0.6, 0.4])
    result.decision[:] = [[1.0, 9.0], [2.0, 1.0]]
    result.decision[:, 0] *= scale
    layout = drawn(result)["dependence"].figure.layout
    assert layout.yaxis.title.text.endswith("knee")
    assert layout.yaxis2.title.text.endswith("hip")


def test_axes_carry_the_environments_units():
    result = attribution(features=("position", "angle"))
    layout = drawn(result, CART)["dependence"].figure.layout
    assert (layout.xaxis.title.text, layout.xaxis2.title.text) == ("angle (rad)", "position (m)")
    assert drawn(result)["dependence"].figure.layout.xaxis.title.text == "angle"


MARKUP = "<a href='http://x'>y</a>"


def test_names_are_shown_as_they_are_and_not_read_as_markup():
    tried = faithfulness(
        methods=(MARKUP, "b" * 1000, "c"), skipped=((MARKUP, MARKUP),), refused=("", MARKUP, "")
    )
    result = attribution(
        features=(MARKUP, "n" * 1000),
        actions=(MARKUP, MARKUP + "!"),
        faithfulness=tried,
        method=MARKUP,
    )
    hostile = dataclasses.replace(result, reliance=dataclasses.replace(
        result.reliance, shifts=(MARKUP, "s")))  # fmt: skip
    found = drawn(hostile)
    labels = found["importance"].figure.layout.yaxis.ticktext
    assert labels[1] == "&lt;a href='http://x'&gt;y&lt;/a&gt;" and len(labels[0]) < 100
    assert not [name for name, one in found.items() if "<a" in str(one.figure.to_json())]


def test_captions_say_what_intervals_rest_on():
    for unit in ("episodes", "blocks of consecutive steps"):
        found = drawn(attribution(unit=unit))
        assert f"n = 7 {unit}) of each alone" in found["importance"].caption
        assert found["dependence"].caption.endswith("They are 5 explained states of 3 episodes.")


def test_a_choice_shows_the_maps_of_one_action_or_of_one_against_another():
    result = attribution((0.2, 0.5, 0.3), 4, ("a", "b", "c"))
    figure = drawn(result)["choices"].figure
    (menu,), (dots,) = figure.layout.updatemenus, figure.data
    labels = ["a against b", "a against c", "b against c", "a", "b", "c"]
    assert [button.label for button in menu.buttons] == labels
    each, order = result.each, [1, 2, 0]
    wanted = [each[:, 0] - each[:, 1], each[:, 0] - each[:, 2], each[:, 1] - each[:, 2]]
    for button, maps in zip(menu.buttons, [*wanted, *each.swapaxes(0, 1)], strict=True):
        assert button.method == "restyle"
        assert button.args[0]["x"][0] == pytest.approx(maps[:, order].ravel(), rel=1e-3)
    assert list(dots.x) == menu.buttons[0].args[0]["x"][0]
    assert figure.layout.yaxis.ticktext == ("sensor 1", "sensor 2", "sensor 0")
    assert list(np.rint(dots.y)) == [0, 1, 2] * 4


def test_dots_of_a_choice_are_coloured_from_the_lowest_value_to_the_highest():
    dots = drawn(attribution([0.5, 0.5], 5))["choices"].figure.data[0]
    assert list(dots.marker.color) == np.repeat([0, 0.25, 0.5, 0.75, 1], 2).tolist()
    assert dots.text[:2] == ("0", "1")
    still = attribution(states=np.ones((5, 2)))
    assert set(drawn(still)["choices"].figure.data[0].marker.color) == {0.5}


def test_a_method_without_a_sign_does_not_tell_for_from_against():
    result = attribution(decision=np.abs(attribution().decision))
    assert not result.signed
    found = drawn(result)
    assert "does not tell for what" in found["over-time"].caption
    assert "blue" not in found["over-time"].caption
    assert found["over-time"].figure.layout.coloraxis.cmin == 0
    assert "blue against it" in drawn(attribution())["over-time"].caption


def test_sizes_of_actions_do_not_compete():
    one = drawn(continuous())["choices"]
    labels = [button.label for button in one.figure.layout.updatemenus[0].buttons]
    assert labels == ["hip", "knee"] and "raises" in one.caption
    assert "choices" not in drawn(continuous(outputs=("torque",)))


def test_of_many_actions_those_that_were_chosen_most_can_be_chosen_and_the_figure_stays_small():
    names = tuple(f"move {i}" for i in range(18))
    result = attribution(np.full(30, 1 / 30).tolist(), 1000, names)
    result.chosen[:, 0] = np.repeat(
        [17, 3, 5, 7, 9, 11, 13, 0], [300, 200, 150, 100, 90, 80, 50, 30]
    )
    one = drawn(result)["choices"]
    (menu,), (dots,) = one.figure.layout.updatemenus, one.figure.data
    singles = [button.label for button in menu.buttons if "against" not in button.label]
    assert singles == ["move 3", "move 5", "move 7", "move 9", "move 11", "move 17"]
    assert len(singles) == ACTIONS and len(dots.x) == ROWS * DOTS
    assert f"Only the {ACTIONS} actions" in one.caption
    assert f"the {ROWS} most important of 30" in one.caption
    assert len(str(one.figure.to_json())) < 400_000


def test_a_menu_survives_the_page_as_plain_numbers():
    figure = json.loads(str(drawn(attribution())["choices"].figure.to_json()))
    numbers = figure["layout"]["updatemenus"][0]["buttons"][0]["args"][0]["x"][0]
    assert numbers == list(drawn(attribution())["choices"].figure.data[0].x)


def test_time_is_that_of_the_episode_with_the_most_explained_states():
    result = attribution(
        (0.2, 0.5, 0.3), 6, episodes=np.array([0, 3, 3, 3, 5, 5]), times=np.arange(6) * 10
    )
    one = drawn(result)["over-time"]
    cells, line = one.figure.data
    np.testing.assert_array_equal(cells.z, result.decision[1:4, 0][:, [1, 2, 0]].T)
    assert list(cells.x[:-1]) == [10, 20, 30] and cells.x[-1] > 30
    assert one.figure.layout.xaxis.title.text == "step of episode 3"
    assert one.figure.layout.yaxis.ticktext == ("sensor 1", "sensor 2", "sensor 0")
    assert "3 explained states of episode 3" in one.caption
    assert list(line.x) == [10, 20, 30] and list(line.y) == [1, 0, 1]
    assert one.figure.layout.yaxis2.ticktext == ("left", "right")
    assert line.text == ("right", "left", "right")


def test_colours_of_time_are_as_strong_for_as_against():
    axis = drawn(attribution())["over-time"].figure.layout.coloraxis
    assert axis.cmin == -axis.cmax == -2.0  # of -1, 0, 1 and 2
    assert drawn(attribution(decision=np.zeros((5, 1, 2))))


def test_where_no_episode_has_two_explained_states_there_is_no_time():
    assert "over-time" not in drawn(attribution(episodes=np.arange(5)))


def test_long_episodes_of_many_features_are_thinned_and_many_actions_have_no_strip():
    count = 5 * COLUMNS
    result = attribution(np.full(40, 1 / 40).tolist(), count, episodes=np.zeros(count, int))
    result.chosen[:, 0] = np.arange(count) % (KINDS + 1)
    one = drawn(dataclasses.replace(result, times=np.arange(count)))["over-time"]
    (cells,) = one.figure.data
    assert cells.z.shape == (FEATURES, COLUMNS)
    assert f"{COLUMNS} of {count} are drawn" in one.caption and "line below" not in one.caption


def test_continuous_actions_are_shown_over_time_for_the_output_that_matters_most():
    result = continuous((0.3, 0.7))
    result.decision[:, 0, 1] *= 100
    one = drawn(result)["over-time"]
    (cells,) = one.figure.data
    np.testing.assert_array_equal(cells.z, result.decision[:2, 0][:, [1, 0]].T)
    assert "for hip" in one.caption and "raises it" in one.caption


def test_credit_of_the_past_begins_with_the_newest():
    (bars,) = drawn(recurrent())["past"].figure.data
    assert list(bars.x) == [0, 1, 2] and list(bars.y) == [0.6, 0.3, 0.1]
    assert list(bars.error_y.array) == pytest.approx([estimate(0).high] * 3)
