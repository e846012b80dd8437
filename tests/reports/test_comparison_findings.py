import numpy as np
import pytest
from direction_sets import compared

from policyscope.reports.findings.comparison import compared_directions, compared_returns
from policyscope.reports.results import EpisodeReturns


@pytest.mark.parametrize(
    ("result", "titles"),
    [
        (
            compared(),
            ["Disjoint directions", "No more oscillation of its gradient",
             "No more concentration on few features"],
        ),
        (
            compared(across=0.97, oscillation=(1.5, 1.1), concentration=(0.5, 1.0)),
            ["No disjoint directions", "More oscillation of its gradient",
             "More concentration on few features"],
        ),
        (
            # more than the first, but no more than another run of the first
            compared(oscillation=(1.5, 1.5), concentration=(0.5, 0.5)),
            ["Disjoint directions", "No more oscillation of its gradient",
             "No more concentration on few features"],
        ),
        (
            compared(oscillation=(0.5, 1.0), concentration=(2.0, 1.0)),
            ["Disjoint directions", "No more oscillation of its gradient",
             "No more concentration on few features"],
        ),
    ],
)  # fmt: skip
def test_a_claim_holds_only_beyond_what_two_runs_of_one_policy_differ_by(result, titles):
    assert [finding.title for finding in compared_directions("directions", result)] == titles


def test_a_moment_of_rank_one_is_said_to_be_one():
    def said(share):
        return next(compared_directions("d", compared(share=share))).sentence

    assert "rank one" in said(0.99) and "rank one" not in said(0.5)


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [(5.0, "the second returns more"), (-5.0, "the second returns less"), (0.0, "no difference")],
)
def test_which_returns_more_is_said_with_its_interval(gain, verdict):
    first = np.array([1.0, 2.0, 3.0])
    result = EpisodeReturns(
        arms=("second", "first"),
        returns=np.stack([first + gain + [0.1, -0.1, 0.0], first]),
        lengths=np.ones((2, 3), int),
        truncated=np.zeros((2, 3), bool),
        confidence=0.95,
    )
    (finding,) = compared_returns("returns", result)
    assert verdict in finding.sentence and "same 3 episodes" in finding.sentence
