import base64
import dataclasses
import json
import math

import numpy as np
import plotly.io
import pytest
from direction_sets import ALONG, directions, estimate, impact

from policyscope.images import frames_of, radial_spectrum
from policyscope.reports.figures import draw
from policyscope.reports.figures.direction_images import PANELS, SIDE
from policyscope.reports.figures.direction_set import BARS
from policyscope.reports.figures.direction_times import EPISODES, POINTS, peaks
from policyscope.reports.report import Played

CART = Played("Cart-v0", "Cart-v0", {}, ("sensor 0 (m)", "sensor 1 (rad)"), ())
STACK = (2, 5, 5)


def image(shape=STACK, **changes):
    flat = np.zeros(math.prod(shape))
    flat[0], flat[-1] = 0.6, -0.8
    return directions(flat, shape, **changes)


def drawn(result, environment=None):
    return {one.name: one for one in draw("d", result, environment)}


def test_vectors_and_images_are_drawn_with_the_most_telling_first():
    vectors = ["d-impact", "d-principal", "d-correlations", "d-shares", "d-times", "d-windows"]
    assert list(drawn(directions())) == vectors
    assert list(drawn(image())) == [*vectors[:2], "d-spectrum", *vectors[2:]]


def test_returns_are_drawn_where_the_observations_were_moved():
    moved = impact(losses=(10, 5, 60, 70, 1), epsilons=(0.2, 0.5, 1.0))
    figure = drawn(directions(impact=moved))["d-impact"].figure
    returns, changes = figure.data[: len(ALONG)], figure.data[len(ALONG) :]
    for i in range(len(ALONG)):
        assert returns[i].name == changes[i].name == ALONG[i]
        for j in range(3):
            mean = moved.mean_return(i, j)
            assert returns[i].y[j] == mean.value
            assert returns[i].y[j] + returns[i].error_y.array[j] == pytest.approx(mean.high)
            assert returns[i].y[j] - returns[i].error_y.arrayminus[j] == pytest.approx(mean.low)
        assert list(changes[i].y) == [r.value for r in moved.responses[i]]
        assert list(changes[i].error_y.array) == pytest.approx([0.01, 0.02, 0.03])
    assert figure.layout.xaxis.ticktext == ("0.2", "0.5", "1")
    assert figure.layout.xaxis.title.text == "length of the step (standard deviations)"
    assert "share of decisions" in figure.layout.yaxis2.title.text
    # no two marks stand on one place, and none at another distance's
    places = np.array([trace.x for trace in returns])
    assert len(np.unique(places)) == places.size and np.all(np.rint(places) == [0, 1, 2])


def test_ways_are_told_apart_by_colour_and_shape():
    traces = drawn(directions())["d-impact"].figure.data[: len(ALONG)]
    assert len({trace.marker.color for trace in traces}) == len(ALONG)
    assert len({trace.marker.symbol for trace in traces}) == len(ALONG)


def test_the_clean_return_is_a_line_with_its_interval():
    figure = drawn(directions())["d-impact"].figure
    band, line = figure.layout.shapes
    assert line.y0 == line.y1 == 102
    # 100 to 104: standard deviation 1.5811, Student's half width 2.776 × 1.5811 / √5
    assert (band.y0, band.y1) == pytest.approx((102 - 1.963, 102 + 1.963), abs=1e-3)


@pytest.mark.parametrize(("discrete", "words"), [(True, "decisions"), (False, "half ranges")])
def test_without_an_environment_changes_of_decisions_are_drawn(discrete, words):
    unplayed = dataclasses.replace(
        impact(discrete=discrete), clean=np.empty(0), returns=np.empty((5, 2, 0))
    )
    found = drawn(directions(impact=unplayed, shifts=(), correlations=()))
    assert "d-correlations" not in found
    figure = found["d-impact"].figure
    assert len(figure.data) == len(ALONG) and figure.data[0].showlegend
    assert list(figure.data[2].y) == [0.2, 0.25]
    assert words in figure.layout.yaxis.title.text and words in found["d-impact"].caption
    assert found["d-impact"].title.endswith("changes")
    assert "the left" not in found["d-impact"].caption


def test_features_are_bars_with_their_sign_the_largest_first():
    one = drawn(directions((0.6, -0.8)), CART)["d-principal"]
    (bars,) = one.figure.data
    assert list(bars.x) == [-0.8, 0.6]
    assert one.figure.layout.yaxis.ticktext == ("sensor 1 (rad)", "sensor 0 (m)")
    assert one.figure.layout.yaxis.range[0] > one.figure.layout.yaxis.range[1]
    assert len(set(bars.marker.color)) == 2
    assert "64.0% of the direction's squared length" in bars.hovertext[0]
    assert "sign of an eigenvector is arbitrary" in one.caption
    assert "60.0% of the gradients' squared length" in one.caption


