import typing

import certificates
import direction_sets
import disturbed
import explained
import numpy as np
import outcomes
import plotly.io
import pytest
import shared_out
import written
from hypothesis import example, given
from hypothesis import strategies as st

from policyscope.reports.figures import draw
from policyscope.reports.figures.episode_returns import EPISODES
from policyscope.reports.report import Played
from policyscope.reports.results import EpisodeReturns, Failed, NotApplicable, Result

CART = Played(
    id="Cart-v0",
    played="Cart-v0",
    arguments={},
    features=("position (m)", "angle (rad)"),
    actions=("push left", "push right"),
)


def returns(values, arms=("clean", "noisy", "random")) -> EpisodeReturns:
    values = np.array(values, float)
    return EpisodeReturns(
        arms=arms,
        returns=values,
        lengths=np.arange(values.size).reshape(values.shape),
        truncated=values > 2,
        confidence=0.95,
    )


EXAMPLES = [
    returns([[1, 2, 3], [4, 5, 6], [0, 1, 2]]),
    explained.attribution(),
    explained.continuous(),
    explained.recurrent(),
    explained.image(),
    direction_sets.directions(),
    direction_sets.compared(),
    certificates.certificate(),
    certificates.actions(alone="there is no environment to play in"),
    outcomes.outcome(),
    disturbed.outcome(),
    shared_out.shapley_values(),
    written.sparse_equations(),
    written.without_dynamics(),
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
        tabular = one.figure.data[0].type in ("table", "heatmap")  # with their headings in cells
        assert one.figure.layout.xaxis.title.text or tabular


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
