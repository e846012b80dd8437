import runpy
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from torch import nn

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "shapley.py"


@pytest.fixture(scope="module")
def shapley():
    return runpy.run_path(str(BENCHMARK))


@pytest.fixture
def task(shapley):
    return shapley["random_task"](nn.Tanh, 4, 3, 10)


def test_both_explain_the_same_states_and_find_the_same(shapley, task):
    ours, theirs = shapley["ours"](task), shapley["theirs"](task)
    np.testing.assert_allclose(ours.values, theirs.values, atol=1e-6)
    assert task.missing(ours.values) < 1e-6 < task.missing(2 * ours.values)


def test_ratios_are_printed_for_every_way(shapley, task):
    console = Console(record=True, width=140)
    console.print(shapley["compared"](task, 1, 2))
    text = console.export_text()
    assert "sampled in 2 runs" in text and "shap, exact" in text and "1.000 (1.000 to" in text