def test_of_many_features_the_largest_are_shown_and_the_caption_counts_the_others():
    direction = np.full(376, math.sqrt(0.5 / 375))
    direction[300] = -math.sqrt(0.5)
    one = drawn(directions(direction))["d-principal"]
    assert len(one.figure.data[0].x) == BARS
    assert one.figure.data[0].x[0] == direction[300]
    hidden = 0.5 * (375 - BARS + 1) / 375
    assert f"{BARS} largest of 376 weights; the 351 hidden ones hold {hidden:.1%}" in one.caption


def test_features_that_were_left_out_are_counted_and_names_may_be_missing():
    result = directions(scale=np.array([2.0, 0.0]), features=())
    one = drawn(result)["d-principal"]
    assert "Features that never changed were left out: 1." in one.caption
    assert one.figure.layout.yaxis.ticktext == ("feature 1", "feature 0")


def test_names_are_not_read_as_markup():
    result = directions(features=("<a href='http://x'>y</a>", "n" * 1000))
    figure = drawn(result)["d-principal"].figure
    assert "<a" not in figure.to_json() and len(figure.layout.yaxis.ticktext[1]) < 100


@pytest.mark.parametrize("shape", [(2, 5, 5), (12, 12, 2), (5, 5)])
def test_images_are_heat_maps_of_every_frame(shape):
    result = image(shape)
    one = drawn(result)["d-principal"]
    frames = frames_of(np.abs(result.directions[0]).reshape(shape))
    assert len(one.figure.data) == len(frames) == (1 if len(shape) == 2 else 2)
    for trace, frame in zip(one.figure.data, frames, strict=True):
        np.testing.assert_array_equal(trace.z, np.rint(100 * frame / 0.8))
    assert "frame 1 " in one.caption and "sign is arbitrary" in one.caption


def test_of_the_squared_length_each_frame_has_its_part():
    assert "there is in frame 1 36%, frame 2 64%." in drawn(image())["d-principal"].caption


def test_atari_frames_stay_small_in_the_page_and_survive_it():
    rng = np.random.default_rng(0)
    direction = rng.standard_normal(4 * 84 * 84)
    found = drawn(directions(direction / np.linalg.norm(direction), (4, 84, 84)))
    text = found["d-principal"].figure.to_json()
    assert len(text) < 60_000
    z = json.loads(text)["data"][3]["z"]
    read = np.frombuffer(base64.b64decode(z["bdata"]), z["dtype"]).reshape(84, 84)
    np.testing.assert_array_equal(read, found["d-principal"].figure.data[3].z)


def test_large_images_are_reduced_to_the_largest_of_each_block_and_many_frames_thinned():
    shape = (10, 3 * SIDE + 1, 20)
    flat = np.zeros(shape)
    flat[0, 4, 7], flat[9, 3 * SIDE, 19] = 0.6, 0.8
    one = drawn(directions(flat.ravel(), shape))["d-principal"]
    assert len(one.figure.data) == len(PANELS)
    assert one.figure.data[0].z.shape == (math.ceil((3 * SIDE + 1) / 4), 20)
    assert one.figure.data[0].z[1, 7] == 75 and one.figure.data[0].z.sum() == 75
    assert one.figure.data[-1].z[-1, 19] == 100
    assert "6 of 10 are drawn" in one.caption and "the largest of each 4 × 4" in one.caption


def test_the_spectrum_has_a_line_for_each_frame_and_one_for_chance():
    result = image()
    one = drawn(result)["d-spectrum"]
    for trace, frame in zip(one.figure.data, result.spectrum, strict=True):
        assert list(trace.y) == list(frame)
    assert len({trace.line.dash for trace in one.figure.data}) == 2
    # the magnitude of a complex normal of variance ½ has mean √(π/4 · ½)
    assert one.figure.layout.shapes[0].y0 == pytest.approx(0.6267, abs=1e-4)


def test_a_random_direction_has_the_spectrum_that_is_said_of_it():
    drawn_at_random = np.random.default_rng(0).standard_normal((4, 64, 64))
    spectrum = radial_spectrum(drawn_at_random / np.linalg.norm(drawn_at_random))
    one = drawn(image((4, 5, 5), spectrum=spectrum))["d-spectrum"]
    assert one.figure.layout.shapes[0].y0 == pytest.approx(spectrum[:, 5:40].mean(), rel=0.02)


def test_correlations_stand_beside_the_independent_run_and_chance():
    one = drawn(directions())["d-correlations"]
    rows = one.figure.data
    assert [row.x[0] for row in rows] == [0.9, 0.2, 0.88, 0.05]
    assert [row.y[0] for row in rows] == [0, 1, 2, 3]
    bottom, top = one.figure.layout.yaxis.range
    assert bottom > 3 and top < 0  # the first at the top, the last in sight
    assert rows[1].error_x.array[0] == pytest.approx(0.01)
    assert [row.marker.symbol for row in rows] == ["circle", "diamond", "diamond", "circle"]
    band, line = one.figure.layout.shapes
    assert (band.x0, band.x1) == pytest.approx((0.89, 0.91)) and line.x0 == 0.05
    assert "observation noise" in one.figure.layout.yaxis.ticktext[2]
    assert one.figure.layout.xaxis.range == (0, 1.02)


