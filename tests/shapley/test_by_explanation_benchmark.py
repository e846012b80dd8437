import runpy
from pathlib import Path

import handmade
import numpy as np
import pytest
from gymnasium import spaces

from policyscope.shapley.by_explanation import LinearPolicy, Refused

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "by_explanation.py"


@pytest.fixture(scope="module")
def benchmark():
    return runpy.run_path(str(BENCHMARK))


def test_both_ways_are_read_off_the_same_policy(benchmark):
    seen = np.random.default_rng(0).standard_normal((60, 2)).astype(np.float32)
    policy = handmade.policy(handmade.linear([[3.0, 1.0], [-3.0, -1.0]]), 2, spaces.Discrete(2))
    found = benchmark["read_off"](handmade.subject(policy, seen, [30, 30]))
    assert isinstance(found["as published"], LinearPolicy)
    greedy = (seen @ [3.0, 1.0] < 0).astype(int)
    for way in ("mended", "without explanations"):
        assert isinstance(found[way], LinearPolicy)
        assert (found[way].actions(seen.astype(float)) == greedy).mean() > 0.9


def test_what_is_refused_is_not_judged(benchmark):
    refused = Refused("they are alike", 0.0)
    assert benchmark["judged"](None, refused) == ("refused", "")
