import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_the_benchmark_prints_what_a_certificate_costs():
    command = ["certify.py", "--episodes", "30,60", "--rounds", "1", "--seconds", "0.2"]
    ran = subprocess.run(
        [sys.executable, *command], cwd=BENCHMARKS, capture_output=True, text=True, check=True
    )
    assert "ratio" in ran.stdout and "memory" in ran.stdout
