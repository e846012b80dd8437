import math
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def published():
    return runpy.run_path(str(BENCHMARKS / "published_returns.py"))


def test_differences_are_measured_in_the_standard_errors_of_both_samples(published):
    sample, welch = published["Sample"], published["welch"]
    assert welch(sample(10, 3, 9), sample(5, 8, 4)) == pytest.approx(5 / math.sqrt(1 + 16))


def test_samples_without_any_spread_agree_only_where_they_are_equal(published):
    sample, welch = published["Sample"], published["welch"]
    assert welch(sample(500, 0, 100), sample(500, 0, 300)) == 0
    assert welch(sample(499, 0, 100), sample(500, 0, 300)) == -math.inf


def test_what_was_measured_here_stands_in_where_nothing_was_published(published):
    row = {"published_return_std": "", "note": "measured here -74.7±11.9 (100 episodes)"}
    assert str(published["reference"](row)[0]) == "-74.7 ± 11.9 (100)"


@pytest.mark.slow
def test_the_speed_benchmark_prints_a_ratio():
    command = ["rollouts.py", "--episodes", "20", "--rounds", "1", "--seconds", "0.2"]
    ran = subprocess.run(
        [sys.executable, *command], cwd=BENCHMARKS, capture_output=True, text=True, check=True
    )
    assert "ratio: median" in ran.stdout


@pytest.mark.slow
def test_published_policies_earn_what_was_published(checkpoints):
    ran = subprocess.run(
        [sys.executable, BENCHMARKS / "published_returns.py", checkpoints, "--episodes", "20"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
