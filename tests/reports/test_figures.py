import dataclasses
import typing

import certificates
import direction_sets
import numpy as np
import plotly.io
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policyscope.reports.figures import draw
from policyscope.reports.figures.attribution import BARS, PANELS, STATES
from policyscope.reports.figures.canvas import COLOURS
from policyscope.reports.figures.episode_returns import EPISODES
from policyscope.reports.report import Played
from policyscope.reports.results import Attribution, EpisodeReturns, Failed, NotApplicable, Result
from policyscope.statistics import Estimate

CART = Played(
    id="Cart-v0",
    played="Cart-v0",
    arguments={},
    features=("position (m)", "angle (rad)"),
    actions=("push left", "push right"),
)


def estimate(value: float) -> Estimate:
    return Estimate(value, value - 0.01, value + 0.02, 0.9, 7, "bootstrap")


def returns(values, arms=("clean", "noisy", "random")) -> EpisodeReturns:
    values = np.array(values, float)
    return EpisodeReturns(
        arms=arms,
        returns=values,
        lengths=np.arange(values.size).reshape(values.shape),
        truncated=values > 2,
        confidence=0.95,
    )


def attribution(importance, states=5, outputs=("chosen action",), names=None) -> Attribution:
    """Contributions and states are all different, and importance is as given."""
    d = len(importance)
    numbers = np.arange(states * len(outputs) * d, dtype=float)
    return Attribution(
        features=names or tuple(f"sensor {i}" for i in range(d)),
        outputs=outputs,
        states=np.arange(states * d, dtype=float).reshape(states, d),
        episodes=np.arange(states) // 2,
        chosen=np.repeat(np.arange(states)[:, None] % 2, len(outputs), 1),
        baseline=np.arange(d, dtype=float) + 0.5,
        contributions=1 + numbers.reshape(states, len(outputs), d),
        gradients=np.ones((states, len(outputs), d)),
        importance=tuple(map(estimate, importance)),
        sensitivity=tuple(estimate(value / 2) for value in importance),
        completeness_error=estimate(0.0),
    )


EXAMPLES = [
    returns([[1, 2, 3], [4, 5, 6], [0, 1, 2]]),
    attribution([0.3, 0.7]),
    direction_sets.directions(),
    direction_sets.compared(),
    certificates.certificate(),
    NotApplicable("needs gradients"),
    Failed("ValueError: no"),
]


def test_every_result_type_has_an_example_here():
    assert {type(example) for example in EXAMPLES} == set(typing.get_args(Result))


@pytest.mark.parametrize("result", EXAMPLES, ids=lambda result: type(result).__name__)
def test_every_result_with_numbers_is_drawn_with_words_and_axis_titles(result):
    drawn = draw("analyzer", result)
    assert bool(drawn) == bool(result.MEASURES)
    assert len({one.name for one in drawn}) == len(drawn)
    for one in drawn:
        assert one.name.startswith("analyzer-") and one.title and one.caption.endswith(".")
        assert one.figure.layout.xaxis.title.text


@pytest.mark.parametrize("result", EXAMPLES, ids=lambda result: type(result).__name__)
def test_a_figure_depends_on_nothing_but_its_result(result, monkeypatch):
    first = [one.figure.to_json() for one in draw("analyzer", result, CART)]
    monkeypatch.setattr(plotly.io.templates, "default", "plotly_dark")
    assert [one.figure.to_json() for one in draw("analyzer", result, CART)] == first


def test_dots_stand_at_the_returns_and_whiskers_at_the_intervals():
    result = returns([[1, 2, 6], [4, 5, 6], [0, 1, 2]])
    traces = draw("returns", result)[0].figure.data
    for arm in range(3):
        dots, mean = traces[2 * arm : 2 * arm + 2]
        expected = result.mean(arm)
        assert list(dots.x) == list(result.returns[arm])
        assert mean.x[0] == expected.value
        assert mean.x[0] + mean.error_x.array[0] == pytest.approx(expected.high)
        assert mean.x[0] - mean.error_x.arrayminus[0] == pytest.approx(expected.low)


def test_differences_are_paired_by_episode():
    result = returns([[1, 2, 6], [4, 5, 6], [0, 1, 2]])
    traces = draw("returns", result)[1].figure.data
    assert [list(dots.x) for dots in traces[::2]] == [[1, 1, 4], [4, 4, 4]]
    assert [mean.x[0] for mean in traces[1::2]] == [result.advantage(0).value, 4]


def test_the_reference_alone_differs_from_nothing():
    (drawn,) = draw("returns", returns([[1, 2, 3]], arms=("clean",)))
    assert drawn.name == "returns-episodes"


def test_the_caption_says_what_the_interval_is():
    caption = draw("returns", returns([[1, 2, 3], [0, 0, 1]], arms=("clean", "random")))[0].caption
    assert "95% interval (Student t, n = 3 episodes)" in caption


@example([3] * 60)
@given(st.lists(st.integers(-5, 5), min_size=2, max_size=60))
def test_no_dot_hides_another_or_leaves_its_row(values):
    dots = draw("returns", returns([values], arms=("clean",)))[0].figure.data[0]
    assert len(set(zip(dots.x, dots.y, strict=True))) == len(values)
    assert min(dots.y) >= 0 and max(dots.y) < 0.75