def test_shares_are_bars_and_the_rest_one_more():
    three = directions((0.6, -0.8, 0.0))
    bars, others = drawn(three)["d-shares"].figure.data
    assert list(bars.y) == [0.6, 0.1] and others.y[0] == pytest.approx(0.3)
    assert list(bars.error_y.array) == pytest.approx([0.01, 0.01])
    assert len(drawn(directions())["d-shares"].figure.data) == 1


def test_rounding_leaves_no_negative_rest():
    result = directions((0.6, -0.8, 0.0), shares=(estimate(0.9), estimate(0.1 + 1e-15)))
    assert drawn(result)["d-shares"].figure.data[1].y[0] == 0


def test_captions_say_what_intervals_are_and_of_how_many():
    captions = {name: one.caption for name, one in drawn(directions(unit="blocks")).items()}
    assert "95% interval (Student t, n = 5 episodes)" in captions["d-impact"]
    assert "95% interval (bootstrap, n = 7 blocks)" in captions["d-impact"]
    assert "95% interval (bootstrap, n = 7 blocks)" in captions["d-correlations"]
    assert "95% interval (bootstrap, n = 7 blocks)" in captions["d-shares"]
    assert "n = 7 episodes" in captions["d-times"]
    assert "n = 7 pairs" in captions["d-windows"]


def test_time_is_drawn_episode_by_episode():
    figure = drawn(directions())["d-times"].figure
    assert [list(trace.y) for trace in figure.data] == [[0, 1, 2], [3, 4, 5, 6, 7]]
    assert [shape.y0 for shape in figure.layout.shapes] == [1, 5]
    assert figure.layout.yaxis.domain[0] > figure.layout.yaxis2.domain[1]
    assert figure.layout.xaxis.anchor == "y2"


def test_long_episodes_keep_their_peaks_and_few_episodes_are_drawn():
    norms = np.zeros(POINTS * 7)
    norms[1234] = 5
    steps, values = peaks(norms)
    assert len(steps) == POINTS and values.sum() == 5 and steps[values.argmax()] == 1234
    result = directions(lengths=np.full(10, len(norms)), norms=np.tile(norms, 10))
    one = drawn(result)["d-times"]
    assert len(one.figure.data) == EPISODES
    assert f"{EPISODES} of 10 episodes" in one.caption
    assert "largest of about 7 successive steps" in one.caption


def test_windows_are_a_map_with_numbers():
    (cells,) = drawn(directions())["d-windows"].figure.data
    np.testing.assert_array_equal(cells.z, directions().windows)
    assert (cells.zmin, cells.zmax) == (0, 1) and cells.texttemplate


@pytest.mark.parametrize("windows", [np.empty((0, 0)), np.ones((1, 1))])
def test_missing_parts_are_left_out(windows):
    result = directions(windows=windows, window_correlation=None, oscillation=None)
    found = drawn(result)
    assert "d-windows" not in found
    assert "standard deviation over" not in found["d-times"].caption


def test_states_that_follow_no_other_have_no_time():
    alone = directions(lengths=np.ones(8, int), windows=np.ones((1, 1)), window_correlation=None)
    assert "d-times" not in drawn(alone)


def constant():
    flat = impact(episodes=2)
    flat.returns[:] = flat.clean[:] = 500
    return directions((1.0, 0.0), norms=np.zeros(8), impact=flat)


@pytest.mark.parametrize(
    "result",
    [
        constant(),
        image((1, 1)),
        directions((1.0,)),
        directions(lengths=np.array([8])),
        directions(impact=impact(epsilons=(0.3,))),
        directions(impact=impact(epsilons=tuple(range(1, 30)))),
    ],
    ids=["constant", "one pixel", "one feature", "one episode", "one distance", "29 distances"],
)
def test_degenerate_answers_are_drawn_with_finite_numbers(result, monkeypatch):
    found = drawn(result)
    first = [one.figure.to_json() for one in found.values()]
    assert not any(word in text for text in first for word in ("NaN", "Infinity", "null,null"))
    assert all(one.caption.endswith(".") and one.title for one in found.values())
    monkeypatch.setattr(plotly.io.templates, "default", "plotly_dark")
    assert [one.figure.to_json() for one in drawn(result).values()] == first


@pytest.mark.parametrize(
    ("changes", "step", "one"),
    [
        ({}, "0.2 standard deviations", "1 standard deviation"),
        ({"scale": np.ones(2)}, "0.2 environment units", "1 environment unit"),
    ],
)
def test_a_step_says_its_unit(changes, step, one):
    result = directions(**changes)
    assert (result.steps(0.2), result.steps(1.0)) == (step, one)
    assert f"({step.partition(' ')[2]})" in drawn(result)["d-impact"].figure.layout.xaxis.title.text
    assert image(scale=np.full(50, 255.0)).steps(2) == "2 pixel ranges"
