"""Overlays: what is drawn are the frames and the maps, and it is small."""

import base64
import io
import json

import numpy as np
import pytest
from explained import image
from PIL import Image

from policyscope.reports.figures import draw
from policyscope.reports.figures.attribution_images import AGAINST, FOR, PICTURES, SIDE, picture
from policyscope.reports.report import Played

GAME = Played("Game-v0", "Game-v0", {}, (), ("stay", "fire"))


def overlays(result, environment=None):
    return draw("s", result, environment)[0]


def pixels(source: str) -> np.ndarray:
    kind, _, data = source.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)


def colour(code: str) -> list[int]:
    return list(bytes.fromhex(code[1:]))


def test_a_picture_is_grey_where_nothing_counts_and_coloured_by_sign_and_size():
    grey = np.array([[0.0, 1.0, 0.2], [0.6, 0.6, 0.6]])
    credit = np.array([[[0.0, 0.0, 2.0], [-2.0, 1.0, 0.0]]])
    found = pixels(picture(grey, credit))
    assert found[0].tolist() == [[0, 0, 0], [255, 255, 255], colour(FOR)]
    assert found[1, 0].tolist() == colour(AGAINST)
    half = [(153 + part) / 2 for part in colour(FOR)]
    assert found[1, 1] == pytest.approx(half, abs=1)
    assert found[1, 2].tolist() == [153] * 3


def test_a_map_of_nothing_leaves_the_frame():
    assert (
        pixels(picture(np.full((2, 3), 0.4), np.zeros((1, 2, 3)))).tolist() == [[[102] * 3] * 3] * 2
    )


@pytest.mark.parametrize("memory", [False, True])
def test_the_newest_frame_lies_under_its_own_map(memory):
    frames = np.zeros((1, 4, 3, 5))
    frames[0, -1, 0, 0], frames[0, 0, 2, 2] = 255, 255
    credit = np.zeros((1, 1, 4, 3, 5))
    credit[0, 0, -1, 1, 4], credit[0, 0, 1, 1, 1] = 1, 1
    changes = {"states": frames, "decision": credit, "value": -credit, "baseline": frames[0]}
    if memory:
        older = {
            "states": frames * 0,
            "decision": credit * 0,
            "value": credit,
            "baseline": frames[0],
        }
        changes = {
            name: np.stack([older[name], changes[name]], axis=changes[name].ndim - 3)
            for name in changes
        }
        changes["credit_of_past"] = image().reliance.overlaps
        changes["each"] = np.empty((1, 0, 2, 4, 3, 5))
    one = overlays(image((4, 3, 5), 1, **changes))
    decision, value = (pixels(trace.source) for trace in one.figure.data[:2])
    assert decision[0, 0].tolist() == [255] * 3 and decision[2, 2].tolist() == [0] * 3
    assert decision[1, 4].tolist() == colour(FOR) and decision[1, 1].tolist() == [0] * 3
    assert value[1, 4].tolist() == colour(AGAINST)
    assert "It holds 50% of the credit that all 4 channels have here." in one.caption
    assert "That of the value is by gradient: orange raises it" in one.caption


def test_the_slider_goes_through_states_by_name_of_their_action():
    result = image(count=5)
    one = overlays(result, GAME)
    steps = one.figure.layout.sliders[0].steps
    assert [step.label for step in steps] == [
        "episode 0, step 0: stay",
        "episode 0, step 10: fire",
        "episode 1, step 0: stay",
        "episode 1, step 10: fire",
        "episode 2, step 0: stay",
    ]
    assert "goes through 5 of 5 explained states of 3 episodes" in one.caption
    assert overlays(result).figure.layout.sliders[0].steps[1].label.endswith("action 1")
    first = [trace.source for trace in one.figure.data[:2]]
    assert steps[0].args[0]["source"] == tuple(first) or steps[0].args[0]["source"] == first
    assert len({json.dumps(step.args[0]["source"]) for step in steps}) == 5
    assert all(list(step.args[1]) == [0, 1] for step in steps)


def test_pictures_of_noise_stay_below_three_megabytes():
    rng = np.random.default_rng(0)
    shape = (4, 200, 160)
    noise = image(
        shape,
        150,
        states=rng.integers(0, 256, (150, *shape), np.uint8),
        decision=rng.standard_normal((150, 1, *shape)).astype(np.float32),
    )
    figure = overlays(noise).figure
    assert len(figure.layout.sliders[0].steps) == PICTURES // 2
    assert max(pixels(figure.data[0].source).shape) <= SIDE
    assert len(str(figure.to_json())) < 3e6


def test_large_frames_are_averaged_and_of_maps_the_strongest_pixel_stays():
    states, credit = np.zeros((1, 256, 256), np.uint8), np.zeros((1, 1, 256, 256))
    states[0, 0, :2] = 200
    credit[0, 0, 9, 9], credit[0, 0, 8, 8] = -3, 1
    result = image((256, 256), 1, states=states, decision=credit, value=np.zeros((1, 0, 256, 256)))
    found = pixels(overlays(result).figure.data[0].source)
    assert found.shape == (128, 128, 3)
    assert found[0, 0].tolist() == [100] * 3 and found[0, 1].tolist() == [0] * 3
    assert found[4, 4].tolist() == colour(AGAINST)


def test_without_a_critic_there_is_one_picture():
    one = overlays(image(critic=False))
    assert [trace.type for trace in one.figure.data] == ["image", "scatter"]
    assert "value" not in one.caption
    assert one.figure.layout.xaxis.title.text == "chosen action"


def test_colours_of_one_frame_are_taken_together():
    states, credit = np.zeros((1, 6, 5, 3)), np.zeros((1, 1, 6, 5, 3))
    states[0, 0, 0] = [0.3, 0.6, 0.9]
    states[0, 1, 1] = 1.0
    credit[0, 0, 2, 2] = [1, 1, -3]
    result = image((6, 5, 3), 1, states=states, decision=credit, value=np.zeros((1, 0, 6, 5, 3)))
    one = overlays(result)
    found = pixels(one.figure.data[0].source)
    assert found[0, 0].tolist() == [153] * 3 and found[1, 1].tolist() == [255] * 3
    assert found[2, 2].tolist() == colour(AGAINST)
    assert "the last 3 of 3 channels" in one.caption and "It holds" not in one.caption


def test_continuous_actions_have_a_picture_each_as_far_as_there_is_room():
    rng = np.random.default_rng(0)
    outputs = tuple(f"motor {i}" for i in range(5))
    decision = rng.standard_normal((5, 5, 4, 6, 5))
    chosen = np.tile(np.arange(5), (5, 1))
    result = image(decision=decision, outputs=outputs, chosen=chosen, discrete=False)
    one = overlays(result)
    titles = [one.figure.layout[f"xaxis{i}"].title.text for i in ("", 2, 3, 4)]
    assert titles == ["motor 0", "motor 1", "motor 2", "value of the state"]
    assert "Only the first 3 of 5 outputs are drawn." in one.caption
    assert one.figure.layout.sliders[0].steps[0].label == "episode 0, step 0"


def test_the_colours_tell_against_from_for_where_any_map_does():
    quiet = np.abs(image().decision)
    ends = {}
    for critic in (True, False):
        axis = overlays(image(critic=critic, decision=quiet)).figure.layout.coloraxis
        ends[critic] = (axis.cmin, axis.colorbar.ticktext)
    assert ends == {True: (-1, ("against", "for")), False: (0, ("nothing", "most"))}
