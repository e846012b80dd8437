"""The benchmark measures what it says, and keeps running."""

import runpy
from pathlib import Path

import numpy as np
import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "sindy.py"


@pytest.fixture(scope="module")
def benchmark():
    return runpy.run_path(str(BENCHMARK))


@pytest.mark.parametrize("degree", [2, 3])
def test_both_ensembles_find_the_planted_terms(benchmark, degree):
    states, targets, truth = benchmark["planted"](1000, degree)
    ours, theirs = (benchmark[who](states, targets, degree) for who in ("own", "reference"))
    np.testing.assert_array_equal(ours != 0, truth)
    np.testing.assert_array_equal(theirs != 0, truth)


def test_noise_hides_terms_and_its_absence_does_not(benchmark):
    data, names = benchmark["linear"](), ("x", "v", "u")
    found = benchmark["found"]
    assert found(data, names, 1, {"x", "v", "u"}, 0.0) == "exact"
    assert found(data, names, 1, {"x", "v"}, 0.0) == "+"
    assert "−" in found(data, names, 1, {"x", "v", "u"}, 3.0)