def test_many_episodes_are_thinned_and_the_caption_says_so():
    values = np.arange(2 * EPISODES + 1)
    drawn = draw("returns", returns([values], arms=("clean",)))[0]
    shown = drawn.figure.data[0].x
    assert len(shown) == EPISODES and set(np.diff(shown)) == {2, 3}
    assert (shown[0], shown[-1]) == (values[0], values[-1])
    assert f"{EPISODES} of {len(values)} are drawn" in drawn.caption
    assert drawn.figure.data[1].x[0] == values.mean()


def test_bars_and_diamonds_are_the_shares_from_the_most_important_down():
    bars, diamonds = draw("saliency", attribution([0.2, 0.5, 0.3]))[0].figure.data
    assert list(bars.x) == [0.5, 0.3, 0.2]
    assert list(diamonds.x) == [0.25, 0.15, 0.1]
    assert list(bars.error_x.array) == pytest.approx([0.02] * 3)
    assert list(bars.error_x.arrayminus) == pytest.approx([0.01] * 3)
    assert np.all(np.diff(bars.y) > 0)
    axis = draw("saliency", attribution([0.2, 0.5, 0.3]))[0].figure.layout.yaxis
    assert axis.ticktext == ("sensor 1", "sensor 2", "sensor 0")
    assert axis.range[0] > axis.range[1]  # so that the first is at the top


def test_many_features_are_cut_off_and_the_caption_says_what_is_hidden():
    importance = np.full(BARS + 15, 1 / (BARS + 15))
    bars, dependence = draw("saliency", attribution(importance))
    assert len(bars.figure.data[0].x) == BARS
    assert f"{BARS} most important of 40 features; the 15 hidden ones have 37.5%" in bars.caption
    assert len(dependence.figure.data) == 2 * len(PANELS)
    assert "6 of 40 features, the most important first." in dependence.caption


def test_few_features_are_all_shown_and_nothing_is_said_to_be_hidden():
    drawn = draw("saliency", attribution([0.5, 0.5]))[0]
    assert len(drawn.figure.data[0].x) == 2
    assert "hidden" not in drawn.caption


def test_dependence_dots_are_values_and_contributions_of_the_chosen_actions():
    result = attribution([0.3, 0.7], states=5)
    left, right = draw("saliency", result, CART)[1].figure.data[:2]  # of the second feature
    assert list(left.x) == list(result.states[[0, 2, 4], 1])
    assert list(left.y) == list(result.contributions[[0, 2, 4], 0, 1])
    assert list(right.x) == list(result.states[[1, 3], 1])
    assert list(right.customdata) == [0, 1]


def test_chosen_actions_are_told_apart_by_name_colour_and_shape():
    left, right, *others = draw("saliency", attribution([0.3, 0.7]), CART)[1].figure.data
    assert (left.name, right.name) == ("push left", "push right")
    assert left.marker.color != right.marker.color
    assert left.marker.symbol != right.marker.symbol
    assert [other.showlegend for other in others] == [False, False]


def test_more_actions_than_colours_are_not_told_apart():
    result = attribution([1.0], states=20)
    result.chosen[:, 0] = np.arange(20) % (len(COLOURS) + 1)
    (dots,) = draw("saliency", result)[1].figure.data
    assert len(dots.x) == 20 and not dots.showlegend


def test_many_states_are_thinned_and_the_caption_says_so():
    drawn = draw("saliency", attribution([1.0], states=STATES * 4))[1]
    assert sum(len(dots.x) for dots in drawn.figure.data) == STATES
    assert f"{STATES} of {STATES * 4} are drawn" in drawn.caption


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_a_feature_is_shown_for_its_largest_part_whatever_the_units_of_outputs(scale):
    result = attribution([0.6, 0.4], outputs=("hip", "knee"))
    result.contributions[:] = [[1.0, 9.0], [2.0, 1.0]]
    result.contributions[:, 0] *= scale
    layout = draw("saliency", result)[1].figure.layout
    assert layout.yaxis.title.text.endswith("knee")
    assert layout.yaxis2.title.text.endswith("hip")


def test_axes_carry_the_environments_units():
    result = attribution([0.3, 0.7], names=("position", "angle"))
    layout = draw("saliency", result, CART)[1].figure.layout
    assert (layout.xaxis.title.text, layout.xaxis2.title.text) == ("angle (rad)", "position (m)")
    assert draw("saliency", result)[1].figure.layout.xaxis.title.text == "angle"


def test_names_are_shown_as_they_are_and_not_read_as_markup():
    result = attribution([0.3, 0.7], names=("<a href='http://x'>y</a>", "n" * 1000))
    bars, dependence = draw("saliency", result)
    assert bars.figure.layout.yaxis.ticktext[1] == "&lt;a href='http://x'&gt;y&lt;/a&gt;"
    assert len(bars.figure.layout.yaxis.ticktext[0]) < 100
    assert "<a" not in dependence.figure.to_json() + bars.figure.to_json()


def test_captions_say_what_intervals_rest_on():
    whole = attribution([0.5, 0.5])
    blocks = dataclasses.replace(whole, unit="blocks of consecutive steps")
    for result, unit in ((whole, "episodes"), (blocks, "blocks of consecutive steps")):
        importance, dependence = draw("saliency", result)
        assert f"n = 7 {unit}) of each alone" in importance.caption
        assert dependence.caption.endswith(f"States are from 7 {unit}.")
