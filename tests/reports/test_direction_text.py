import dataclasses
import io

import numpy as np
import pytest
from direction_sets import directions, estimate, impact
from rich.console import Console

from policyscope.reports.report import Entry
from policyscope.reports.text import summary


@pytest.fixture
def lines(cartpole_report):
    """What is printed of one answer, in the width of a terminal."""

    def printed(result):
        alone = {"entries": {"directions": Entry({}, result)}, "findings": (), "notices": ()}
        shown = io.StringIO()
        report = dataclasses.replace(cartpole_report, **alone)
        Console(width=80, file=shown).print(summary(report))
        found = shown.getvalue().splitlines()
        assert max(map(len, found)) <= 80
        return [line.rstrip() for line in found[found.index("directions") + 1 :]]

    return printed


def test_returns_stand_in_a_row_for_each_way_and_a_column_for_each_distance(lines):
    head, *rows = lines(directions(impact=impact((12, 0, 0, 0, 0))))
    assert head.split("  ")[0] == " return, moved by"
    assert head.endswith("0.2  1 standard deviation")
    # of 100 to 104, Student's half width is 1.963
    assert rows[0].split() == ["principal", "102", "[100,", "104]", "90", "[88.04,", "91.96]"]
    assert [row.split()[0] for row in rows[1:5]] == ["principal+", "principal-", "gradient",
                                                     "random"]  # fmt: skip


def test_the_quotient_of_the_lowest_shifts_stands_beside_the_independent_run_and_chance(lines):
    shifts = ("independent_run", *"abcd")
    found = tuple(estimate(value) for value in (0.9, 0.8, 0.1, 0.7, 0.2))
    words = " ".join(" ".join(lines(directions(shifts=shifts, correlations=found))[6:]).split())
    assert words == (
        "Λ, 1 where the direction stays: independent run 0.90 [0.89, 0.91], b 0.10 [0.09, 0.11], "
        "d 0.20 [0.19, 0.21], 2 higher, chance 0.05"
    )


@pytest.mark.parametrize(
    ("discrete", "head", "cell"),
    [(True, "decisions changed,", "15% [13%, 17%]"), (False, "change of actions,", "0.15 [0.13")],
)
def test_without_an_environment_changes_stand_in_the_table(lines, discrete, head, cell):
    unplayed = dataclasses.replace(
        impact(discrete=discrete), clean=np.empty(0), returns=np.empty((5, 2, 0))
    )
    found = lines(directions(impact=unplayed, shifts=(), correlations=()))
    assert head in found[0] and cell in found[2] and len(found) == 6


def test_of_many_distances_three_are_shown(lines):
    found = lines(directions(impact=impact(epsilons=tuple(np.arange(1.0, 8.0).tolist()))))
    assert found[0].split()[3:] == ["1", "4", "7", "standard", "deviations"]
