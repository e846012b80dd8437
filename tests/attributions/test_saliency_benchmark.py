import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "saliency.py"


@pytest.fixture(scope="module")
def saliency():
    return runpy.run_path(str(BENCHMARK))


def test_both_explain_the_same_states_and_ours_is_as_exact_as_promised(saliency):
    task = saliency["random_task"](nn.Tanh, 20)
    ours, theirs = saliency["ours"](task), saliency["theirs"](task, 64)
    assert task.error(ours) <= saliency["EXACT"]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert task.error(2 * ours) == pytest.approx(1, rel=1e-3)


def test_captum_is_given_as_many_steps_as_it_needs_and_no_more(saliency):
    task = saliency["random_task"](nn.Tanh, 20)
    steps = saliency["steps_needed"](task, 64)
    assert task.error(saliency["theirs"](task, steps)) <= saliency["EXACT"]
    assert steps == 8 or task.error(saliency["theirs"](task, steps // 2)) > saliency["EXACT"]
    assert saliency["steps_needed"](saliency["random_task"](nn.ReLU, 20), 16) == 16


def test_ratios_are_printed_for_every_policy(saliency):
    tasks = [saliency["random_task"](nn.ReLU, 8), saliency["image_task"](1)]
    console = Console(record=True, width=120)
    console.print(saliency["integrated"](tasks[:1], 1, 8))
    console.print(saliency["gradients"](tasks, 1))
    text = console.export_text()
    assert text.count("captum, batched") == 2
    assert text.count("random ReLU") == 2 and "1 images" in text
    assert torch.isfinite(saliency["our_gradients"](tasks[1])).all()
