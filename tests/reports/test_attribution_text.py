"""The terminal's summary of attributions."""

import dataclasses
import io

import pytest
from explained import attribution, continuous, faithfulness, image
from rich.console import Console

from policyscope.reports.report import Entry
from policyscope.reports.text import SHOWN, summary


@pytest.fixture
def lines(cartpole_report):
    """What is printed of one answer, in the width of a terminal."""

    def printed(result):
        alone = {"entries": {"saliency": Entry({}, result)}, "findings": (), "notices": ()}
        shown = io.StringIO()
        report = dataclasses.replace(cartpole_report, **alone)
        Console(width=80, file=shown).print(summary(report))
        found = shown.getvalue().splitlines()
        assert max(map(len, found)) <= 80
        return [line.strip() for line in found[found.index("saliency") + 1 :]]

    return printed


def test_importance_stands_first_and_the_most_important_at_the_top(lines):
    head, first, second, *_ = lines(attribution((0.3, 0.7)))
    assert head.split() == ["feature", "importance", "interval"]
    assert first.split()[:5] == ["sensor", "1", "70.0%", "[69.0%,", "71.0%]"]
    assert second.startswith("sensor 0")


def test_methods_are_ranked_above_chance_and_the_refused_are_marked(lines):
    head, *rows = lines(attribution())[3:8]
    assert head.split() == ["method", "insertion", "deletion", "advantage", "over", "random"]
    assert rows[0].split() == ["integrated", "gradients", "0.90", "0.10", "0.30", "[0.29,", "0.31]"]
    assert rows[2].split()[:3] == ["occlusion", "0.70", "0.30"] and rows[2].endswith("✗ refused")
    assert rows[3].split() == ["random", "0.50", "0.50"]


def test_of_many_methods_the_best_are_shown(lines):
    count = SHOWN + 4
    tried = faithfulness(
        methods=tuple(f"method {i}" for i in range(count)),
        refused=("",) * count,
        advantages=(0.1,) * count,
        values=faithfulness().values[:1] * count,
    )
    names = [
        line[:8] for line in lines(attribution(faithfulness=tried)) if line.startswith("method ")
    ]
    assert names[1:] == [f"method {i}" for i in range(SHOWN)]


@pytest.mark.parametrize(
    ("result", "what"), [(attribution(), "action kept"), (continuous(), "closeness of actions")]
)
def test_what_hiding_does_is_one_sentence(lines, result, what):
    words = " ".join(lines(result)[8:])
    assert words == (
        f"{what} when only a part is left, ρ = 0.9: salient 90%, removed 40%, random 50%, "
        "random removed 80%"
    )


def test_images_have_no_table_of_features(lines):
    printed = lines(image())
    assert printed[0].startswith("method") and len(printed) == 7


def test_without_methods_there_is_no_ranking(lines):
    assert not [
        line
        for line in lines(attribution(faithfulness=faithfulness((), ())))
        if line.startswith("method")
    ]
